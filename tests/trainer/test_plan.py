"""`fit --dry-run`: what it says is what a fit does, and it does nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from cxr_trainer.commands.dry_run import show_plans
from cxr_trainer.fit.events import read_events
from cxr_trainer.fit.plan import plan_fit
from cxr_trainer.fit.run import Run
from cxr_trainer.recipe import Recipe


def test_a_plan_is_what_the_fit_does(tiny_nih: Path, tiny_recipe: Recipe, whole_run: Run) -> None:
    plan = plan_fit(tiny_recipe, data=tiny_nih, device="cpu")
    run = whole_run
    (cohort,) = read_events(run.events_path, "CohortReady")
    assert {part: (n["positive"], n["negative"]) for part, n in cohort["counts"].items()} == plan.counts
    assert cohort["leak"] == plan.leak
    stages = {event["stage"]: event["updates"] for event in read_events(run.events_path, "StageStarted")}
    assert {stage.name: stage.updates for stage in plan.stages} == stages
    assert all(stage.seconds > 0 for stage in plan.stages)
    held = sum(path.stat().st_size for path in run.folder.rglob("*.safetensors"))
    held += run.checkpoint_path.stat().st_size
    assert held <= plan.run_bytes
    assert plan.cache_bytes == plan.films * 64 * 64


def test_a_dry_run_prints_and_leaves_nothing(
    tiny_nih: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))
    overrides = {"input.size": 64, "model.width": 0.25, "decay.epochs": 3, "decay.batch_size": 8}
    assert show_plans("hernia", data=tiny_nih, recipe=None, device="cpu", overrides=overrides) == 0
    said = capsys.readouterr().out
    assert "epochs = 3" in said, "the resolved recipe"
    assert "No patient of the" in said
    assert "range_test" in said
    assert list(tmp_path.iterdir()) == []
