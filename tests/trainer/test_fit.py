"""Whole runs on small films: what they leave behind, that they repeat, resume and leave no trace."""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from cxr_trainer.errors import RangeTestError, RunError, TrainingDiverged
from cxr_trainer.fit.device import choose_compute
from cxr_trainer.fit.events import Event, Updated, read_events
from cxr_trainer.fit.loop import Stopped
from cxr_trainer.fit.run import Run
from cxr_trainer.fit.session import fit, resume
from cxr_trainer.model.network import initialised
from cxr_trainer.recipe import Architecture, ModelSection, Recipe, StageName

DESIGNED = [
    "recipe.toml", "split.parquet", "events.jsonl", "decay.safetensors", "range_test.json", "clr.safetensors",
    "best.safetensors", "normal_map.safetensors", "predictions.parquet", "metrics.json", "report.html",
    "figures/rate.svg",
    "figures/range_test.png", "figures/accuracy.svg", "figures/loss.png", "figures/roc.svg", "figures/reliability.png",
    "figures/precision_recall.svg", "figures/samples/samples.json",
]  # fmt: skip


class StopAt:
    """Asks to stop once an update of a stage was reported."""

    def __init__(self, stage: str, update: int) -> None:
        self._place = (stage, update)
        self._reached = False

    def emit(self, event: Event) -> None:
        if isinstance(event, Updated) and (event.stage, event.update) == self._place:
            self._reached = True

    def stop(self) -> bool:
        return self._reached


def test_run_directory_is_as_designed(whole_run: Run, tiny_recipe: Recipe) -> None:
    absent = [name for name in DESIGNED if not (whole_run.folder / name).is_file()]
    assert absent == []
    assert not list(whole_run.folder.rglob("*.part")), "no half-written file"
    assert whole_run.recipe() == tiny_recipe
    page = (whole_run.folder / "report.html").read_text()
    assert "NOT FOR CLINICAL USE" in page
    assert "patient split" in page
    assert "<svg" in page


def test_metrics_carry_intervals_split_and_counts(whole_run: Run) -> None:
    metrics = whole_run.read_json("metrics.json")
    for part in ("train", "validation", "test"):
        for name in ("auc", "accuracy", "brier", "ece"):
            figure = metrics["parts"][part][name]
            assert figure["low"] <= figure["value"] <= figure["high"]
    assert metrics["split"]["kind"] == "patient"
    assert metrics["split"]["test_patients_trained_on"] == 0
    counts = metrics["cohort"]["counts"]["test"]
    assert counts["positive"] + counts["negative"] == metrics["parts"]["test"]["films"]
    assert set(metrics["stages"]) == {"decay", "clr"}


def test_predictions_give_the_metrics(whole_run: Run) -> None:
    from sklearn.metrics import roc_auc_score

    frame = pd.read_parquet(whole_run.folder / "predictions.parquet")
    test = frame[frame["part"] == "test"]
    metrics = whole_run.read_json("metrics.json")["parts"]["test"]
    assert roc_auc_score(test["label"], test["logit"]) == pytest.approx(metrics["auc"]["value"])
    assert ((test["probability"] >= 0.5) == (test["label"] == 1)).mean() == pytest.approx(metrics["accuracy"]["value"])


def test_stages_ran_in_order_and_clr_started_from_what_decay_left(whole_run: Run) -> None:
    kinds = [json.loads(line)["event"] for line in whole_run.events_path.read_text().splitlines()]
    assert [kind for kind in kinds if kind != "EpochFinished"] == [
        "RunStarted", "CohortReady", "StageStarted", "StageFinished", "StageStarted", "RangeTestFinished",
        "StageFinished", "StageStarted", "StageFinished", "RunFinished",
    ]  # fmt: skip
    stages = [event["stage"] for event in read_events(whole_run.events_path, "StageStarted")]
    assert stages == ["decay", "range_test", "clr"]
    decay, clr = (load_file(whole_run.folder / f"{name}.safetensors") for name in ("decay", "clr"))
    drift = torch.linalg.vector_norm(decay["backbone.conv_stem.weight"] - clr["backbone.conv_stem.weight"])
    assert 0 < drift < 0.5 * torch.linalg.vector_norm(decay["backbone.conv_stem.weight"])


