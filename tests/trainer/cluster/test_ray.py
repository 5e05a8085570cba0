"""Runs as Ray tasks equal those of this process, whatever becomes of their workers."""

from __future__ import annotations

import os
import shutil
import signal
import uuid
from pathlib import Path

import pytest

from cxr_shared.cluster import ClusterUnavailable, connected, installed_version
from cxr_trainer.cluster.fitting import FitPlan
from cxr_trainer.cluster.jobs import Job, JobEvent, JobLost, JobStarted, Outcome, Stop, Tell
from cxr_trainer.cluster.storage import Bucket, Folder
from cxr_trainer.errors import ClusterError
from cxr_trainer.fit.device import choose_compute
from cxr_trainer.fit.events import EpochFinished, RunStarted, StageStarted
from cxr_trainer.fit.run import Run
from cxr_trainer.recipe import Recipe

from .conftest import Heard, files

pytest.importorskip("ray", reason="the extra [cluster] is not installed")


class Killer(Heard):
    """Kills the worker of a job, as the machine would, when the job tells of an event of a kind for the first time."""

    def __init__(self, job: str, kind: type) -> None:
        super().__init__()
        self._place = (job, kind)
        self._pids: dict[str, int] = {}

    def __call__(self, job: Job, event: JobEvent) -> None:
        super().__call__(job, event)
        if isinstance(event, JobStarted):
            self._pids[job.name] = event.pid
        if (job.name, type(event)) == self._place and len(self.of(JobLost)) == 0:
            os.kill(self._pids[job.name], signal.SIGKILL)


@pytest.mark.slow
def test_stopped_and_killed_runs_end_as_those_of_one_process(
    s3: str, cluster: None, tiny_nih: Path, tiny_recipe: Recipe, seeds_here: Path, tmp_path: Path
) -> None:
    """Seed 0 in a folder, seed 1 in an object store; both stopped; gone on with without the scratch, one is killed."""
    from cxr_trainer.cluster.ray_tasks import RayTasks, Resources

    bucket = Bucket(f"{s3}/{uuid.uuid4().hex}")
    plans = [FitPlan([tiny_recipe], 2, tiny_nih.resolve(), where, "test") for where in (Folder(tmp_path), bucket)]

    def jobs() -> list[Job]:
        return [plan.jobs("cpu")[seed] for seed, plan in enumerate(plans)]

    executor, heard = RayTasks(Resources(1, 0.0)), Heard()
    outcomes = executor.run(jobs(), listener=heard, stop=lambda: len(heard.of(StageStarted)) > 0)
    assert {outcome.state for outcome in outcomes.values()} == {"stopped"}
    shutil.rmtree(bucket.scratch("hernia-seed-1"), ignore_errors=True)  # as on another machine
    killer = Killer("hernia-seed-1", RunStarted)
    outcomes = executor.run(jobs(), listener=killer, stop=lambda: False)
    assert {name: outcome.state for name, outcome in outcomes.items()} == {
        "hernia-seed-0": "finished",
        "hernia-seed-1": "finished",
    }
    assert len(killer.of(JobLost)) == 1
    assert [event.attempt for name, event in killer.events if isinstance(event, JobStarted) and name[-1] == "1"] == [
        1,
        2,
    ]
    assert len({event.pid for event in killer.of(JobStarted)}) >= 2
    assert all(job.done for job in jobs())
    assert bucket.mirror("hernia-seed-1").restore(tmp_path / "fetched")
    assert files(tmp_path / "hernia-seed-0") == files(seeds_here / "hernia-seed-0")
    assert files(tmp_path / "fetched") == files(seeds_here / "hernia-seed-1")
    assert not (tmp_path / ".leases").exists()
    assert Run.open(tmp_path / "hernia-seed-0").read_json("metrics.json")["device"] == choose_compute("cpu").description
    assert killer.of(EpochFinished)


class Dies:
    """Work that ends its worker each time."""

    def __call__(self, tell: Tell, stop: Stop) -> Outcome:
        os.kill(os.getpid(), signal.SIGKILL)
        return Outcome("finished")


class Says:
    """Work that ends as it is told to."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome

    def __call__(self, tell: Tell, stop: Stop) -> Outcome:
        return self.outcome


def test_a_worker_that_dies_each_time_ends_with_a_sentence_and_its_needers_with_it(
    cluster: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cxr_trainer.cluster import ray_tasks

    monkeypatch.setattr(ray_tasks, "_LOSSES", 2)
    jobs = [
        Job("dies", "Hernia", 0, Dies()),
        Job("waits", "Hernia", 0, Says(Outcome("finished")), needs=("dies",)),
        Job("begun", "Hernia", 0, Says(Outcome("finished")), needs=("dies",), alone=True),
        Job("refused", "Hernia", 0, Says(Outcome("failed", "too few films"))),
    ]
    heard = Heard()
    executor = ray_tasks.RayTasks(ray_tasks.Resources(1, 0.0))
    outcomes = executor.run(jobs, listener=heard, stop=lambda: False)
    assert {name: outcome.state for name, outcome in outcomes.items()} == {
        "dies": "failed", "waits": "failed", "begun": "finished", "refused": "failed",
    }  # fmt: skip
    assert "ended 2 times without finishing an epoch" in outcomes["waits"].said
    assert outcomes["refused"].said == "too few films"
    assert len(heard.of(JobLost)) == 2


def test_a_fault_that_all_would_meet_lets_no_other_begin(cluster: None) -> None:
    from cxr_trainer.cluster.ray_tasks import RayTasks, Resources

    jobs = [Job("full", "Hernia", 0, Says(Outcome("broken", "disk full")))]
    jobs += [Job(f"next-{n}", "Hernia", n, Says(Outcome("finished")), needs=("full",)) for n in range(3)]
    outcomes = RayTasks(Resources(2, 0.0)).run(jobs, listener=Heard(), stop=lambda: False)
    assert outcomes == {"full": Outcome("broken", "disk full")}


def test_what_the_cluster_has_not_is_said_before_anything_begins(cluster: None) -> None:
    from cxr_trainer.cluster.ray_tasks import Resources, chosen_resources

    assert chosen_resources(cpus=None, gpus=None, processes=2, device="auto") == Resources(2, 0.0)
    with pytest.raises(ClusterError, match="No machine of the cluster has 3 CPUs and 0 GPUs"):
        chosen_resources(cpus=3, gpus=None, processes=1, device="auto")
    with pytest.raises(ClusterError, match=r"has 1 CPUs and 0\.5 GPUs"):
        chosen_resources(cpus=1, gpus=0.5, processes=1, device="auto")
    with pytest.raises(ClusterError, match="contradict"):
        chosen_resources(cpus=1, gpus=None, processes=1, device="cuda")


def test_a_second_connection_is_refused_and_the_first_stays(cluster: None) -> None:
    import ray

    with pytest.raises(ClusterUnavailable, match="connected to a Ray cluster already"), connected("ray"):
        pytest.fail("it connected twice")
    assert ray.is_initialized()


@pytest.mark.parametrize("address", ["ray://", "http://head", "auto", ""])
def test_an_address_of_another_form_is_refused(address: str) -> None:
    with pytest.raises(ClusterUnavailable, match="names no cluster"), connected(address):
        pytest.fail("it connected")


def test_machines_are_compared_by_version_and_python() -> None:
    assert installed_version().endswith(")")
    assert "(Python 3." in installed_version()
