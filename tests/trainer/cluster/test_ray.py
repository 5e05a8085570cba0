"""Runs as Ray tasks equal those of this process, whatever becomes of their workers."""

from __future__ import annotations

import shutil
import sys
import time
import types
import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cxr_shared.cluster import ClusterUnavailable, connected, installed_version
from cxr_trainer.cluster.fitting import FitPlan
from cxr_trainer.cluster.jobs import Job, JobLost, JobStarted, Outcome
from cxr_trainer.cluster.relay import Relay, Sent
from cxr_trainer.cluster.storage import Bucket, Folder
from cxr_trainer.errors import ClusterError
from cxr_trainer.fit.device import choose_compute
from cxr_trainer.fit.events import EpochFinished, StageStarted
from cxr_trainer.fit.run import Run
from cxr_trainer.recipe import Recipe

from .conftest import Heard, files
from .works import FINISHED, Dies, Finds, GetsOn, KilledOnce, Says, Stopped, Waits

if TYPE_CHECKING:
    from cxr_trainer.cluster.ray_tasks import RayTasks

pytest.importorskip("ray", reason="the extra [cluster] is not installed")
pytestmark = pytest.mark.waiting


def executor(cpus: int = 1) -> RayTasks:
    from cxr_trainer.cluster.ray_tasks import RayTasks, Resources

    return RayTasks(Resources(cpus, 0.0))


@pytest.mark.slow
def test_stopped_and_killed_runs_end_as_those_of_one_process(
    s3: str, cluster: None, tiny_nih: Path, tiny_recipe: Recipe, seeds_here: Path, tmp_path: Path
) -> None:
    """Seed 0 in a folder, seed 1 in an object store; both stopped; gone on with without the scratch, one is killed.

    The killed one had finished an epoch of which no checkpoint was written.
    """
    bucket = Bucket(f"{s3}/{uuid.uuid4().hex}")
    plans = [FitPlan([tiny_recipe], 2, tiny_nih.resolve(), where, "test") for where in (Folder(tmp_path), bucket)]

    def jobs() -> list[Job]:
        return [plan.jobs("cpu")[seed] for seed, plan in enumerate(plans)]

    heard = Heard()
    stopped = [replace(job, work=Stopped(job.work, StageStarted)) for job in jobs()]
    outcomes = executor().run(stopped, listener=heard, stop=lambda: len(heard.of(StageStarted)) > 0)
    assert {outcome.state for outcome in outcomes.values()} == {"stopped"}
    shutil.rmtree(bucket.scratch("hernia-seed-1"), ignore_errors=True)  # as on another machine
    heard = Heard()
    first, second = jobs()
    second = replace(second, work=KilledOnce(second.work, EpochFinished, tmp_path / "killed"))
    outcomes = executor().run([first, second], listener=heard, stop=lambda: False)
    assert outcomes == {"hernia-seed-0": FINISHED, "hernia-seed-1": FINISHED}
    assert [name for name, event in heard.events if isinstance(event, JobLost)] == ["hernia-seed-1"]
    started = [event for name, event in heard.events if isinstance(event, JobStarted) and name == "hernia-seed-1"]
    assert [event.attempt for event in started] == [1, 2]
    assert started[0].pid != started[1].pid
    assert all(job.done for job in jobs())
    assert bucket.mirror("hernia-seed-1").restore(tmp_path / "fetched")
    assert files(tmp_path / "hernia-seed-0") == files(seeds_here / "hernia-seed-0")
    assert files(tmp_path / "fetched") == files(seeds_here / "hernia-seed-1")
    assert not (tmp_path / ".leases").exists()
    assert Run.open(tmp_path / "hernia-seed-0").read_json("metrics.json")["device"] == choose_compute("cpu").description


