"""`cxr-trainer fit` for several runs: what is gone on with, what is refused, what is shown."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from cxr_trainer.cluster.command import Where, conclude
from cxr_trainer.cluster.fitting import FitPlan
from cxr_trainer.cluster.jobs import Job, JobEnded, JobLost, JobStarted, OneByOne, Outcome
from cxr_trainer.cluster.relay import Box, Relay, Sent
from cxr_trainer.cluster.show import JobLines, Lines, LiveTable
from cxr_trainer.cluster.storage import Bucket, Folder
from cxr_trainer.errors import ClusterError, RunError
from cxr_trainer.fit.events import EpochFinished, RunStarted, StageStarted, Updated
from cxr_trainer.fit.run import Run
from cxr_trainer.recipe import Recipe

from .conftest import Heard, files
from .works import FINISHED, Says, epoch

Trainer = Callable[..., Any]


FAILED = Outcome("failed", "too few films")


def beside_the_cluster(test: Callable[..., None]) -> Callable[..., None]:
    """In the process of the cluster's tests, one of which needs the finished runs too."""
    return pytest.mark.waiting(pytest.mark.xdist_group("ray")(test))


@beside_the_cluster
@pytest.mark.slow
def test_the_same_command_makes_nothing_again_and_another_recipe_is_refused(
    trainer: Trainer, tiny_nih: Path, tiny_recipe: Recipe, seeds_here: Path, tmp_path: Path
) -> None:
    """By the command line, with a recipe file that says what `seeds_here` was made with; no cluster is started."""
    before = {seed: files(seeds_here / f"hernia-seed-{seed}") for seed in (0, 1)}
    recipe = tmp_path / "recipe.toml"
    recipe.write_bytes((seeds_here / "hernia-seed-0" / "recipe.toml").read_bytes())
    words = ("fit", "--disease", "hernia", "--data", tiny_nih, "--recipe", recipe, "--device", "cpu", "--seeds", "2")
    said = trainer(*words, "--out", seeds_here, "--on", "ray", "--json")
    assert said.code == 0, said.err
    events = [json.loads(line) for line in said.out.splitlines()]
    assert [(event["run"], event["event"], event["before"]) for event in events] == [
        ("hernia-seed-0", "JobEnded", True),
        ("hernia-seed-1", "JobEnded", True),
    ]
    said = trainer(*words, "--out", seeds_here, "--decay.epochs", "3")
    assert said.code == 1
    assert "hernia-seed-0 is another run: it was begun with decay.epochs 2, not 3" in said.err
    assert {seed: files(seeds_here / f"hernia-seed-{seed}") for seed in (0, 1)} == before


def test_what_is_no_run_is_not_written_over(tiny_nih: Path, tiny_recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "hernia").mkdir()
    (tmp_path / "hernia" / "thesis.txt").write_text("years of work")
    plan = FitPlan([tiny_recipe], 1, tiny_nih.resolve(), Folder(tmp_path), "test")
    outcomes = OneByOne().run(plan.jobs("cpu"), listener=Heard(), stop=lambda: False)
    assert outcomes["hernia"].state == "broken"
    assert "is no run directory" in outcomes["hernia"].said
    assert (tmp_path / "hernia" / "thesis.txt").read_text() == "years of work"


@beside_the_cluster
def test_runs_are_fetched_from_a_bucket(trainer: Trainer, s3: str, seeds_here: Path, tmp_path: Path) -> None:
    url = f"{s3}/{uuid.uuid4().hex}"
    for name in ("hernia-seed-0", "hernia-seed-1"):
        assert Bucket(url).mirror(name).publish(seeds_here / name)
    said = trainer("fetch", url, "--out", tmp_path / "all")
    assert said.code == 0, said.err
    for name in ("hernia-seed-0", "hernia-seed-1"):
        assert files(tmp_path / "all" / name) == files(seeds_here / name)
        assert Run.open(tmp_path / "all" / name).finished()
    assert trainer("fetch", f"{url}/hernia-seed-1", "--out", tmp_path / "one").code == 0
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["hernia-seed-1"]
    said = trainer("resume", f"{url}/hernia-seed-1")
    assert (said.code, "is complete. Nothing to resume" in said.err) == (1, True)
    said = trainer("fetch", f"{url}/nothing", "--out", tmp_path / "none")
    assert (said.code, "There is no run at" in said.err) == (1, True)


@pytest.mark.slow
def test_two_processes_share_a_run(tiny_nih: Path, tiny_recipe: Recipe, tmp_path: Path) -> None:
    recipe = tiny_recipe.model_copy(update={"stages": ("decay",)})
    plan = FitPlan([recipe], 1, tiny_nih.resolve(), Folder(tmp_path), "test", processes=2)
    heard = Heard()
    outcomes = OneByOne().run(plan.jobs("cpu"), listener=heard, stop=lambda: False)
    assert outcomes == {"hernia": Outcome("finished")}
    assert Run.open(tmp_path / "hernia").read_json("metrics.json")["device"].startswith("2 × CPU")
    assert [event.epoch for event in heard.of(EpochFinished)] == [1, 2], "events reach the command, from one rank alone"


