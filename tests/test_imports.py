"""What a start does not load, and what works where only one extra is installed: one process for each set of imports.

A command must not pay for what it does not use: torch alone takes two seconds, and each row keeps some more away.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import cxr_desktop

_BEYOND_THE_DESKTOP = (
    "torch", "torchvision", "timm", "lightning_fabric", "pandas", "scipy", "sklearn", "matplotlib", "onnxscript",
)  # fmt: skip
_OTHER_PACKAGES = ("cxr_trainer", "cxr_export")
_CLINICS_NETWORK = ("pynetdicom", "dicomweb_client", "prometheus_client")
_CLUSTER = ("ray", "fsspec", "pyarrow")
_QT_NETWORK = ("PySide6.QtNetwork", "PySide6.QtWebEngineCore")
_SOCKETS = (*_QT_NETWORK, "requests", "urllib3", "httpx", "aiohttp", "http.client")
_HEAVY = ("numpy", "cv2", "onnxruntime", "onnx", "PySide6", "pydicom", "pydantic", "pandas", "torch")
_OF_FILMS = ("pydicom", "imagecodecs", "PIL", "onnx", "rich", "highdicom")
_OF_TRAINING = (
    "torch._dynamo", "torch._inductor", "torchvision", "timm", "lightning_fabric", "sklearn", "scipy", "scipy.stats",
    "matplotlib", "tensorboardX", "jinja2", "huggingface_hub", "onnx", "onnxruntime", "onnxscript", "ray", "pydicom",
)  # fmt: skip
_WINDOW = ("cxr_desktop.ui", "cxr_desktop.app", "cxr_desktop.bench_ui")
_NO_QT_NETWORK = """
maps = pathlib.Path("/proc/self/maps")
assert not maps.exists() or "Qt6Network" not in maps.read_text(), "Qt's network library was loaded"
"""


class Row(NamedTuple):
    """Code, and what must not be in `sys.modules` after it; `without` cannot be imported at all; `says` is printed."""

    code: str
    unloaded: tuple[str, ...]
    without: tuple[str, ...] = ()
    says: tuple[str, ...] = ()


def _desktop_modules() -> list[str]:
    root = Path(cxr_desktop.__file__).parent
    names = (path.relative_to(root.parent).with_suffix("").parts for path in sorted(root.rglob("*.py")))
    return [".".join(parts[:-1] if parts[-1] == "__init__" else parts) for parts in names]


def _desktop_without(*prefixes: str) -> list[str]:
    return [name for name in _desktop_modules() if not name.startswith(prefixes)]


def _import(*modules: str) -> str:
    return "\n".join(f"import {name}" for name in modules)


def _command(package: str, *words: str) -> str:
    return (
        f"from {package}.cli import main\nsys.argv = {['command', *words]!r}\n"
        "with contextlib.suppress(SystemExit):\n    assert not main()"
    )


_OFFLINE = _desktop_without("cxr_desktop.pacs", "cxr_desktop.archive")
_WITHOUT_WINDOW = _desktop_without(*_WINDOW)

ROWS = {
    "the trainer's help": Row(_command("cxr_trainer", "--help"), _HEAVY, says=("Usage", "fit")),
    "the exporter's help": Row(_command("cxr_export", "--help"), _HEAVY, says=("Usage", "onnx")),
    "the desktop's help": Row(_command("cxr_desktop", "--help"), _HEAVY, says=("Usage", "triage")),
    "fit": Row(_import("cxr_trainer.commands.fit"), (*_OF_TRAINING, "cxr_export", "cxr_desktop")),
    "export": Row(_import("cxr_export.write"), (*_OF_TRAINING, "cxr_desktop")),
    "pages of finished runs": Row(
        _import("cxr_trainer.commands.report", "cxr_export.reliability"),
        ("torch", *(set(_OF_TRAINING) - {"matplotlib", "jinja2"})),
    ),
    "audit": Row(_import("cxr_trainer.commands.audit"), ("torch", *_OF_TRAINING)),
    "a schedule": Row(
        _command("cxr_trainer", "schedule", "--disease", "pneumothorax", "--policy", "modified-triangular2"),
        ("pandas", "pyarrow", "scipy", "sklearn"),
        without=("torch",),
        says=("0.03", "0.01875", "0.013125"),
    ),
    "every module of the desktop but the window's": Row(
        _import(*_WITHOUT_WINDOW), ("PySide6",), without=(*_BEYOND_THE_DESKTOP, *_OTHER_PACKAGES)
    ),
    "every module of the desktop but the network's": Row(
        _import(*_OFFLINE) + _NO_QT_NETWORK,
        (*_CLINICS_NETWORK, *_CLUSTER, *_QT_NETWORK),
        without=(*_BEYOND_THE_DESKTOP, *_OTHER_PACKAGES, "requests"),
    ),
    "triage": Row(_import("cxr_desktop.batch", "cxr_desktop.console"), ("PySide6", *_SOCKETS)),
    "an empty window": Row(
        "from cxr_desktop import app; app.make_application(); window = app.open_window(); window.close()"
        + _NO_QT_NETWORK,
        (*_OF_FILMS, *_SOCKETS),
    ),
    "the clinic's network before it is used": Row(
        "import cxr_desktop.pacs.query as q, cxr_desktop.pacs.receive\nfrom cxr_desktop.pacs.config import *\n"
        "q.archive_for(Peer(name='x', web=WebPeer(url='https://x.example/')), NetworkConfig())\n"
        "q.archive_for(Peer(name='x', dimse=DimsePeer(ae_title='X', host='x', port=1)), NetworkConfig())\n",
        (*_CLINICS_NETWORK, "PySide6"),
    ),
}

_BLOCK = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {packages!r}:
            raise ModuleNotFoundError(f"blocked: {{name}}", name=name)

sys.meta_path.insert(0, Blocked())
"""
_LOOK = """
loaded = sorted({unloaded!r} & set(sys.modules))
assert not loaded, f"these were loaded: {{loaded}}"
"""


