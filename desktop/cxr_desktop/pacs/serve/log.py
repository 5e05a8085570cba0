"""The service's log on standard error: a line for each thing that happened, without patient data."""

from __future__ import annotations

import logging
import os
import sys
from typing import Final

from cxr_desktop.pacs.libraries import silence_libraries

_SYSLOG: Final = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
"""Levels as sd-daemon(3) writes them."""


class _Lines(logging.Formatter):
    """A time and a level for a person; for journald, which has the time, a level that it understands."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")
        self._journal = "JOURNAL_STREAM" in os.environ

    def format(self, record: logging.LogRecord) -> str:
        if not self._journal:
            return super().format(record)
        return f"<{_SYSLOG.get(record.levelno, 6)}>{record.getMessage()}"


def log_to_stderr() -> None:
    """Log this program's own words from INFO on, and nothing of the libraries that quote data sets."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines())
    own = logging.getLogger("cxr_desktop")
    own.addHandler(handler)
    own.setLevel(logging.INFO)
    own.propagate = False
    silence_libraries()
