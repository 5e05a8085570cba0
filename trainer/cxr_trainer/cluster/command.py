"""What `fit` and `compare` share when they make many runs: an executor, a view, Ctrl-C, and what is said at the end."""

from __future__ import annotations

import contextlib
import getpass
import os
import platform
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cxr_trainer.cluster.jobs import Executor, Job, OneByOne, Outcomes
from cxr_trainer.errors import ClusterError
from cxr_trainer.fit.device import DeviceName


@dataclass(frozen=True, slots=True)
class Where:
    """Where and with what runs are made; see `cxr_trainer.cli.options.ClusterOptions`.

    Attributes
    ----------
    on
        ``ray`` or ``ray://HEAD``; None: here, one after the other.
    cpus, gpus
        For each run, on a cluster.
    processes
        Processes that share each batch of a run.
    """

    on: str | None = None
    cpus: int | None = None
    gpus: float | None = None
    processes: int = 1

    def check(self) -> None:
        """Raise ClusterError where the numbers make no sense, or are of a cluster and there is none."""
        if self.processes < 1 or (self.cpus is not None and self.cpus < 1) or (self.gpus is not None and self.gpus < 0):
            raise ClusterError("--processes-per-run and --cpus-per-run must be at least 1, --gpus-per-run at least 0.")
        if self.on is None and (self.cpus is not None or self.gpus is not None):
            raise ClusterError("--cpus-per-run and --gpus-per-run are shares of a cluster. Give --on ray as well.")


HERE = Where()
"""This process, one run after the other."""


@contextlib.contextmanager
def executor_for(where: Where, *, device: DeviceName) -> Iterator[tuple[Executor, DeviceName]]:
    """The executor, with the device that its runs compute on; connected to a cluster meanwhile.

    Raises
    ------
    MissingExtra, ClusterUnavailable, ClusterError
        Ray is not installed; nobody answers; the cluster has not what was asked for.
    """
    if where.on is None:
        yield OneByOne(), device
        return
    from cxr_shared.cluster import connected

    with connected(where.on):
        from cxr_trainer.cluster.ray_tasks import RayTasks, chosen_resources  # imports ray, as it is told to be

        resources = chosen_resources(cpus=where.cpus, gpus=where.gpus, processes=where.processes, device=device)
        yield RayTasks(resources), "cuda" if resources.gpus else "cpu"


def command_name() -> str:
    """Names this command among all that may use the same storage."""
    return f"{getpass.getuser()}@{platform.node()}:{os.getpid()}:{os.urandom(4).hex()}"


def conclude(jobs: Sequence[Job], outcomes: Outcomes) -> int:
    """Say what was not made and why; returns the exit code.

    Raises
    ------
    ClusterError
        A fault that the other runs would have met too.
    """
    broken = next((outcome.said for outcome in outcomes.values() if outcome.state == "broken"), None)
    failed = {job.title: outcomes[job.name].said for job in jobs if _state(outcomes, job) == "failed"}
    if failed:
        lines = [f"Not fitted, {len(failed)} of {len(jobs)}:", *(f"  {name}: {said}" for name, said in failed.items())]
        print("\n".join(lines), file=sys.stderr)
    if broken is not None:
        raise ClusterError(f"{broken} What the runs have is kept; the same command goes on.")
    done = sum(_state(outcomes, job) == "finished" for job in jobs)
    if done + len(failed) < len(jobs):
        print(f"Stopped with {done} of {len(jobs)} runs finished. The same command goes on from here.")
        return 130
    return int(bool(failed))


def _state(outcomes: Outcomes, job: Job) -> str:
    return outcomes[job.name].state if job.name in outcomes else "not begun"
