"""The end of a run: the best model's predictions, metrics, operating points, figures and page."""

from __future__ import annotations

import io
from collections.abc import Mapping
from importlib import metadata
from typing import Any

import pandas as pd
import torch

from cxr_shared.files import write_bytes, write_json
from cxr_shared.pixels import PIXEL_PATH_VERSION
from cxr_trainer.data.batches import part_films
from cxr_trainer.data.prepare import PreparedFilms
from cxr_trainer.data.split import PARTS
from cxr_trainer.evaluate.metrics import METHODS, evaluate, evaluate_parts
from cxr_trainer.evaluate.normal_map import map_peak, normal_map
from cxr_trainer.evaluate.predict import Predictions, predict
from cxr_trainer.evaluate.shortcuts import METADATA, shortcut_table
from cxr_trainer.fit.checkpoint import BestModel
from cxr_trainer.fit.events import RunFinished
from cxr_trainer.fit.loop import Bench
from cxr_trainer.fit.run import Run
from cxr_trainer.recipe import StageName
from cxr_trainer.report.texts import estimate_text

_PACKAGES = ("cxr-triage", "torch", "timm", "numpy", "pandas", "opencv-python", "pydicom")
Scored = dict[str, Predictions]


def finish_run(run: Run, bench: Bench, films: PreparedFilms, best: BestModel) -> None:
    """Write ``best.safetensors``, ``predictions.parquet``, ``metrics.json``, the figures and ``report.html``."""
    from cxr_trainer.report.page import write_report
    from cxr_trainer.report.samples import write_samples

    run.write_tensors("best", best.state)
    stages = {stage: _score(bench, films, run.read_tensors(stage)) for stage in bench.recipe.trained_stages}
    scored = _score(bench, films, best.state)
    normal = normal_map(bench.network, bench.validation)
    run.write_tensors("normal_map", {"map": normal})
    _write_predictions(run, films, scored, stages=stages)
    metrics = {
        "target": bench.recipe.target.value,
        "split": {"kind": bench.recipe.split.kind, "sha256": films.sha256, **_leak(films)},
        "cohort": {"counts": films.counts(), "notes": list(films.notes), "refused": len(films.refusals)},
        "best": {"stage": best.stage, "epoch": best.epoch},
        **evaluate(scored, films.split),
        "stages": {stage: evaluate_parts(each, films.split) for stage, each in stages.items()},
        "shortcuts": _shortcuts(films, scored),
        "methods": METHODS,
        "map_peak": map_peak(bench.network, bench.validation, normal),
        "range_test": _range_test(run),
        "pixel_path_version": PIXEL_PATH_VERSION,
        "paper": bench.recipe.paper.model_dump(exclude_none=True),
        "device": bench.compute.description,
        "versions": {name: metadata.version(name) for name in _PACKAGES},
    }
    write_samples(run, bench.network, films, logits=scored["test"].logits, normal=normal, metrics=metrics)
    write_report(run, metrics)
    write_json(run.folder / "metrics.json", metrics)  # last: it marks the run as complete
    bench.sink.emit(RunFinished(str(run.folder), best.stage, best.epoch, summary_sentence(metrics)))


def summary_sentence(metrics: dict[str, Any]) -> str:
    """The test figures with intervals, films, patients and split, in one line."""
    test = metrics["parts"]["test"]
    return (
        f"test AUC {estimate_text(test['auc'])}, accuracy {estimate_text(test['accuracy'], percent=True)} %, "
        f"{test['films']:,} films of {test['patients']:,} patients, {metrics['split']['kind']} split"
    )


def _score(bench: Bench, films: PreparedFilms, state: dict[str, torch.Tensor]) -> Scored:
    bench.network.load_state_dict(state)
    device = bench.compute.device
    return {
        part: predict(bench.network, part_films(films.split, films.pixels, part=part, device=device)) for part in PARTS
    }


def _shortcuts(films: PreparedFilms, scored: Scored) -> dict[str, Any]:
    train, test = (films.split[films.split["part"] == part] for part in ("train", "test"))
    return shortcut_table(train, test, scored["test"].logits)


def _range_test(run: Run) -> dict[str, Any] | None:
    """Bounds that the range test suggests; None where the run had no range test."""
    if not (run.folder / "range_test.json").is_file():
        return None
    result = run.read_json("range_test.json")
    return {name: result[name] for name in ("max_lr", "base_lr", "diverged")}


def _leak(films: PreparedFilms) -> dict[str, Any]:
    leak = films.leak
    return {
        "leak": leak.sentence,
        "test_films_of_trained_patients": leak.shared_films,
        "test_patients_trained_on": leak.shared_patients,
    }


def _write_predictions(run: Run, films: PreparedFilms, scored: Scored, *, stages: Mapping[StageName, Scored]) -> None:
    """The best model's logits and probabilities, and the logits of each stage's last model."""
    rows = []
    for part, each in scored.items():
        known = [name for name in METADATA if name in films.split.columns]
        chosen = films.split.loc[films.split["part"] == part, ["image", "patient", "part", "label", *known]]
        last = {f"logit_{stage}": parts[part].logits for stage, parts in stages.items()}
        rows.append(chosen.assign(logit=each.logits, probability=each.probabilities, **last))
    buffer = io.BytesIO()
    pd.concat(rows).sort_values("image").to_parquet(buffer, index=False)
    write_bytes(run.folder / "predictions.parquet", buffer.getvalue())
