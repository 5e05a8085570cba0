"""What jobs do in tests. Workers import this module: it must not take the trainer's long imports."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cxr_trainer.cluster.jobs import JobEvent, Outcome, Tell, Work
from cxr_trainer.fit.events import EpochFinished

Stop = Callable[[], bool]
FINISHED = Outcome("finished")
_PATIENCE_S = 120.0


def epoch(number: int) -> EpochFinished:
    """An epoch of the first stage."""
    return EpochFinished("decay", number, 6 * number, 1e-3, 0.5, 0.8, 0.6, 0.7, 0.875, 1.0)


def die() -> None:
    """End this process as the machine would."""
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class Says:
    """Job that reports given events and returns a given outcome; writes a marker file first where one is named."""

    outcome: Outcome
    events: tuple[JobEvent, ...] = ()
    mark: Path | None = None

    def __call__(self, tell: Tell, stop: Stop) -> Outcome:
        if self.mark is not None:
            self.mark.touch()
        for event in self.events:
            tell(event)
        return self.outcome


@dataclass(frozen=True)
class Waits:
    """Waits until it is to stop."""

    def __call__(self, tell: Tell, stop: Stop) -> Outcome:
        await_stop(stop)
        return Outcome("stopped")


@dataclass(frozen=True)
class Finds:
    """Fails unless a file is there."""

    path: Path

    def __call__(self, tell: Tell, stop: Stop) -> Outcome:
        return FINISHED if self.path.exists() else Outcome("failed", f"{self.path.name} is not there")


@dataclass(frozen=True)
class Dies:
    """Finishes the same epoch and loses its worker each time."""

    def __call__(self, tell: Tell, stop: Stop) -> Outcome:
        tell(epoch(1))
        die()
        return FINISHED


@dataclass(frozen=True)
class GetsOn:
    """Finishes an epoch and loses its worker, so many times; the folder counts them."""

    folder: Path
    epochs: int

    def __call__(self, tell: Tell, stop: Stop) -> Outcome:
        done = len(list(self.folder.iterdir()))
        if done < self.epochs:
            (self.folder / str(done)).touch()
            tell(epoch(done + 1))
            die()
        return FINISHED


@dataclass(frozen=True)
class Stopped:
    """Does other work, which at its first event of a kind waits until it is to stop."""

    work: Work
    at: type

    def __call__(self, tell: Tell, stop: Stop) -> Outcome:
        def telling(event: JobEvent) -> None:
            tell(event)
            if isinstance(event, self.at):
                await_stop(stop)

        return self.work(telling, stop)


@dataclass(frozen=True)
class KilledOnce:
    """Does other work, whose worker is lost at the first event of a kind; the mark says that it was."""

    work: Work
    at: type
    mark: Path

    def __call__(self, tell: Tell, stop: Stop) -> Outcome:
        def telling(event: JobEvent) -> None:
            tell(event)
            if isinstance(event, self.at) and not self.mark.exists():
                self.mark.touch()
                die()

        return self.work(telling, stop)


def await_stop(stop: Stop) -> None:
    """Wait until `stop` says so."""
    end = time.monotonic() + _PATIENCE_S
    while not stop():
        assert time.monotonic() < end, "nobody asked to stop"
        time.sleep(0.02)