def _run(folder: Path, *words: str, without: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run Python where, in its child processes too, some packages cannot be imported."""
    (folder / "sitecustomize.py").write_text(_BLOCK.format(packages=without))
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {name: value for name, value in os.environ.items() if name not in ("CXR_BUNDLE", "CXR_DATA")}
    return subprocess.run(
        [sys.executable, *words],
        check=False,
        capture_output=True,
        text=True,
        timeout=240,
        env={**environment, "PYTHONPATH": path, "QT_QPA_PLATFORM": "offscreen"},
    )


def _look(row: Row, folder: Path) -> subprocess.CompletedProcess[str]:
    code = f"import contextlib, pathlib, sys\n{row.code}{_LOOK.format(unloaded=set(row.unloaded))}"
    return _run(folder, "-c", code, without=row.without)


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_nothing_is_loaded_that_is_not_used(row: Row, tmp_path: Path) -> None:
    done = _look(row, tmp_path)
    assert done.returncode == 0, done.stderr
    assert [each for each in row.says if each not in done.stdout] == []


def test_every_module_of_the_desktop_is_in_the_table() -> None:
    assert {*_OFFLINE, *_WITHOUT_WINDOW} == set(_desktop_modules())


def test_the_table_can_fail(tmp_path: Path) -> None:
    loaded = _look(Row("import wave", ("wave", "aifc")), tmp_path)
    assert loaded.returncode == 1
    assert "these were loaded: ['wave']" in loaded.stderr
    blocked = _look(Row("import wave", (), without=("wave",)), tmp_path)
    assert blocked.returncode == 1
    assert "blocked: wave" in blocked.stderr
    in_a_child = "import subprocess, sys; sys.exit(subprocess.run([sys.executable, '-c', 'import wave']).returncode)"
    assert "blocked: wave" in _run(tmp_path, "-c", in_a_child, without=("wave",)).stderr


def test_where_only_the_desktop_is_installed_a_film_is_scored_and_fit_says_what_to_install(tmp_path: Path) -> None:
    """The nightly test in `tests/endtoend/test_pipeline.py` really installs it."""
    command = "import sys; from cxr_trainer.cli import main; sys.exit(main())"
    fit = ("fit", "--disease", "mass", "--data", str(tmp_path))
    asked = _run(tmp_path, "-c", command, *fit, without=_BEYOND_THE_DESKTOP)
    assert (asked.returncode, "pip install 'cxr-triage[trainer]'" in asked.stderr) == (1, True), asked.stderr
    done = _run(
        tmp_path, "-m", "cxr_desktop.cli", "self-test", "--no-window", without=(*_BEYOND_THE_DESKTOP, *_OTHER_PACKAGES)
    )
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["self-test passed"]), done.stderr
    assert "verdict and reading kept, read back" in done.stdout
