"""The one thread that scores films for the window."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from cxr_desktop.inference.engine import Engine
from cxr_desktop.inference.triage import TriageEvent, triage
from cxr_desktop.inference.verdict import Provenance
from cxr_desktop.intake.pool import Pool


class Scorer:
    """Scores what is submitted, in order, until it is closed.

    Parameters
    ----------
    engine, provenance
        The loaded bundle.
    pool
        Decodes the films; closed with the scorer.
    on_event
        Called in the scorer's thread with each event of `triage`.
    on_fault
        Called in the scorer's thread with a sentence where a whole submission failed.
    on_idle
        Called in the scorer's thread when all that was submitted is done, with what tells it to end early.
    """

    def __init__(
        self,
        engine: Engine,
        provenance: Provenance,
        *,
        pool: Pool,
        on_event: Callable[[TriageEvent], None],
        on_fault: Callable[[str], None],
        on_idle: Callable[[Callable[[], bool]], None] = lambda _stopped: None,
    ) -> None:
        self._engine = engine
        self._provenance = provenance
        self._on_event = on_event
        self._on_fault = on_fault
        self._on_idle = on_idle
        self._jobs: queue.SimpleQueue[Sequence[Path] | None] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._pool = pool
        self._thread = threading.Thread(target=self._work, name="cxr-scorer")
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether its thread has not ended yet."""
        return self._thread.is_alive()

    def submit(self, files: Sequence[Path]) -> None:
        """Score these files after what was submitted before."""
        self._jobs.put(files)

    def stop(self) -> None:
        """Begin to stop, without waiting; the thread ends its processes and itself after the film in hand."""
        self._stop.set()
        self._jobs.put(None)

    def close(self) -> None:
        """Stop, and wait until thread and processes ended."""
        self.stop()
        self._pool.close()
        self._thread.join()

    def _work(self) -> None:
        while (files := self._jobs.get()) is not None and not self._stop.is_set():
            try:
                for event in triage(files, self._engine, self._provenance, pool=self._pool, stopped=self._stop.is_set):
                    self._on_event(event)
            except Exception as error:  # noqa: BLE001  (the thread goes on with the next films)
                self._on_fault(f"Scoring stopped ({type(error).__name__}). Open the films again to go on.")
            if self._jobs.empty():
                self._on_idle(lambda: self._stop.is_set() or not self._jobs.empty())
        self._pool.close()
