"""Ctrl-C, as every long command takes it."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator

from cxr_trainer.fit.setup import Stop


@contextlib.contextmanager
def stop_on_interrupt() -> Iterator[Stop]:
    """The first Ctrl-C asks to stop, the second interrupts at once."""
    asked = threading.Event()

    def ask(_signal: int, _frame: object) -> None:
        asked.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, before)
