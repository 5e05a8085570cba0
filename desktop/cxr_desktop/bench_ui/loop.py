"""Turning Qt's event loop by hand, and finding out for how long it did not turn."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Self

from PySide6.QtCore import QCoreApplication, QEventLoop, Qt, QTimer

from cxr_shared.errors import CxrError

_BEAT_MS: Final = 2
_TIMEOUT_S: Final = 300.0


class BenchmarkStuckError(CxrError):
    """The window did not come to what was waited for."""


def turn() -> None:
    """Let the window answer what waits, painting included."""
    QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents)


def turn_until(done: Callable[[], bool], what: str) -> None:
    """Let the window answer until something is done.

    Parameters
    ----------
    done
        Asked after each turn.
    what
        What is waited for, in words.

    Raises
    ------
    BenchmarkStuckError
        It took minutes.
    """
    deadline = time.monotonic() + _TIMEOUT_S
    while not done():
        QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
        if time.monotonic() > deadline:
            raise BenchmarkStuckError(f"Waiting for {what} took longer than {_TIMEOUT_S:g} s. Try with fewer films.")


def timed(operation: Callable[[], object]) -> float:
    """Time an operation and the painting that it asks for, in ms."""
    start = time.perf_counter()
    operation()
    turn()
    return (time.perf_counter() - start) * 1e3


class Heart:
    """A timer that beats every two milliseconds while the loop turns; a longer pause is a stall.

    It also keeps `turn_until` awake.
    """

    def __init__(self) -> None:
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._last = 0.0
        self.longest_ms = 0.0

    def __enter__(self) -> Self:
        turn()
        self._last, self.longest_ms = time.perf_counter(), 0.0
        self._timer.start(_BEAT_MS)
        return self

    def __exit__(self, *_: object) -> None:
        self._beat()
        self._timer.stop()

    def _beat(self) -> None:
        now = time.perf_counter()
        self.longest_ms = max(self.longest_ms, (now - self._last) * 1e3 - _BEAT_MS)
        self._last = now
