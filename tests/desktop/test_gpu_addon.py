"""The GPU add-on: found, told apart, and explained where it does not fit."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cxr_desktop.inference import addon

VERSION = "1.31.1"


def _write(folder: Path, **changes: object) -> Path:
    (folder / "onnxruntime").mkdir(parents=True)
    (folder / "onnxruntime" / "__init__.py").write_text("__version__ = 'add-on'\n")
    manifest = {"format": 1, "tag": addon.tag(), "onnxruntime": VERSION, "cuda": "CUDA 13", **changes}
    (folder / addon.MANIFEST).write_text(json.dumps(manifest))
    return folder


def _find(folder: Path) -> addon.Addon | None:
    return addon.find(environment={"CXR_GPU": str(folder)}, base_version=lambda: VERSION)


def test_one_that_fits_has_no_fault(tmp_path: Path) -> None:
    assert _find(_write(tmp_path / "gpu")) == addon.Addon(tmp_path / "gpu", VERSION, "CUDA 13")


def test_it_is_found_beside_the_program(tmp_path: Path) -> None:
    _write(tmp_path / "gpu")
    found = addon.find(environment={}, program=tmp_path / "cxr-desktop", base_version=lambda: VERSION)
    assert found is not None
    assert found.folder == tmp_path / "gpu"
    assert addon.find(environment={}, program=tmp_path / "gpu" / "x", base_version=lambda: VERSION) is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": 2}, "of another release"),
        ({"tag": "win32-amd64-cp311"}, "is for win32-amd64-cp311"),
        ({"onnxruntime": "1.20.0"}, "holds onnxruntime 1.20.0, and this program 1.31.1"),
        ({"format": "x"}, "damaged"),
    ],
)
def test_one_that_does_not_fit_is_told_apart(changes: dict[str, object], words: str, tmp_path: Path) -> None:
    found = _find(_write(tmp_path / "gpu", **changes))
    assert found is not None
    assert words in found.fault
    assert str(tmp_path / "gpu") in found.fault


def test_a_named_folder_without_one_is_said(tmp_path: Path) -> None:
    found = _find(tmp_path)
    assert found is not None
    assert "CXR_GPU names" in found.fault


def test_an_empty_one_is_damaged(tmp_path: Path) -> None:
    folder = _write(tmp_path / "gpu")
    (folder / "onnxruntime" / "__init__.py").unlink()
    found = _find(folder)
    assert found is not None
    assert "holds no onnxruntime" in found.fault


_PROGRAM = """
import json, sys
sys.frozen = True
from cxr_desktop.inference import addon, runtime
addon.find.__kwdefaults__["base_version"] = lambda: "1.31.1"
ort = runtime.onnxruntime()
print(json.dumps([ort.__file__, addon.active(), addon.why_not_offered("onnxruntime-gpu")]))
"""


def _imported(folder: Path) -> list[object]:
    import os

    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        env={**os.environ, "CXR_GPU": str(folder)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    answer: list[object] = json.loads(done.stdout.splitlines()[-1])
    return answer


def test_it_takes_the_place_of_the_programs_own(tmp_path: Path) -> None:
    folder = _write(tmp_path / "gpu")
    (folder / "onnxruntime" / "__init__.py").write_text(
        "def set_default_logger_severity(_): pass\ndef disable_telemetry_events(): pass\n"
    )
    file, active, why = _imported(folder)
    assert Path(str(file)).is_relative_to(folder)
    assert active is True
    assert "brings none" in str(why)


@pytest.mark.parametrize("code", ["def broken(:\n", "raise RuntimeError('no driver')\n", "x = 1\n"])
def test_a_broken_one_never_ends_the_program(code: str, tmp_path: Path) -> None:
    folder = _write(tmp_path / "gpu")
    (folder / "onnxruntime" / "__init__.py").write_text(code)
    file, active, why = _imported(folder)
    assert not Path(str(file)).is_relative_to(folder)
    assert active is False
    assert "does not load" in str(why)


def test_one_that_does_not_load_leaves_the_programs_own(tmp_path: Path) -> None:
    folder = _write(tmp_path / "gpu")
    (folder / "onnxruntime" / "__init__.py").write_text("raise ImportError('libcublas.so.13 is missing')\n")
    file, active, why = _imported(folder)
    assert not Path(str(file)).is_relative_to(folder)
    assert active is False
    assert "does not load (libcublas.so.13 is missing)" in str(why)


def test_one_that_does_not_fit_is_not_even_tried(tmp_path: Path) -> None:
    file, active, why = _imported(_write(tmp_path / "gpu", tag="win32-amd64-cp311"))
    assert not Path(str(file)).is_relative_to(tmp_path)
    assert (active, "is for win32" in str(why)) == (False, True)


def test_in_a_python_environment_pip_is_named() -> None:
    assert addon.why_not_offered("onnxruntime-gpu") == "pip install onnxruntime-gpu"
