"""`cxr-trainer fit --disease all`: one target's fault does not end the row."""

from __future__ import annotations

from pathlib import Path

import pytest

from cxr_trainer.commands.fit import fit_targets
from cxr_trainer.fit import stages
from cxr_trainer.fit.loop import Bench
from cxr_trainer.fit.run import Run
from cxr_trainer.range_test import RangeTestResult, suggest
from cxr_trainer.schedule import Ramp


def _curve(bench: Bench) -> RangeTestResult:
    """Mass's loss only rises, so its curve is refused; every other has a minimum at 1e-2."""
    rates = [Ramp(1e-7, 1.0, 50).rate(i) for i in range(50)]
    target = 0 if bench.recipe.target.value == "Mass" else 35
    return suggest(rates, [abs(i - target) / 50 for i in range(50)], smoothing=0.0)


@pytest.mark.slow
def test_a_refused_target_does_not_end_the_row(
    tiny_nih: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The films show hernia and mass: both are trained, mass as far as its range test; the others have no films."""
    monkeypatch.setattr(stages, "run_range_test", _curve)
    overrides = {
        "input.size": 64, "model.weights": "none", "model.width": 0.25, "decay.batch_size": 8, "clr.batch_size": 8,
        "decay.epochs": 1, "clr.epochs": 1, "decay.lr0": 0.01,
        "split.test_fraction": 0.25, "split.validation_fraction": 0.25,
    }  # fmt: skip
    code = fit_targets(
        "all", data=tiny_nih, out=str(tmp_path), recipe=None, device="cpu", json_lines=True, overrides=overrides
    )
    assert code == 1
    runs = {run.target.value: run for run in map(Run.open, tmp_path.iterdir())}
    assert runs["Hernia"].finished(), "it comes after mass's fault"
    assert not runs["Mass"].finished()
    summary = capsys.readouterr().err.partition("Not fitted, ")[2]
    assert f"cxr-trainer resume {runs['Mass'].folder} --clr.max_lr RATE" in summary
    named = {line.split(":")[0].strip() for line in summary.splitlines()[1:]}
    assert "Mass" in named
    assert {"Hernia", *(name for name, run in runs.items() if run.finished())} & named == set()
    assert len(named) == int(summary.split()[0])
    assert "Nodule" in named, "it has no films"
