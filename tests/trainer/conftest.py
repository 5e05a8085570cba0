"""A small NIH-layout data set whose positives a network can learn, and a recipe that trains in seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from in_process import Command, command
from once import made_once, shared_folder

from cxr_shared.findings import FINDINGS, Target
from cxr_shared.opencv import cv2
from cxr_trainer.cli import main
from cxr_trainer.fit.run import Run
from cxr_trainer.fit.session import fit
from cxr_trainer.recipe import Recipe
from cxr_trainer.recipe_files import load_recipe

HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)


@pytest.fixture(scope="session")
def golden() -> Path:
    """Numbers computed by Keras and by the published CLR callback."""
    return Path(__file__).parent / "fixtures"


@pytest.fixture
def trainer(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run `cxr-trainer` in this process."""
    monkeypatch.delenv("CXR_DATA", raising=False)
    return command("cxr-trainer", main, monkeypatch, capsys)


@pytest.fixture(scope="session")
def tiny_nih(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """96 films of 32 patients in NIH's layout: hernia and mass are bright discs in fixed places."""
    return made_once(tmp_path_factory, "nih", _write_tiny_nih)


def _write_tiny_nih(root: Path) -> None:
    folder = root / "images_001" / "images"
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    rows = [HEADER]
    for number in range(96):
        patient, follow_up = number // 3 + 1, number % 3
        label = ("No Finding", "Hernia", "No Finding", "Mass|Hernia", "No Finding", "Mass")[number % 6]
        film = generator.normal(90, 12, (96, 96))
        if "Hernia" in label:
            cv2.circle(film, (48, 60), 12, 220.0, -1)
        if "Mass" in label:
            cv2.circle(film, (25, 30), 10, 230.0, -1)
        name = f"{patient:08d}_{follow_up:03d}.png"
        cv2.imwrite(str(folder / name), film.clip(0, 255).astype(np.uint8))
        age = "058Y" if number == 0 else "58"
        rows.append(f"{name},{label},{follow_up},{patient},{age},M,PA,2048,2500,0.168,0.168")
    (root / "Data_Entry_2017.csv").write_text("\n".join(rows) + "\n")


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test touches the user's film cache."""
    monkeypatch.setenv("CXR_CACHE", str(shared_folder(tmp_path_factory) / "cache"))


@pytest.fixture(scope="session")
def tiny_recipe() -> Recipe:
    """Hernia, at 64² with a small batch and few epochs."""
    overrides: dict[str, Any] = {
        "input.size": 64,
        "model.weights": "none",
        "model.width": 0.25,
        "decay.epochs": 2,
        "decay.batch_size": 8,
        "decay.lr0": 0.02,
        "decay.optimizer": "sgd",
        "range_test.epochs": 3,
        "clr.epochs": 2,
        "clr.step_epochs": 1,
        "clr.batch_size": 8,
        "clr.max_lr": 0.02,
        "split.test_fraction": 0.25,
        "split.validation_fraction": 0.25,
    }
    return load_recipe(Target.HERNIA, overrides=overrides)


@pytest.fixture(scope="session")
def whole_run(tiny_nih: Path, tiny_recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of `tiny_recipe` that was never interrupted; to be looked at, not changed."""
    runs = made_once(tmp_path_factory, "whole-run", lambda out: fit(tiny_recipe, data=tiny_nih, out=out, device="cpu"))
    return Run.open(next(runs.iterdir()))


@pytest.fixture(scope="session")
def finding_names() -> list[str]:
    """NIH's 14 names."""
    return [finding.value for finding in FINDINGS]
