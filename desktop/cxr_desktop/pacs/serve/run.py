"""`cxr-desktop serve`: from the command line to a service that runs until it is told to end."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Final

from cxr_desktop.inference.kinds import Wanted
from cxr_desktop.inference.loading import load, load_bundle
from cxr_desktop.pacs.config import network_path, read_network
from cxr_desktop.pacs.serve.log import log_to_stderr
from cxr_desktop.settings import load_settings, settings_path
from cxr_shared.places import Kept, own_place

_ENDED_BY: Final = (signal.SIGTERM, signal.SIGINT)


def run(bundle: Path | None, *, network: Path | None, state: Path | None, wanted: Wanted, missed: bool) -> int:
    """Serve until SIGTERM or Ctrl-C; returns 0.

    Raises
    ------
    CxrError
        The service cannot begin; the message says why.
    """
    from cxr_desktop.pacs.serve.service import Service  # the first to need the extra

    config = read_network(network or network_path())
    stop = threading.Event()
    for number in _ENDED_BY:
        signal.signal(number, lambda *_: stop.set())
    log_to_stderr()
    loaded = load(load_bundle(bundle), wanted, stopped=stop.is_set)
    policy = load_settings(settings_path()).triage_policy
    with Service(config, loaded, state or state_path(), policy=policy, missed=missed) as service:
        service.run(stop)
    return 0


def state_path() -> Path:
    """Where a service keeps everything unless it is told: the user's place for data."""
    return own_place("service", kept=Kept.DATA)