def _outcome(run: Run) -> dict[str, Any]:
    models = {name: load_file(run.folder / f"{name}.safetensors") for name in ("decay", "clr", "best")}
    digest = hashlib.sha256()
    for model in models.values():
        for name in sorted(model):
            digest.update(model[name].numpy().tobytes())
    return {
        "weights": digest.hexdigest(),
        "events": run.events_path.read_bytes(),
        "metrics": (run.folder / "metrics.json").read_bytes(),
    }


# 46 training films in batches of 8: six updates an epoch, two epochs of decay and CLR, reported at epochs' ends
@pytest.mark.slow
@pytest.mark.parametrize("place", [("decay", 6), ("decay", 12), ("range_test", 5), ("clr", 6)])
def test_stopped_and_resumed_run_equals_the_whole_one(
    whole_run: Run, tiny_nih: Path, tiny_recipe: Recipe, tmp_path: Path, place: tuple[str, int]
) -> None:
    stop = StopAt(*place)
    with pytest.raises(Stopped):
        fit(tiny_recipe, data=tiny_nih, out=tmp_path, device="cpu", sinks=[stop], stop=stop.stop)
    resumed = resume(Run.open(next(tmp_path.iterdir())))
    assert _outcome(resumed) == _outcome(whole_run)


def test_tensorboard_has_the_curves_of_the_event_log(whole_run: Run) -> None:
    from tensorboardX.proto.event_pb2 import Event as Record  # the format's own reader needs TensorBoard itself

    found: dict[str, dict[int, float]] = {}
    for path in (whole_run.folder / "tensorboard").iterdir():
        data, start = path.read_bytes(), 0
        while start < len(data):  # TFRecord: length, its checksum, the record, its checksum
            (length,) = struct.unpack_from("<Q", data, start)
            record = Record.FromString(data[start + 12 : start + 12 + length])
            for value in record.summary.value:
                found.setdefault(value.tag, {})[record.step] = value.simple_value
            start += 16 + length
    epochs = read_events(whole_run.events_path, "EpochFinished")
    steps = [each["update"] + (12 if each["stage"] == "clr" else 0) for each in epochs]
    assert found["loss/train"] == pytest.approx(dict(zip(steps, [each["loss"] for each in epochs], strict=True)))
    assert set(found) >= {"rate", "accuracy/validation", "auc/validation", "loss/update"}


@pytest.mark.slow
@pytest.mark.parametrize("stages", [("decay",), ("clr",)])
def test_fewer_stages_make_a_whole_run(
    tiny_nih: Path, tiny_recipe: Recipe, tmp_path: Path, stages: tuple[StageName, ...]
) -> None:
    run = fit(tiny_recipe.model_copy(update={"stages": stages}), data=tiny_nih, out=tmp_path, device="cpu")
    metrics = run.read_json("metrics.json")
    assert list(metrics["stages"]) == list(stages)
    assert metrics["range_test"] is None
    assert not (run.folder / "range_test.json").exists()
    assert [event["stage"] for event in read_events(run.events_path, "StageStarted")] == list(stages)
    assert (run.folder / "report.html").is_file()


@pytest.mark.slow
def test_copies_of_a_paused_run_go_on_in_different_ways(
    whole_run: Run, tiny_nih: Path, tiny_recipe: Recipe, tmp_path: Path
) -> None:
    paused = fit(tiny_recipe, data=tiny_nih, out=tmp_path / "paused", device="cpu", pause_before="clr")
    assert not paused.finished()
    same, other = (Run(shutil.copytree(paused.folder, tmp_path / name)) for name in ("same", "other"))
    assert _outcome(resume(same)) == _outcome(whole_run)
    resume(other, overrides={"clr.policy": "constant"})
    decay, clr = ([load_file(run.folder / f"{name}.safetensors") for run in (same, other)] for name in ("decay", "clr"))
    assert all(torch.equal(decay[0][name], decay[1][name]) for name in decay[0])
    assert any(not torch.equal(clr[0][name], clr[1][name]) for name in clr[0])