def test_a_worker_that_dies_each_time_ends_with_a_sentence_and_its_needers_with_it(
    cluster: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its epoch counts once, however often it is finished."""
    from cxr_trainer.cluster import ray_tasks

    monkeypatch.setattr(ray_tasks, "_LOSSES", 2)
    jobs = [
        Job("dies", "Hernia", 0, Dies()),
        Job("waits", "Hernia", 0, Says(FINISHED), needs=("dies",)),
        Job("begun", "Hernia", 0, Says(FINISHED), needs=("dies",), alone=True),
        Job("refused", "Hernia", 0, Says(Outcome("failed", "too few films"))),
    ]
    heard = Heard()
    outcomes = executor().run(jobs, listener=heard, stop=lambda: False)
    assert {name: outcome.state for name, outcome in outcomes.items()} == {
        "dies": "failed", "waits": "failed", "begun": "finished", "refused": "failed",
    }  # fmt: skip
    assert "ended 2 times without finishing a further epoch" in outcomes["waits"].said
    assert outcomes["refused"].said == "too few films"
    assert len(heard.of(JobLost)) == 2


@pytest.mark.slow
def test_a_run_that_gets_on_may_lose_more_workers(
    cluster: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each is lost right after it finished an epoch, of which the command has heard nevertheless."""
    from cxr_trainer.cluster import ray_tasks

    monkeypatch.setattr(ray_tasks, "_LOSSES", 2)
    heard = Heard()
    job = Job("gets-on", "Hernia", 0, GetsOn(tmp_path, epochs=2))
    assert executor().run([job], listener=heard, stop=lambda: False) == {"gets-on": FINISHED}
    assert [event.epoch for event in heard.of(EpochFinished)] == [1, 2]
    assert len(heard.of(JobLost)) == 2


def test_no_job_begins_before_the_command_can_hear_of_it(
    cluster: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The relay starts slowly, as on a busy machine."""
    from cxr_trainer.cluster import ray_tasks

    mark = tmp_path / "heard"

    class Slow(Relay):
        def __init__(self) -> None:
            time.sleep(2)
            super().__init__()

        def put(self, events: Sequence[Sent]) -> bool:
            mark.touch()
            return super().put(events)

    monkeypatch.setattr(ray_tasks, "Relay", Slow)
    heard = Heard()
    jobs = [Job("short", "Hernia", 0, Finds(mark))]
    assert executor().run(jobs, listener=heard, stop=lambda: False) == {"short": FINISHED}
    assert len(heard.of(JobStarted)) == 1


def test_a_job_that_waits_for_its_turn_does_not_begin_after_a_stop(cluster: None, tmp_path: Path) -> None:
    mark, heard = tmp_path / "begun", Heard()
    jobs = [Job("first", "Hernia", 0, Waits()), Job("second", "Hernia", 1, Says(FINISHED, mark=mark))]
    outcomes = executor(cpus=2).run(jobs, listener=heard, stop=lambda: len(heard.of(JobStarted)) > 0)
    assert outcomes == {"first": Outcome("stopped"), "second": Outcome("stopped")}
    assert not mark.exists()


def test_a_fault_that_all_would_meet_lets_no_other_begin(cluster: None) -> None:
    jobs = [Job("full", "Hernia", 0, Says(Outcome("broken", "disk full")))]
    jobs += [Job(f"next-{n}", "Hernia", n, Says(FINISHED), needs=("full",)) for n in range(3)]
    outcomes = executor(cpus=2).run(jobs, listener=Heard(), stop=lambda: False)
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


@pytest.fixture
def failing_starts(monkeypatch: pytest.MonkeyPatch) -> list[Exception]:
    """Errors with which a Ray that is not there fails to start, in turn, before it starts."""
    errors: list[Exception] = []

    def init(**_: object) -> None:
        if errors:
            raise errors.pop(0)

    fake = types.SimpleNamespace(init=init, is_initialized=lambda: False, shutdown=lambda: None)
    monkeypatch.setitem(sys.modules, "ray", fake)
    return errors


def test_ray_may_start_slowly_on_a_busy_machine(failing_starts: list[Exception]) -> None:
    slow = Exception("The current node timed out during startup.")
    failing_starts += [slow, slow]
    with connected("ray"):
        assert not failing_starts
    failing_starts += [slow] * 3
    with pytest.raises(ClusterUnavailable, match="Ray did not start on this machine"), connected("ray"):
        pytest.fail("it connected")
    assert not failing_starts
    failing_starts += [ValueError("no such option"), slow]
    with pytest.raises(ClusterUnavailable, match="no such option"), connected("ray"):
        pytest.fail("it connected")
    assert failing_starts == [slow], "what another try does not mend is not tried again"


@pytest.mark.parametrize("address", ["ray://", "http://head", "auto", ""])
def test_an_address_of_another_form_is_refused(address: str) -> None:
    with pytest.raises(ClusterUnavailable, match="names no cluster"), connected(address):
        pytest.fail("it connected")


def test_machines_are_compared_by_version_and_python() -> None:
    assert installed_version().endswith(")")
    assert "(Python 3." in installed_version()