def test_processes_that_compute_nothing_do_not_wait_for_torch() -> None:
    """The relay's process, the ranks' agent, and those that decode films for a rank, which import the agent again."""
    light = "import sys, cxr_trainer.cluster.agent, cxr_trainer.cluster.relay, cxr_trainer.data.decoding"
    loaded = [sys.executable, "-c", f"{light}; print('torch' in sys.modules)"]
    assert subprocess.run(loaded, check=True, capture_output=True, text=True).stdout == "False\n"


def test_own_faults_are_named_at_the_end_and_the_rest_is_made(capsys: pytest.CaptureFixture[str]) -> None:
    jobs = [Job("mass", "Mass", 0, Says(FAILED)), Job("hernia-seed-1", "Hernia", 1, Says(FINISHED))]
    outcomes = OneByOne().run(jobs, listener=Heard(), stop=lambda: False)
    assert conclude(jobs, outcomes) == 1
    assert capsys.readouterr().err == "Not fitted, 1 of 2:\n  Mass: too few films\n"


def test_after_ctrl_c_nothing_begins_and_the_way_on_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    heard = Heard()
    jobs = [Job(name, "Mass", 0, Says(FINISHED, (StageStarted("decay", 1, ""),))) for name in ("one", "two")]
    outcomes = OneByOne().run(jobs, listener=heard, stop=lambda: bool(heard.of(StageStarted)))
    assert conclude(jobs, outcomes) == 130
    assert "Stopped with 1 of 2 runs finished. The same command goes on" in capsys.readouterr().out


def test_a_fault_that_all_meet_is_an_error() -> None:
    jobs = [Job(name, "Mass", 0, Says(Outcome("broken", "The disk is full."))) for name in ("one", "two")]
    outcomes = OneByOne().run(jobs, listener=Heard(), stop=lambda: False)
    assert list(outcomes) == ["one"]
    with pytest.raises(ClusterError, match="The disk is full"):
        conclude(jobs, outcomes)


@pytest.mark.parametrize(
    "where", [Where(processes=0), Where(on="ray", cpus=0), Where(on="ray", gpus=-1.0), Where(cpus=2)]
)
def test_numbers_that_make_no_sense_are_refused(where: Where) -> None:
    with pytest.raises(ClusterError):
        where.check()


def test_another_layout_at_a_place_is_refused(tmp_path: Path, tiny_recipe: Recipe) -> None:
    (tmp_path / "hernia" / "state").mkdir(parents=True)
    (tmp_path / "hernia" / "state" / "session.json").write_text('{"data": "/elsewhere"}')
    with pytest.raises(RunError, match="is another run"):
        FitPlan([tiny_recipe], 1, tmp_path, Folder(tmp_path), "test").jobs("cpu")


EPOCH = epoch(3)
JOB = Job("hernia-seed-1", "Hernia", 1, Says(FINISHED))


def test_the_table_says_where_each_run_is() -> None:
    table = LiveTable(Console(width=160, record=True, force_terminal=True), [JOB, Job("mass", "Mass", 0, Says(FAILED))])
    for event in (
        JobStarted("gpu-7", 12, 1), RunStarted("Hernia", "runs/x", "CPU", resumed=False), JobLost("WorkerCrashedError"),
        JobStarted("gpu-8", 13, 2), RunStarted("Hernia", "runs/x", "CPU", resumed=True), EPOCH,
        Updated("decay", 20, 60, 2e-3, 0.25),
    ):  # fmt: skip
        table(JOB, event)
    console = Console(width=160, record=True)
    console.print(table.table())
    first, second = (line.split() for line in console.export_text().splitlines()[1:3])
    place, figures = "hernia-seed-1 Hernia 1 gpu-8 decay 20/60 3", "2.00e-03 0.250 0.875"
    assert " ".join(first) == f"{place} {figures} running, resumed ×1"
    assert second == ["mass", "Mass", "0", "waiting"]
    table(JOB, JobEnded("finished"))
    assert table.rows[JOB.name].shown_state == "finished, resumed ×1"


def test_lines_name_the_run_and_json_has_it_as_a_field(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(width=200, record=True)
    for event in (JobStarted("gpu-7", 1, 2), EPOCH, JobEnded("failed", "too few films")):
        Lines(console)(JOB, event)
    lines = console.export_text().splitlines()
    assert all(line.startswith("hernia-seed-1: ") for line in lines)
    assert "attempt 2" in lines[0]
    assert "AUC 0.875" in lines[1]
    assert lines[2].endswith("failed: too few films")
    capsys.readouterr()
    JobLines()(JOB, RunStarted("Hernia", "runs/x", "CPU", resumed=False))
    said = json.loads(capsys.readouterr().out)
    assert (said["event"], said["run"], said["folder"]) == ("RunStarted", "hernia-seed-1", "runs/x")


def test_the_relay_keeps_the_latest_progress_and_is_bounded() -> None:
    relay = Relay()
    for update in range(1000):
        assert not relay.put([Sent("a", Updated("decay", update, 1000, 0.1, 0.1))])
    relay.put([Sent("a", EPOCH), Sent("b", Updated("decay", 1, 1000, 0.1, 0.1))])
    taken = relay.take(stop=True)
    assert [(sent.job, type(sent.event)) for sent in taken] == [
        ("a", Updated), ("a", EpochFinished), ("b", Updated),
    ]  # fmt: skip
    assert relay.put([]), "the next who asks is told to stop"
    box = Box()
    for _ in range(10_000):
        box.put(Sent("a", EPOCH))
    assert len(box.empty()) == 4096
    assert box.empty() == []
