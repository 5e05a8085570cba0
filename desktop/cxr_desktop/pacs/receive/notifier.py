"""Telling whoever works on films that one was kept, without waiting for a listener that is stuck."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

_log = logging.getLogger(__name__)

PATIENCE: Final = 2.0
"""Seconds that an answer waits for the listener; one that is late is not waited for until it has caught up."""
_WAITING: Final = 10_000


class Notifier:
    """Calls a listener from a thread of its own, a film at a time in the order in which they were kept.

    Parameters
    ----------
    on_film
        The listener. What it raises is logged by its type, for its text might name a patient.
    """

    def __init__(self, on_film: Callable[[Path], None]) -> None:
        self._on_film = on_film
        self._films: queue.Queue[tuple[Path, threading.Event] | None] = queue.Queue(_WAITING)
        self._late = False
        self._thread = threading.Thread(target=self._run, name="receiver-films", daemon=True)
        self._thread.start()

    def tell(self, film: Path) -> None:
        """Give a film to the listener, and wait a little until it has taken it."""
        taken = threading.Event()
        try:
            self._films.put_nowait((film, taken))
        except queue.Full:
            _log.error("a kept film waits in the spool until the next start: %d wait before it", _WAITING)
            return
        if not self._late and not taken.wait(PATIENCE):
            self._late = True
            _log.warning("whoever works on received films is slow; they are kept and wait")

    def close(self, within: float) -> None:
        """End the thread after the films that wait, or leave it to its listener after `within` seconds."""
        try:
            self._films.put_nowait(None)
        except queue.Full:
            return
        self._thread.join(within)

    def _run(self) -> None:
        while (entry := self._films.get()) is not None:
            film, taken = entry
            try:
                self._on_film(film)
            except Exception as error:  # noqa: BLE001  (a listener's fault must not end the receiver)
                _log.error("a kept film could not be handed on (%s); it is in the spool", type(error).__name__)
            taken.set()
            if self._films.empty():
                self._late = False
