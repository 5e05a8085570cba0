"""What a run tells while it works. Only the edge draws: sinks write a log or move a progress bar."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from cxr_shared.errors import OutputError
from cxr_trainer.errors import RunError


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run begins or goes on."""

    target: str
    run: str
    device: str
    resumed: bool


@dataclass(frozen=True, slots=True)
class CachingFilms:
    """Films are being decoded into the cache."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class CohortReady:
    """The films of the run; counts by part and label, notes, the leak in words, films that were refused."""

    counts: dict[str, dict[str, int]]
    split: str
    notes: tuple[str, ...]
    leak: str
    refused: int


@dataclass(frozen=True, slots=True)
class StageStarted:
    """A stage begins; `updates` is how many it will make."""

    stage: str
    updates: int
    detail: str


@dataclass(frozen=True, slots=True)
class Updated:
    """One update; too many to log, for progress only."""

    stage: str
    update: int
    updates: int
    rate: float
    loss: float


@dataclass(frozen=True, slots=True)
class EpochFinished:
    """Figures of one epoch.

    `loss` is Keras's: cross-entropy plus the head's penalties, mean over the epoch's updates. `accuracy` is
    the running training accuracy, with augmentation and dropout, as Keras prints it.
    """

    stage: str
    epoch: int
    update: int
    rate: float
    loss: float
    accuracy: float
    validation_loss: float
    validation_accuracy: float
    validation_auc: float
    seconds: float


@dataclass(frozen=True, slots=True)
class RangeTestFinished:
    """What the learning-rate finder suggests."""

    max_lr: float | None
    base_lr: float | None
    updates: int
    diverged: bool
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class LearningRatesFound:
    """What range tests with several seeds suggest together; `spread` is by suggester, see `range_test.Spread`."""

    target: str
    folder: str
    suggester: str
    max_lr: float | None
    base_lr: float | None
    spread: dict[str, dict[str, float | None]]


@dataclass(frozen=True, slots=True)
class StageFinished:
    """A stage is complete and its model saved."""

    stage: str
    seconds: float


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The run is complete; the best model's test figures."""

    run: str
    best_stage: str
    best_epoch: int
    summary: str


Event: TypeAlias = (
    RunStarted
    | CachingFilms
    | CohortReady
    | StageStarted
    | Updated
    | EpochFinished
    | RangeTestFinished
    | LearningRatesFound
    | StageFinished
    | RunFinished
)
_NOT_LOGGED = (Updated, CachingFilms)
_OF_THE_OCCASION = ("seconds", "run", "resumed", "device")


class Sink(Protocol):
    """Takes events."""

    def emit(self, event: Event) -> None:
        """Take one event."""
        ...


class Fanout:
    """Hands each event to several sinks."""

    def __init__(self, sinks: Iterable[Sink]) -> None:
        self._sinks = list(sinks)

    def emit(self, event: Event) -> None:
        """Hand `event` on."""
        for sink in self._sinks:
            sink.emit(event)


class EventLog:
    """Appends events to ``events.jsonl``, one JSON object a line; updates and cache progress are left out.

    Equal runs write equal bytes: what depends on the clock or on the place goes to `TimingLog`.

    Parameters
    ----------
    path
        The log.
    keep
        Bytes of an existing log that stay: those written before the checkpoint a run resumes from.
    """

    def __init__(self, path: Path, *, keep: int = 0) -> None:
        self._path = path
        with _writing(path):
            path.touch()
            if path.stat().st_size < keep:
                raise RunError(f"{path} is shorter than its checkpoint says: it was changed. Fit again.")
            with path.open("r+b") as stream:
                stream.truncate(keep)

    def emit(self, event: Event) -> None:
        """Append `event` and hand it to the operating system; OutputError where that has no room for it."""
        if isinstance(event, _NOT_LOGGED) or (isinstance(event, RunStarted) and event.resumed):
            return
        fields = {name: value for name, value in event_fields(event).items() if name not in _OF_THE_OCCASION}
        with _writing(self._path), self._path.open("ab") as stream:
            stream.write((json.dumps(fields, ensure_ascii=False) + "\n").encode())

    def size(self) -> int:
        """Bytes written so far, and safely on the disk, for a checkpoint."""
        with _writing(self._path), self._path.open("ab") as stream:
            os.fsync(stream.fileno())
            return stream.tell()


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"Could not write {path}: {error.strerror or error}. Free some space there.") from error


class NoLog:
    """The log of a process that does not write."""

    def emit(self, event: Event) -> None:
        """Drop `event`."""

    def size(self) -> int:
        """Return 0."""
        return 0


class TimingLog:
    """Appends to ``timings.jsonl`` when each event was, on what device, and how long it took.

    Interrupted work that was done again appears twice.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def emit(self, event: Event) -> None:
        """Append `event`'s kind, stage, epoch and seconds with the time of day."""
        if isinstance(event, _NOT_LOGGED):
            return
        kept = ("event", "stage", "epoch", "seconds", "device", "resumed")
        fields = {name: value for name, value in event_fields(event).items() if name in kept}
        line = json.dumps({"at": datetime.now(UTC).isoformat(timespec="milliseconds"), **fields})
        with _writing(self._path), self._path.open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")


def event_fields(event: Event) -> dict[str, Any]:
    """The event as JSON-ready fields, with its kind under ``event``."""
    return {"event": type(event).__name__, **asdict(event)}


def read_events(path: Path, kind: str) -> list[dict[str, Any]]:
    """Events of one kind from a log, in order."""
    lines = path.read_text("utf-8").splitlines()
    return [fields for line in lines if (fields := json.loads(line))["event"] == kind]
