"""Making the runs of a comparison: what is finished is kept, what was begun goes on, what is missing starts.

Policies of a seed share everything before the CLR stage: one run pauses there, and each policy goes on with a copy
of it. So all start from the same model, on the same films in the same order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

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
from cxr_trainer.compare.events import PartFailed, PartStarted
from cxr_trainer.compare.part import attempt, complete
from cxr_trainer.compare.plan import Plan, slug
from cxr_trainer.compare.work import SHARED, Failure, Part, Work
from cxr_trainer.errors import ComparisonError
from cxr_trainer.fit.loop import Stopped
from cxr_trainer.fit.setup import Stop, new_network


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
        reason = attempt(work, self.part, work.run_of(self.part.seed, self.part.choice))
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
        done=run is not None and complete(part, run),
    )
