"""No library reports to its maker: onnxruntime's wheels do, unless they are told not to before the import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cxr_shared.telemetry import REFUSALS

pytest.importorskip("onnxruntime")

pytestmark = pytest.mark.waiting

_AFTER = """
import pathlib, sys, time
end = time.monotonic() + float(sys.argv[1])
while time.monotonic() < end and not list(pathlib.Path.home().rglob("deviceid")):
    time.sleep(0.05)
"""


def _left_behind(code: str, home: Path, *, within_s: float = 0.5) -> list[str]:
    """Run Python as a person would, not as a CI machine, and return what it left in its home and temporary folder."""
    home.mkdir()
    environment = {"HOME": str(home), "TMPDIR": str(home), "PATH": "/usr/bin:/bin", "ORT_DISABLE_TELEMETRY": "0"}
    command = [sys.executable, "-c", code + _AFTER, str(within_s)]
    subprocess.run(command, env=environment, check=True, cwd=home, capture_output=True)
    return [path.name for path in home.rglob("*") if path.name == "deviceid" or path.suffix == ".ses"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "code",
    [
        "from cxr_desktop.inference.runtime import onnxruntime; onnxruntime()",
        "import cxr_export.half, onnxruntime",
        "import cxr_export.benchmark.yardstick, onnxruntime",
    ],
)
def test_ours_leaves_no_identifier_behind(code: str, tmp_path: Path) -> None:
    assert _left_behind(code, tmp_path / "home") == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not ask the environment")
def test_it_would_without_us(tmp_path: Path) -> None:
    """Proves that the test above can fail; a wheel without telemetry has nothing to prove."""
    left = _left_behind("import onnxruntime", tmp_path / "home", within_s=20)
    if not left:
        pytest.skip("this onnxruntime reports to nobody")
    assert "deviceid" in left


def test_children_inherit_the_refusal(tmp_path: Path) -> None:
    child = "subprocess.run([sys.executable, '-c', 'import onnxruntime'], check=True)"
    code = f"import cxr_shared, subprocess, sys; {child}"
    assert _left_behind(code, tmp_path / "home") == []
    assert set(REFUSALS) == {"ORT_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY"}
