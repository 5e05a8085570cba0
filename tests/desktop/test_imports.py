"""The desktop extra alone is enough: no torch, no trainer, no pandas, no scipy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cxr_desktop

_BLOCKED = (
    "torch", "torchvision", "timm", "lightning_fabric", "pandas", "scipy", "sklearn", "matplotlib",
    "cxr_trainer", "cxr_export", "onnxscript",
)  # fmt: skip

_OF_OTHER_EXTRAS = ("pynetdicom", "dicomweb_client", "requests", "prometheus_client", "ray", "fsspec", "pyarrow")
_OF_THE_WINDOW = ("cxr_desktop.ui", "cxr_desktop.app", "cxr_desktop.bench_ui")

_IMPORT_ALL = """
import importlib, sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"blocked: {name}", name=name)
sys.meta_path.insert(0, Blocked())
for module in MODULES:
    importlib.import_module(module)
QT_FREE or sys.exit(0)
assert not [name for name in sys.modules if name.startswith("PySide6")], "Qt was imported"
"""


def _modules() -> list[str]:
    root = Path(cxr_desktop.__file__).parent
    names = (path.relative_to(root.parent).with_suffix("").parts for path in sorted(root.rglob("*.py")))
    return [".".join(parts[:-1] if parts[-1] == "__init__" else parts) for parts in names]


def _import(
    modules: list[str], *, qt_free: bool, blocked: tuple[str, ...] = _BLOCKED
) -> subprocess.CompletedProcess[str]:
    code = f"BLOCKED = {blocked!r}\nMODULES = {modules!r}\nQT_FREE = {qt_free}\n{_IMPORT_ALL}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)


def test_every_module_imports_without_torch() -> None:
    done = _import(_modules(), qt_free=False)
    assert done.returncode == 0, done.stderr


def test_triage_imports_no_qt() -> None:
    modules = [name for name in _modules() if not name.startswith(_OF_THE_WINDOW)]
    done = _import(modules, qt_free=True)
    assert done.returncode == 0, done.stderr


def test_the_window_and_triage_import_without_network_and_cluster() -> None:
    modules = [name for name in _modules() if not name.startswith(("cxr_desktop.pacs", "cxr_desktop.archive"))]
    done = _import(modules, qt_free=False, blocked=_BLOCKED + _OF_OTHER_EXTRAS)
    assert done.returncode == 0, done.stderr
