"""What a comparison makes: its runs, and where they lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cxr_trainer.compare.events import ComparisonEvent, ComparisonSink
from cxr_trainer.compare.plan import Plan, slug
from cxr_trainer.fit.events import Event
from cxr_trainer.fit.run import Run

SHARED = ""
"""Stands for a choice where a run is what the choices of a seed share."""


@dataclass(frozen=True, slots=True)
class Part:
    """One run of a comparison: the `number`-th of `total`."""

    seed: int
    choice: str
    number: int
    total: int


@dataclass(frozen=True, slots=True)
class Failure:
    """A run that could not be made, and why."""

    seed: int
    choice: str
    reason: str


@dataclass(frozen=True, slots=True)
class Work:
    """How the runs of a plan are made.

    Attributes
    ----------
    plan, folder
        What is compared, and where.
    fallback_lr
        ``clr.max_lr`` for runs whose range test suggests none; None: such runs are failures.
    sinks
        Take the events of the comparison and of its runs.
    stop
        Asked after each update.
    """

    plan: Plan
    folder: Path
    fallback_lr: float | None
    sinks: tuple[ComparisonSink, ...]
    stop: Callable[[], bool]

    def place(self, seed: int, choice: str) -> Path:
        """The folder that holds the run of a seed and choice."""
        return self.folder / "runs" / f"seed-{seed}" / (slug(choice) or "shared")

    def run_of(self, seed: int, choice: str) -> Run | None:
        """The run of a seed and choice, None where it has not begun."""
        begun = sorted(self.place(seed, choice).glob("*/recipe.toml"))
        return Run(begun[0].parent) if begun else None

    def tell(self, event: Event | ComparisonEvent) -> None:
        """Hand `event` to every sink."""
        for sink in self.sinks:
            sink.emit(event)
