"""What a comparison tells while it works, besides the events of its runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from cxr_trainer.fit.events import Event


@dataclass(frozen=True, slots=True)
class PartStarted:
    """A run of the comparison begins, goes on or was finished before; `choice` is empty for what choices share."""

    number: int
    total: int
    seed: int
    choice: str
    state: Literal["new", "resumed", "finished"]


@dataclass(frozen=True, slots=True)
class PartFailed:
    """A run could not be made; the comparison goes on without it."""

    seed: int
    choice: str
    reason: str


@dataclass(frozen=True, slots=True)
class ComparisonWritten:
    """Tables, figures and page are written for the runs finished so far."""

    folder: str
    finished: int
    runs: int
    findings: tuple[str, ...]


ComparisonEvent: TypeAlias = PartStarted | PartFailed | ComparisonWritten


class ComparisonSink(Protocol):
    """Takes the events of a comparison and of its runs."""

    def emit(self, event: Event | ComparisonEvent) -> None:
        """Take one event."""
        ...