@pytest.mark.slow
def test_a_range_test_without_minimum_says_how_to_go_on_and_that_works(
    tiny_nih: Path, tiny_recipe: Recipe, tmp_path: Path
) -> None:
    """A ramp of rates too small to change anything finds nothing; the person then gives the rate."""
    ramp = tiny_recipe.range_test.model_copy(update={"start": 1e-30, "end": 1e-29, "epochs": 1})
    clr = tiny_recipe.clr.model_copy(update={"max_lr": None})
    recipe = tiny_recipe.model_copy(update={"range_test": ramp, "clr": clr})
    with pytest.raises(RangeTestError, match=r"cxr-trainer resume .* --clr\.max_lr"):
        fit(recipe, data=tiny_nih, out=tmp_path, device="cpu")
    run = Run.open(next(tmp_path.iterdir()))
    with pytest.raises(RunError, match=r"decay\.lr0 .* can no longer be changed"):
        resume(run, overrides={"decay.lr0": 0.1})
    assert resume(run, overrides={"clr.max_lr": 0.02}).finished()
    assert run.recipe().clr.max_lr == 0.02


def test_finished_run_and_foreign_folder_are_refused(whole_run: Run, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="complete"):
        resume(whole_run)
    with pytest.raises(RunError, match=r"no recipe\.toml"):
        Run.open(tmp_path)


def test_damaged_checkpoint_is_one_sentence(tiny_nih: Path, tiny_recipe: Recipe, tmp_path: Path) -> None:
    stop = StopAt("decay", 6)
    with pytest.raises(Stopped):
        fit(tiny_recipe, data=tiny_nih, out=tmp_path, device="cpu", sinks=[stop], stop=stop.stop)
    run = Run.open(next(tmp_path.iterdir()))
    run.checkpoint_path.write_bytes(run.checkpoint_path.read_bytes()[:1000])
    with pytest.raises(RunError, match=r"checkpoint\.pt cannot be read"):
        resume(run)


def test_diverging_rate_is_one_sentence(tiny_nih: Path, tiny_recipe: Recipe, tmp_path: Path) -> None:
    decay = tiny_recipe.decay.model_copy(update={"lr0": 1e30})
    with pytest.raises(TrainingDiverged, match=r"Lower decay\.lr0"):
        fit(tiny_recipe.model_copy(update={"decay": decay}), data=tiny_nih, out=tmp_path, device="cpu")


def test_random_initialisation_leaves_the_global_generator_alone(tiny_recipe: Recipe) -> None:
    before = torch.get_rng_state()
    first = initialised(tiny_recipe.model, bn_momentum=0.9, seed=4).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    again = initialised(tiny_recipe.model, bn_momentum=0.9, seed=4).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)


@pytest.mark.slow
@pytest.mark.parametrize(("architecture", "cells"), [("alexnet", 1), ("densenet121", 2)])
def test_the_other_backbones_go_through_every_stage(
    tiny_nih: Path, tiny_recipe: Recipe, tmp_path: Path, architecture: Architecture, cells: int
) -> None:
    model = ModelSection(architecture=architecture, weights="none")
    short = {
        name: getattr(tiny_recipe, name).model_copy(update={"epochs": 1}) for name in ("decay", "range_test", "clr")
    }
    run = fit(tiny_recipe.model_copy(update={"model": model, **short}), data=tiny_nih, out=tmp_path, device="cpu")
    assert run.finished()
    assert run.read_tensors("normal_map")["map"].shape == (cells, cells)
    decay, clr = run.read_tensors("decay"), run.read_tensors("clr")
    assert all(value.isfinite().all() for value in clr.values())
    first = next(name for name in decay if name.startswith("backbone."))
    assert not torch.equal(decay[first], clr[first]), "the whole backbone is trained"


def test_a_processor_kept_from_its_wide_registers_has_no_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    found = {}
    for capability in ("AVX512", "AVX2", "DEFAULT"):
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)  # noqa: B023
        found[capability] = choose_compute("cpu").precision
    assert found == {"AVX512": "bf16-mixed", "AVX2": "32-true", "DEFAULT": "32-true"}


@pytest.mark.gpu
def test_fits_on_cuda(tiny_nih: Path, tiny_recipe: Recipe, tmp_path: Path) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    run = fit(tiny_recipe, data=tiny_nih, out=tmp_path, device="cuda")
    assert run.finished()
    assert "CPU" not in run.read_json("metrics.json")["device"]


def test_runs_of_one_second_have_names_of_their_own(
    tiny_recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Clock:
            return cls(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    monkeypatch.setattr("cxr_trainer.fit.run.datetime", Clock)
    runs = [Run.create(tmp_path, tiny_recipe, data=tmp_path, device="cpu") for _ in range(3)]
    assert len({run.folder for run in runs}) == 3
