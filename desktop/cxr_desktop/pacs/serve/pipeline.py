"""From a film in the spool to a verdict that is kept and results that wait for their peer, one film after another.

A film is done when the store has its verdict, which is written last. What a crash interrupts is therefore done again
from the start, and comes to the same results under the same UIDs, which the outbox takes once.
"""

from __future__ import annotations

import dataclasses
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from cxr_desktop.inference.loading import Loaded
from cxr_desktop.inference.triage import FilmJudged, triage
from cxr_desktop.inference.verdict import Refused, Verdict
from cxr_desktop.intake.decoding import DecodePool
from cxr_shared.errors import CxrError

Deliver = Callable[[Verdict], None]
"""Takes a verdict for good: queues its results and keeps it; a `CxrError` means that it must be tried again."""

_log = logging.getLogger(__name__)
_AT_ONCE: Final = 64
_STUCK_S: Final = 600.0
_AGAIN_S: Final = 15.0


class Pipeline:
    """Scores what is submitted, in order, on a thread of its own.

    Where a verdict cannot be kept (disk full), it is tried again and again and no other film is scored meanwhile: the
    spool fills, and then peers are told to wait.

    Parameters
    ----------
    loaded
        The bundle.
    deliver
        Takes each verdict, on the pipeline's thread.
    on_fault
        Called when this program itself failed at something.
    again_s
        Seconds until a verdict that could not be kept is tried again.
    """

    def __init__(
        self,
        loaded: Loaded,
        deliver: Deliver,
        *,
        on_fault: Callable[[], None] = lambda: None,
        again_s: float = _AGAIN_S,
    ) -> None:
        self._loaded = loaded
        self._deliver = deliver
        self._on_fault = on_fault
        self._again_s = again_s
        self._waiting: queue.SimpleQueue[Path | None] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._pool = DecodePool()
        self._moved = time.monotonic()
        self._busy = False
        self.trouble = ""
        """Why verdicts cannot be kept now, in words; empty where they can."""
        self._thread = threading.Thread(target=self._work, name="cxr-pipeline")

    @property
    def waiting(self) -> int:
        """Films that were submitted and are not in hand."""
        return self._waiting.qsize()

    @property
    def live(self) -> bool:
        """Whether its thread runs, and got somewhere within the last ten minutes or has nothing to do."""
        return self._thread.is_alive() and not (self._busy and time.monotonic() - self._moved > _STUCK_S)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def submit(self, film: Path) -> None:
        """Score this film after those submitted before."""
        self._waiting.put(film)

    def close(self) -> None:
        """End after the film in hand; what waits is scored after the next start."""
        self._stop.set()
        self._waiting.put(None)
        if self._thread.is_alive():
            self._thread.join()
        self._pool.close()

    def _work(self) -> None:
        while not self._stop.is_set():
            films = self._take()
            self._busy, self._moved = True, time.monotonic()
            self._score_all(films)
            self._busy = False

    def _take(self) -> list[Path]:
        """Wait for a film, and take with it what else waits, so that the next is decoded while one is scored."""
        films = [self._waiting.get()]
        while len(films) < _AT_ONCE and not self._waiting.empty():
            films.append(self._waiting.get())
        return [film for film in films if film is not None]

    def _score_all(self, films: Sequence[Path]) -> None:
        done: set[Path] = set()
        try:
            self._score(films, done)
        except Exception as error:  # noqa: BLE001  (a fault costs the film that it lies with, not the service)
            self._fault(error)
            for film in films:
                if film not in done and not self._stop.is_set():
                    self._score_alone(film)

    def _score_alone(self, film: Path) -> None:
        try:
            self._score([film], set())
        except Exception as error:  # noqa: BLE001
            self._fault(error)

    def _score(self, films: Sequence[Path], done: set[Path]) -> None:
        loaded = self._loaded
        events = triage(films, loaded.engine, loaded.provenance, pool=self._pool, stopped=self._stop.is_set)
        for event in events:
            if isinstance(event, FilmJudged):
                self._hand_over(with_content(event.verdict))
                done.add(event.verdict.source)
                self._moved = time.monotonic()

    def _hand_over(self, verdict: Verdict) -> None:
        while not self._stop.is_set():
            try:
                self._deliver(verdict)
            except CxrError as error:
                if not self.trouble:
                    _log.error("a verdict could not be kept and is tried again: %s", error)
                self.trouble, self._moved = str(error), time.monotonic()
                self._stop.wait(self._again_s)
            else:
                self.trouble = ""
                return

    def _fault(self, error: Exception) -> None:
        _log.error("a film could not be scored by a fault of this program (%s); please report it", type(error).__name__)
        self._on_fault()


def with_content(verdict: Verdict) -> Verdict:
    """Name the content of a film that was not read to its end: the spool names its files by it."""
    if isinstance(verdict, Refused) and not verdict.sha256:
        return dataclasses.replace(verdict, sha256=verdict.source.stem)
    return verdict
