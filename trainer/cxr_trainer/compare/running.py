"""Making the runs of a comparison: what is finished is kept, what was begun goes on, what is missing starts.

Policies of a seed share everything before the CLR stage: one run pauses there, and each policy goes on with a copy
of it. So all start from the same model, on the same films in the same order.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from cxr_trainer.cluster.fitting import settle
from cxr_trainer.cluster.jobs import (
    Executor,
    Job,
    JobEnded,
    JobEvent,
    JobLost,
    JobStarted,
    Listener,
    Outcome,
    Tell,
    TellingSink,
)
from cxr_trainer.cluster.storage import Folder, Place
from cxr_trainer.compare.events import ComparisonEvent, ComparisonSink, PartFailed, PartStarted
from cxr_trainer.compare.plan import Plan, slug
from cxr_trainer.errors import ComparisonError, RangeTestError, TrainingDiverged
from cxr_trainer.fit.checkpoint import load_checkpoint
from cxr_trainer.fit.events import Event
from cxr_trainer.fit.loop import Stopped
from cxr_trainer.fit.run import Run
from cxr_trainer.fit.session import fit, resume
from cxr_trainer.fit.setup import Stop, new_network
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

    def tell(self, event: Event | ComparisonEvent) -> None:
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


@dataclass(frozen=True, slots=True)
class PartWork:
    """Makes one run of a comparison; what a `cxr_trainer.cluster.jobs.Job` does.

    Attributes
    ----------
    plan, folder, fallback_lr
        As for `Work`; every machine finds `folder` under this path.
    part
        Which run.
    command
        Names the command whose job this is.
    """

    plan: Plan
    folder: Path
    fallback_lr: float | None
    part: Part
    command: str

    def __call__(self, tell: Tell, stop: Stop) -> Outcome:
        """See `cxr_trainer.cluster.jobs.Work`."""
        name = f"runs/seed-{self.part.seed}/{slug(self.part.choice) or 'shared'}"
        return settle(partial(self._make, tell), Folder(self.folder), name, command=self.command, stop=stop)

    def _make(self, tell: Tell, place: Place) -> Outcome:
        work = Work(self.plan, self.folder, self.fallback_lr, (TellingSink(tell),), place.stop)
        reason = _attempt(work, self.part, work.run_of(self.part.seed, self.part.choice))
        if reason:
            tell(PartFailed(self.part.seed, self.part.choice, reason))
        return Outcome("failed", reason) if reason else Outcome("finished")


def run_parts(
    work: Work, jobs: Sequence[Job], *, executor: Executor, view: Listener, seed_done: Callable[[list[Failure]], None]
) -> list[Failure]:
    """Make the runs that are missing and return what could not be made.

    A range test that suggests no rate and a loss that diverges are failures, which end nothing. Policies wait for what
    they share; without it, those that have begun alone are made.

    Parameters
    ----------
    work
        What is compared; its sinks are told everything.
    jobs
        Its runs, from `comparison_jobs`.
    executor
        Makes the runs.
    view
        Takes the events with their jobs.
    seed_done
        Called with the failures so far whenever all runs of a seed have ended.

    Raises
    ------
    Stopped
        `work.stop` said so; the same call goes on from there.
    ComparisonError
        A fault that the other runs would have met too.
    """
    parts = _parts(work.plan)
    failures: list[Failure] = []
    left = Counter(part.seed for part in parts.values())

    def listen(job: Job, event: JobEvent) -> None:
        part = parts[job.name]
        if isinstance(event, JobEnded) and event.before:
            event = PartStarted(part.number, part.total, part.seed, part.choice, "finished")
            _heard(work, view, job, event)
            left[part.seed] -= 1
        elif isinstance(event, JobEnded):
            view(job, event)
            if event.state == "failed" and part.choice != SHARED:
                failures.append(Failure(part.seed, part.choice, event.said))
            left[part.seed] -= event.state in ("finished", "failed")
        else:
            _heard(work, view, job, event)
        if isinstance(event, JobEnded | PartStarted) and left[part.seed] == 0:
            seed_done(failures)

    outcomes = executor.run(jobs, listener=listen, stop=work.stop)
    broken = next((outcome.said for outcome in outcomes.values() if outcome.state == "broken"), None)
    if broken is not None:
        raise ComparisonError(broken)
    if len(outcomes) < len(jobs) or any(outcome.state == "stopped" for outcome in outcomes.values()):
        raise Stopped
    return failures


def comparison_jobs(work: Work, command: str) -> list[Job]:
    """The runs of a comparison; `command` names this command among all that may use the same folder."""
    return [_job(work, part, command) for part in _parts(work.plan).values()]


def nobody(_job: Job, _event: JobEvent) -> None:
    """Look at nothing."""


def _heard(work: Work, view: Listener, job: Job, event: JobEvent) -> None:
    view(job, event)
    if not isinstance(event, JobStarted | JobLost | JobEnded):
        work.tell(event)


def _parts(plan: Plan) -> dict[str, Part]:
    """Every run by its job's name, in the order in which one process makes them."""
    shared = (SHARED,) if plan.axis == "policies" else ()
    places = [(seed, choice) for seed in plan.seeds for choice in (*shared, *plan.choices)]
    parts = [Part(*place, number, len(places)) for number, place in enumerate(places, 1)]
    return {_name(part.seed, part.choice): part for part in parts}


def _name(seed: int, choice: str) -> str:
    return f"{slug(choice) or 'shared'}-seed-{seed}"


def _job(work: Work, part: Part, command: str) -> Job:
    run = work.run_of(part.seed, part.choice)
    waits = work.plan.axis == "policies" and part.choice != SHARED
    return Job(
        _name(part.seed, part.choice),
        work.plan.recipe.target.value,
        part.seed,
        PartWork(work.plan, work.folder, work.fallback_lr, part, command),
        needs=(_name(part.seed, SHARED),) if waits else (),
        alone=run is not None,
        done=run is not None and _complete(part, run),
    )


def _complete(part: Part, run: Run) -> bool:
    return run.finished() or (part.choice == SHARED and _paused(run))


def _attempt(work: Work, part: Part, run: Run | None) -> str:
    """Make one run; why it could not be made, else nothing."""
    state: Literal["new", "resumed", "finished"] = "new" if run is None else "resumed"
    if run is not None and _complete(part, run):
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
