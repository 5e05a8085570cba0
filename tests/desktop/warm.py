"""Decoding processes that stay warm from test to test, lent to one window after another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from pathlib import Path

from cxr_desktop.intake.decoding import DecodePool
from cxr_desktop.intake.prepared import DisplayFilm, NotRead, Prepared
from cxr_shared.bundle import InputSpec


class WarmPools:
    """A `MakePool` whose pools end no process: one process decodes for the models, one for the viewer.

    Parameters
    ----------
    film
        Decoded at once, so that threads and processes are there before the first test begins.
    """

    def __init__(self, film: Path) -> None:
        self._scoring, self._showing = DecodePool(workers=1), DecodePool(workers=1)
        for pool in (self._scoring, self._showing):
            assert isinstance(pool.display(film), DisplayFilm)

    def __call__(self, *, workers: int | None = None) -> LentPool:
        return LentPool(self._scoring if workers is None else self._showing)

    def close(self) -> None:
        for pool in (self._scoring, self._showing):
            pool.close()


class LentPool:
    """A pool that gives nothing after its `close`, as one of the window's own would; what it is lent goes on."""

    def __init__(self, pool: DecodePool) -> None:
        self._pool = pool
        self._closed = threading.Event()

    @property
    def workers(self) -> int:
        return self._pool.workers

    def prepare(
        self,
        paths: Iterable[Path],
        spec: InputSpec,
        *,
        thumbnail: int = 0,
        ahead: int = 8,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Iterator[list[Prepared | NotRead]]:
        def ended() -> bool:
            return stopped() or self._closed.is_set()

        for ready in self._pool.prepare(paths, spec, thumbnail=thumbnail, ahead=ahead, stopped=ended):
            if self._closed.is_set():
                return
            yield ready

    def display(self, path: Path) -> DisplayFilm | NotRead:
        self._check()
        film = self._pool.display(path)
        self._check()
        return film

    def close(self) -> None:
        self._closed.set()

    def _check(self) -> None:
        if self._closed.is_set():
            raise CancelledError
