"""Making the runs of a comparison: what is finished is kept, what was begun goes on, what is missing starts.

Policies of a seed share everything before the CLR stage: one run pauses there, and each policy goes on with a copy
of it. So all start from the same model, on the same films in the same order.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cxr_trainer.compare.events import ComparisonEvent, ComparisonSink, PartFailed, PartStarted
from cxr_trainer.compare.plan import Plan, slug
from cxr_trainer.errors import ComparisonError, RangeTestError, TrainingDiverged
from cxr_trainer.fit.checkpoint import load_checkpoint
from cxr_trainer.fit.loop import Stopped
from cxr_trainer.fit.run import Run
from cxr_trainer.fit.session import fit, resume
from cxr_trainer.fit.setup import new_network
from cxr_trainer.recipe import StageName

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

    def tell(self, event: ComparisonEvent) -> None:
        """Hand `event` to every sink."""
        for sink in self.sinks:
            sink.emit(event)


def check_weights(work: Work) -> None:
    """Load the initial weights of every choice that is still to begin, so that none is missed after hours.

    Raises
    ------
    WeightsError
        They cannot be had or do not fit.
    """
    plan = work.plan
    missing = [(seed, choice) for seed in plan.seeds for choice in plan.choices if work.run_of(seed, choice) is None]
    recipes = [plan.recipe_of(seed, choice) for seed, choice in missing]
    for recipe in {recipe.model: recipe for recipe in recipes}.values():
        new_network(recipe)


def run_seeds(work: Work) -> Iterator[list[Failure]]:
    """Make the runs of one seed after the other; each step gives that seed's failures.

    A range test that suggests no rate and a loss that diverges are failures, which end nothing.

    Raises
    ------
    Stopped
        `work.stop` said so; the same call goes on from there.
    CxrError
        As a run does otherwise.
    """
    shared = (SHARED,) if work.plan.axis == "policies" else ()
    places = [(seed, choice) for seed in work.plan.seeds for choice in (*shared, *work.plan.choices)]
    parts = [Part(*place, number, len(places)) for number, place in enumerate(places, 1)]
    for seed in work.plan.seeds:
        yield _run_seed(work, [part for part in parts if part.seed == seed])


def _run_seed(work: Work, parts: list[Part]) -> list[Failure]:
    """Make the runs of a seed; without what its policies share, those that have begun alone."""
    failures: list[Failure] = []
    for part in parts:
        if work.stop():
            raise Stopped
        run = work.run_of(part.seed, part.choice)
        shared = next((failure for failure in failures if failure.choice == SHARED), None)
        if shared and run is None:
            failures.append(Failure(part.seed, part.choice, shared.reason))
        elif reason := _attempt(work, part, run):
            failures.append(Failure(part.seed, part.choice, reason))
            work.tell(PartFailed(part.seed, part.choice, reason))
    return [failure for failure in failures if failure.choice != SHARED]


def _attempt(work: Work, part: Part, run: Run | None) -> str:
    """Make one run; why it could not be made, else nothing."""
    state: Literal["new", "resumed", "finished"] = "new" if run is None else "resumed"
    if run is not None and (run.finished() or (part.choice == SHARED and _paused(run))):
        state = "finished"
    work.tell(PartStarted(part.number, part.total, part.seed, part.choice, state))
    if state == "finished":
        return ""
    try:
        _make(work, part, run)
    except RangeTestError:
        return _refusal(work, part)
    except TrainingDiverged as error:
        return str(error)
    return ""


def _make(work: Work, part: Part, run: Run | None) -> None:
    pause: StageName | None = "clr" if part.choice == SHARED else None
    if run is None and work.plan.axis == "policies" and part.choice != SHARED:
        run = _copy(work, part)
    try:
        _start_or_go_on(work, part, run, pause)
    except RangeTestError:
        refused = work.run_of(part.seed, part.choice)
        if work.fallback_lr is None or refused is None:
            raise
        given = {"clr.max_lr": work.fallback_lr}
        resume(refused, overrides=given, sinks=work.sinks, stop=work.stop, pause_before=pause)


def _start_or_go_on(work: Work, part: Part, run: Run | None, pause: StageName | None) -> None:
    if run is not None and run.checkpoint_path.is_file():
        resume(run, sinks=work.sinks, stop=work.stop, pause_before=pause)
        return
    place = work.place(part.seed, part.choice)
    shutil.rmtree(place, ignore_errors=True)  # killed before its first checkpoint: nothing is lost
    recipe = work.plan.recipe_of(part.seed, part.choice or None)
    fit(
        recipe,
        data=Path(work.plan.data),
        out=place,
        device=work.plan.device,
        sinks=work.sinks,
        stop=work.stop,
        pause_before=pause,
    )


def _copy(work: Work, part: Part) -> Run:
    """Copy of the seed's paused run with the policy of `part`, made whole or not at all."""
    shared = work.run_of(part.seed, SHARED)
    if shared is None or not _paused(shared):
        raise ComparisonError(
            f"{work.place(part.seed, SHARED)} no longer waits before the CLR stage. Compare into another folder."
        )
    place = work.place(part.seed, part.choice)
    growing = place.with_name(f".{place.name}.part")
    shutil.rmtree(growing, ignore_errors=True)
    copied = Run(shutil.copytree(shared.folder, growing / shared.folder.name))
    copied.write_recipe(work.plan.recipe_of(part.seed, part.choice, base=shared.recipe()))
    growing.replace(place)
    return Run(place / shared.folder.name)


def _paused(run: Run) -> bool:
    """Whether `run` waits before its CLR stage."""
    checkpoint = load_checkpoint(run.checkpoint_path)
    return checkpoint is not None and checkpoint.stage == "clr" and checkpoint.update == 0


def _refusal(work: Work, part: Part) -> str:
    run = work.run_of(part.seed, part.choice)
    assert run is not None  # its range test has run
    return (
        f"the range test suggests no learning rate: {run.read_json('range_test.json')['refusal']}. Choose a rate from "
        f"{run.folder}/range_test.json and give the same command with --fallback-lr RATE"
    )
