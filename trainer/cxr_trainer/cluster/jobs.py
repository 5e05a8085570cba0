"""Runs to be made, and who makes them.

A command plans its runs as jobs. An `Executor` does them: `OneByOne` here, `cxr_trainer.cluster.ray_tasks.RayTasks` on
the machines of a cluster. What a job does is the same in both.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from cxr_shared.findings import parse_target
from cxr_trainer.compare.events import ComparisonEvent
from cxr_trainer.fit.events import Event

if TYPE_CHECKING:
    from cxr_trainer.fit.setup import Stop  # imports torch, which the relay's process must not wait for

State = Literal["finished", "failed", "stopped", "broken"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended.

    Attributes
    ----------
    state
        ``finished``; ``failed`` by a fault that lies with this run alone; ``stopped`` on request, to be gone on with;
        ``broken`` by a fault that the next run would meet too.
    said
        The fault in words.
    """

    state: State
    said: str = ""


@dataclass(frozen=True, slots=True)
class JobStarted:
    """A job begins on a machine; `attempt` counts from 1, and more than 1 says that its worker was lost before."""

    node: str
    pid: int
    attempt: int


@dataclass(frozen=True, slots=True)
class JobLost:
    """The job's worker ended before the job did; it will be begun again from its checkpoint."""

    reason: str


@dataclass(frozen=True, slots=True)
class JobEnded:
    """A job ended; `before` says that its run was complete when it was asked for."""

    state: State
    said: str = ""
    before: bool = False


JobEvent: TypeAlias = Event | ComparisonEvent | JobStarted | JobLost | JobEnded
Tell: TypeAlias = Callable[[JobEvent], None]
Listener: TypeAlias = Callable[["Job", JobEvent], None]
"""Takes each event with its job."""


class Work(Protocol):
    """What a job does; it travels to a worker by pickle."""

    def __call__(self, tell: Tell, stop: Stop) -> Outcome:
        """Do it, and say how it ended; `stop` is asked after each update."""
        ...


@dataclass(frozen=True, slots=True)
class Job:
    """One run to be made.

    Attributes
    ----------
    name
        Names it among the jobs of a command, and in storage.
    target, seed
        Of its run, to be shown.
    work
        What is done.
    needs
        Names of jobs that must have finished first.
    alone
        Whether it can be done although those failed: its run has begun before.
    done
        Whether there is nothing left to do.
    """

    name: str
    target: str
    seed: int
    work: Work
    needs: tuple[str, ...] = ()
    alone: bool = False
    done: bool = False

    @property
    def title(self) -> str:
        """The job for a person: ``Hernia``, or ``Hernia, seed 3`` where its name has more than the target."""
        return self.target if self.name == parse_target(self.target).slug else f"{self.target}, seed {self.seed}"


Outcomes: TypeAlias = dict[str, Outcome]


class Executor(Protocol):
    """Does jobs."""

    def run(self, jobs: Sequence[Job], *, listener: Listener, stop: Stop) -> Outcomes:
        """Do `jobs`, each after those it needs; returns how they ended, by name, leaving out those not begun.

        A job that is broken or stopped lets no other begin.
        """
        ...


@dataclass(slots=True)
class Ledger:
    """Which jobs have ended and which may begin: what every executor decides alike."""

    jobs: Mapping[str, Job]
    outcomes: Outcomes = field(default_factory=dict)

    @classmethod
    def of(cls, jobs: Sequence[Job], listener: Listener) -> Ledger:
        """A ledger in which those that are done have ended."""
        ledger = cls({job.name: job for job in jobs})
        for job in jobs:
            if job.done:
                ledger.outcomes[job.name] = Outcome("finished")
                listener(job, JobEnded("finished", before=True))
        return ledger

    def close(self, job: Job, outcome: Outcome, listener: Listener) -> None:
        """Note that `job` ended, and that what cannot do without it has failed too."""
        self.outcomes[job.name] = outcome
        listener(job, JobEnded(outcome.state, outcome.said))
        if outcome.state != "failed":
            return
        for other in self.jobs.values():
            if job.name in other.needs and not other.alone and other.name not in self.outcomes:
                self.close(other, outcome, listener)

    def ready(self) -> list[Job]:
        """Jobs that have not ended and need nothing more."""
        return [
            job
            for job in self.jobs.values()
            if job.name not in self.outcomes and all(need in self.outcomes for need in job.needs)
        ]

    def closed(self) -> bool:
        """Whether no other job may begin."""
        return any(outcome.state in ("stopped", "broken") for outcome in self.outcomes.values())


class OneByOne:
    """Does the jobs in this process, in their order."""

    def run(self, jobs: Sequence[Job], *, listener: Listener, stop: Stop) -> Outcomes:
        """See `Executor`."""
        ledger = Ledger.of(jobs, listener)
        while (ready := ledger.ready()) and not ledger.closed():
            job = ready[0]
            if stop():
                break
            listener(job, JobStarted(platform.node(), os.getpid(), 1))

            def tell(event: JobEvent, job: Job = job) -> None:
                listener(job, event)

            ledger.close(job, job.work(tell, stop), listener)
        return ledger.outcomes


class TellingSink:
    """A sink that hands a run's events to a job's `Tell`."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell

    def emit(self, event: Event | ComparisonEvent) -> None:
        """Hand `event` on."""
        self._tell(event)
