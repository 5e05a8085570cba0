"""From films to a worklist through the console scripts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from cxr_desktop.inference.plan import file_for
from cxr_shared.bundle import open_bundle
from cxr_shared.findings import parse_target

SMALL = (
    "--input.size", "64", "--model.width", "0.25", "--decay.epochs", "1", "--range_test.epochs", "1",
    "--clr.epochs", "1", "--clr.max_lr", "0.01", "--split.test_fraction", "0.3", "--split.validation_fraction", "0.3",
)  # fmt: skip


@pytest.mark.slow
def test_phantoms_to_worklist(command, script, tmp_path: Path) -> None:
    """By each console script once; what else is to be done is done by its `main`."""
    films, runs, bundle = tmp_path / "films", tmp_path / "runs", tmp_path / "chest.cxr"
    command("cxr-trainer", "phantoms", films, "--films", "60", "--seed", "5", "--findings", "hernia", "pneumothorax")
    script("cxr-trainer", "fit", "--disease", "hernia", "--data", films, "--weights", "none", "--out", runs, *SMALL)
    script("cxr-export", "onnx", *runs.iterdir(), "--out", bundle)
    assert "is sound: 1 model(s)" in command("cxr-export", "verify", bundle).stdout
    assert "patient split" in command("cxr-export", "inspect", bundle).stdout

    dicom = tmp_path / "dicom"
    command("cxr-trainer", "phantoms", dicom, "--films", "4", "--seed", "6", "--dicom")
    (dicom / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing more")
    worklist = tmp_path / "worklist.json"
    script("cxr-desktop", "triage", films, dicom, "--bundle", bundle, "--json", worklist)
    rows = json.loads(worklist.read_text())["films"]
    assert len(rows) == 65
    (refused,) = [row for row in rows if row["state"] == "refused"]
    assert refused["file"].endswith("broken.png")
    _scores_equal_torchs(rows, runs, bundle)


def _scores_equal_torchs(rows: list[dict], runs: Path, bundle: Path) -> None:
    """Within what the file states that ran: INT8 where its gate passed it, else float32."""
    manifest = open_bundle(bundle).manifest
    by_name = {Path(row["file"]).name: row for row in rows if row["state"] == "scored"}
    for run in runs.iterdir():
        target = json.loads((run / "metrics.json").read_text())["target"].lower()
        predictions = pd.read_parquet(run / "predictions.parquet")
        assert len(predictions) >= 20
        within = 2 * file_for(manifest.entry(parse_target(target)), "int8").tolerance.logit
        for each in predictions.itertuples():
            assert by_name[each.image]["scores"][target]["logit"] == pytest.approx(each.logit, abs=within)


@pytest.mark.slow
@pytest.mark.realdata
def test_real_films_real_weights_and_a_real_dicom(command, real_material: Path, tmp_path: Path) -> None:
    runs, bundle, worklist = tmp_path / "runs", tmp_path / "chest.cxr", tmp_path / "worklist.json"
    weights = real_material / "weights" / "mobilenetv1_100_imagenet.safetensors"
    command(
        "cxr-trainer", "fit", "--disease", "pneumonia", "--data", real_material / "nih", "--weights", weights,
        "--out", runs, "--cohort.positives", "24", "--cohort.negatives", "26", "--decay.epochs", "1",
        "--range_test.epochs", "1", "--clr.epochs", "1", "--clr.max_lr", "0.01",
    )  # fmt: skip
    (run,) = runs.iterdir()
    command("cxr-export", "onnx", run, "--out", bundle, "--precisions", "float32")
    predictions = pd.read_parquet(run / "predictions.parquet")
    images = [real_material / "nih" / "images" / name for name in predictions["image"]]
    dicom = real_material / "dicom" / "chest_pa_jpeg.dcm"
    command("cxr-desktop", "triage", *images, dicom, "--bundle", bundle, "--json", worklist)
    rows = json.loads(worklist.read_text())["films"]
    _scores_equal_torchs(rows, runs, bundle)
    (real,) = [row for row in rows if row["file"].endswith(".dcm")]
    assert (real["state"], real["view"]) == ("scored", "PA")


@pytest.mark.nightly
@pytest.mark.slow
def test_the_desktop_extra_installs_and_works_without_torch(tmp_path: Path) -> None:
    """A fresh environment with the desktop extra alone: no torch, and yet a film is scored.

    Daily, `tests/test_imports.py` blocks the packages instead.
    """
    root = Path(__file__).parents[2]
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    python = environment / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", f"{root}[desktop]"]
    done = subprocess.run(install, check=False, capture_output=True, text=True)
    if done.returncode and "No matching distribution" in done.stderr:
        pytest.skip("no package index can be reached from here")
    assert done.returncode == 0, done.stderr
    absent = "import importlib.util as u, sys; sys.exit(any(u.find_spec(n) for n in ('torch', 'timm', 'pandas')))"
    assert subprocess.run([python, "-c", absent], check=False).returncode == 0
    offscreen = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    self_test = subprocess.run(
        [environment / "bin" / "cxr-desktop", "self-test"], check=False, capture_output=True, text=True, env=offscreen
    )
    assert self_test.returncode == 0, self_test.stdout + self_test.stderr
    fit = subprocess.run(
        [environment / "bin" / "cxr-trainer", "fit", "--disease", "mass", "--data", tmp_path],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert fit.returncode == 1
    assert "pip install 'cxr-triage[trainer]'" in fit.stderr
