"""What the commands say when a person gives them too little or the wrong thing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def test_fit_without_data_says_how_to_get_some(command) -> None:
    said = command("cxr-trainer", "fit", "--disease", "hernia", code=1).stderr
    assert "CXR_DATA" in said
    assert "images_001.tar.gz" in said
    assert "cxr-trainer phantoms" in said
    assert len(said.splitlines()) == 1


def test_unknown_finding_and_field_get_the_nearest(command) -> None:
    assert "Did you mean 'hernia'" in command("cxr-trainer", "fit", "--disease", "hernai", code=1).stderr
    said = command("cxr-trainer", "fit", "--disease", "hernia", "--decay.epoch", "3", code=1).stderr
    assert "Did you mean 'decay.epochs'" in said


def test_wrong_folder_weights_and_bundle_are_one_sentence(command, tmp_path: Path) -> None:
    said = command("cxr-trainer", "fit", "--disease", "mass", "--data", tmp_path, "--weights", "none", code=1).stderr
    assert "has no label file" in said
    said = command(
        "cxr-trainer", "fit", "--disease", "mass", "--data", tmp_path, "--weights", tmp_path / "w.pt", code=1
    ).stderr
    assert "no weights file" in said
    assert "Could not read the bundle" in command("cxr-export", "verify", tmp_path / "no.cxr", code=1).stderr
    assert "recipe.toml" in command("cxr-export", "onnx", tmp_path, code=1).stderr
    assert "at least 1" in command("cxr-trainer", "phantoms", tmp_path, "--films", "0", code=1).stderr


@pytest.mark.parametrize("name", ["cxr-trainer", "cxr-export", "cxr-desktop"])
def test_help_needs_no_heavy_package(script, name: str) -> None:
    assert "Usage" in script(name, "--help").stdout


@pytest.mark.parametrize("name", ["cxr-trainer", "cxr-export", "cxr-desktop"])
def test_completion_is_installed_into_the_shells_own_place(name: str, tmp_path: Path) -> None:
    environment = {**os.environ, "HOME": str(tmp_path), "SHELL": "/bin/bash"}
    script = Path(sys.executable).parent / name
    subprocess.run([script, "--install-completion"], check=True, env=environment, capture_output=True, timeout=60)
    assert any(name in path.read_text() for path in tmp_path.rglob("*") if path.is_file())
