"""Jobs as tasks of a Ray cluster.

Ray could begin a lost task again by itself. It is done here instead, so that a run whose worker dies again and again
without getting anywhere ends with a sentence, and one that gets on may lose any number of workers.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import ray
import torch

from cxr_shared.errors import CxrError
from cxr_trainer.cluster.jobs import Job, JobLost, JobStarted, Ledger, Listener, Outcome, Outcomes
from cxr_trainer.cluster.relay import PROGRESS, SECONDS, Line, Relay
from cxr_trainer.errors import ClusterError

if TYPE_CHECKING:
    from cxr_trainer.fit.setup import Stop

_LOSSES: Final = 5
"""Workers that a run may lose before it finishes a further epoch."""


@dataclass(frozen=True, slots=True)
class Resources:
    """What each run takes: CPUs, which are also its threads, and GPUs or a fraction of one."""

    cpus: int
    gpus: float


def chosen_resources(*, cpus: int | None, gpus: float | None, processes: int, device: str) -> Resources:
    """Fill in what was not asked for from the connected cluster: a GPU for each process where there is one, and a CPU.

    Raises
    ------
    ClusterError
        No machine of the cluster has so much, or `device` and `gpus` contradict each other.
    """
    cluster: Any = ray
    machines = [node["Resources"] for node in cluster.nodes() if node["Alive"]]
    most_gpus = max((machine.get("GPU", 0.0) for machine in machines), default=0.0)
    if gpus is None:
        gpus = 0.0 if device == "cpu" or most_gpus == 0.0 else float(processes)
    chosen = Resources(cpus or processes, gpus)
    if (device == "cuda" and gpus == 0.0) or (device == "cpu" and gpus > 0.0):
        raise ClusterError(f"--device {device} and {gpus:g} GPUs for each run contradict each other. Leave one out.")
    if gpus > 1.0 and gpus != int(gpus):
        raise ClusterError(f"--gpus-per-run {gpus:g}: Ray gives whole GPUs, or one fraction below 1.")
    if not any(m.get("CPU", 0.0) >= chosen.cpus and m.get("GPU", 0.0) >= gpus for m in machines):
        raise ClusterError(
            f"No machine of the cluster has {chosen.cpus} CPUs and {gpus:g} GPUs for one run: the largest has "
            f"{max((m.get('CPU', 0.0) for m in machines), default=0.0):g} and {most_gpus:g}. Give --cpus-per-run and "
            "--gpus-per-run that fit."
        )
    return chosen


def do_job(job: Job, actor: Any, *, threads: int, attempt: int) -> Outcome:  # noqa: ANN401  (Ray's handle)
    """Do a job in a worker, unless the command asks to stop before it begins."""
    torch.set_num_threads(threads)
    line = Line(actor, job.name)
    try:
        line.start(JobStarted(platform.node(), os.getpid(), attempt))
        if line.stop():
            return Outcome("stopped")
        return job.work(line.tell, line.stop)
    finally:
        line.close()


@dataclass(slots=True)
class _Running:
    """Tasks by Ray's reference, attempts and losses by the job's name, and the epochs and stages finished so far."""

    tasks: dict[Any, Job] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)
    losses: dict[str, int] = field(default_factory=dict)
    finished: set[tuple[str, str, int | None]] = field(default_factory=set)

    def note(self, job: str, event: Any) -> None:  # noqa: ANN401  (any event)
        """Reset the count of lost workers of a job that makes progress; a repeated epoch or stage is no progress."""
        if isinstance(event, PROGRESS):
            key = (job, event.stage, getattr(event, "epoch", None))
            if key not in self.finished:
                self.finished.add(key)
                self.losses[job] = 0


class RayTasks:
    """Does jobs on the cluster that this process is connected to; see `cxr_trainer.cluster.jobs.Executor`.

    Parameters
    ----------
    resources
        What each takes. Ray decides where and when.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    def run(self, jobs: Sequence[Job], *, listener: Listener, stop: Stop) -> Outcomes:
        """See `Executor`."""
        relay: Any = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Relay)
        actor = relay.remote()
        ledger, running = Ledger.of(jobs, listener), _Running()
        while True:
            stopping = stop() or ledger.closed()
            if not stopping:
                self._submit(ledger, running, actor)
            if not running.tasks:
                break
            ended, _ = ray.wait(list(running.tasks), num_returns=len(running.tasks), timeout=SECONDS)
            self._hear(ray.get(actor.take.remote(stop=stopping)), ledger, running, listener)
            for task in ended:
                self._settle(task, ledger, running, listener, stopping=stopping)
        return ledger.outcomes

    def _submit(self, ledger: Ledger, running: _Running, actor: Any) -> None:  # noqa: ANN401
        submitted = {job.name for job in running.tasks.values()}
        cpus, gpus = self._resources.cpus, self._resources.gpus
        do: Any = do_job  # Ray's types know no keyword arguments
        for job in ledger.ready():
            if job.name not in submitted:
                attempt = running.attempts[job.name] = running.attempts.get(job.name, 0) + 1
                task: Any = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=0)(do)
                running.tasks[task.remote(job, actor, threads=cpus, attempt=attempt)] = job

    def _hear(self, events: Sequence[Any], ledger: Ledger, running: _Running, listener: Listener) -> None:
        for sent in events:
            running.note(sent.job, sent.event)
            listener(ledger.jobs[sent.job], sent.event)

    def _settle(self, task: Any, ledger: Ledger, running: _Running, listener: Listener, *, stopping: bool) -> None:  # noqa: ANN401
        """Close the job of a task that ended; one whose worker was lost stays open and is submitted again."""
        job = running.tasks.pop(task)
        try:
            outcome = ray.get(task)
        except ray.exceptions.RayTaskError as error:
            cause = error.cause
            if not isinstance(cause, CxrError):  # a fault of the program: shown whole
                raise
            outcome = Outcome("broken", str(cause))
        except ray.exceptions.RayError as error:
            outcome = self._lost(job, error, running, listener, stopping=stopping)
        if outcome is not None:
            ledger.close(job, outcome, listener)

    def _lost(
        self, job: Job, error: Exception, running: _Running, listener: Listener, *, stopping: bool
    ) -> Outcome | None:
        losses = running.losses[job.name] = running.losses.get(job.name, 0) + 1
        reason = type(error).__name__
        listener(job, JobLost(reason))
        if stopping:
            return Outcome("stopped")
        if losses < _LOSSES:
            return None
        return Outcome(
            "failed",
            f"Its worker ended {losses} times without finishing a further epoch ({reason}; out of memory?). Give each "
            "run more, for example with --cpus-per-run; the same command goes on.",
        )
