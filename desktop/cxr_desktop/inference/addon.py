"""The GPU add-on of the frozen program: a folder with onnxruntime's GPU build and NVIDIA's libraries beside it.

The program brings onnxruntime for the CPU. An add-on of the same version, found in a folder `gpu` beside the program
or in the one that CXR_GPU names, takes its place; one that does not fit is left alone, and the reason is kept for the
badge.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from cxr_desktop import children

MANIFEST: Final = "addon.json"
_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Addon:
    """An add-on that was found.

    Attributes
    ----------
    folder
        Where it lies.
    onnxruntime
        The version of its onnxruntime.
    cuda
        The CUDA and cuDNN that it was made for, in words.
    fault
        Why it is not used, in a phrase; empty where it is.
    """

    folder: Path
    onnxruntime: str = ""
    cuda: str = ""
    fault: str = ""


def tag() -> str:
    """Return what an add-on must fit besides onnxruntime's version, such as ``linux-x86_64-cp311``."""
    return f"{sys.platform}-{platform.machine().lower()}-cp{sys.version_info.major}{sys.version_info.minor}"


def find(
    *,
    environment: Mapping[str, str] = os.environ,
    program: Path | None = None,
    base_version: Callable[[], str] = lambda: metadata.version("onnxruntime"),
) -> Addon | None:
    """Look for an add-on, and judge the first that is there; None where there is none.

    Parameters
    ----------
    environment
        Holds CXR_GPU, perhaps.
    program
        The frozen program's file; by default the one that runs.
    base_version
        Tells the version of the program's own onnxruntime.
    """
    named = environment.get("CXR_GPU")
    folder = Path(named) if named else (program or Path(sys.executable)).resolve().parent / "gpu"
    if not (folder / MANIFEST).is_file():
        return Addon(folder, fault=f"CXR_GPU names {folder}, which holds no {MANIFEST}") if named else None
    try:
        manifest: Mapping[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        version, cuda = str(manifest["onnxruntime"]), str(manifest["cuda"])
        made_for, form = str(manifest["tag"]), int(manifest["format"])
    except (OSError, ValueError, KeyError, TypeError):
        return Addon(
            folder, fault=f"the GPU add-on in {folder} is damaged ({MANIFEST} cannot be read); install it again"
        )
    return Addon(folder, version, cuda, _misfit(folder, version, made_for, form, base_version()))


def _misfit(folder: Path, version: str, made_for: str, form: int, base: str) -> str:
    if form != _FORMAT:
        return f"the GPU add-on in {folder} is of another release; install the one of this release"
    if made_for != tag():
        return f"the GPU add-on in {folder} is for {made_for}, and this is {tag()}"
    if version != base:
        return (
            f"the GPU add-on in {folder} holds onnxruntime {version}, and this program {base}; install its own release"
        )
    if not (folder / "onnxruntime" / "__init__.py").is_file():
        return f"the GPU add-on in {folder} is damaged (it holds no onnxruntime); install it again"
    return ""


_used: Addon | None = None


def activate(found: Addon | None = None) -> Addon | None:
    """Put a fitting add-on before the program's own onnxruntime; once, and before anything imports onnxruntime.

    Parameters
    ----------
    found
        The add-on; by default the one that `find` finds, and none outside the frozen program.
    """
    global _used  # noqa: PLW0603  (once a process)
    addon = found if found is not None else find() if children.frozen() else None
    if addon is not None and not addon.fault and str(addon.folder) not in sys.path:
        sys.path.insert(0, str(addon.folder))
    _used = addon
    return addon


def reject(reason: str) -> None:
    """Take the add-on out again because it cannot be imported, and keep the reason."""
    global _used  # noqa: PLW0603  (once a process)
    if _used is None:
        return
    if str(_used.folder) in sys.path:
        sys.path.remove(str(_used.folder))
    for name in [each for each in sys.modules if each.partition(".")[0] == "onnxruntime"]:
        del sys.modules[name]
    fault = f"the GPU add-on in {_used.folder} does not load ({reason})"
    _used = Addon(_used.folder, _used.onnxruntime, _used.cuda, fault)


def active() -> bool:
    """Whether an add-on is in use."""
    return _used is not None and not _used.fault


def why_not_offered(package: str) -> str:
    """Say, in a phrase, what a person does to be offered a provider that onnxruntime's `package` brings."""
    if not children.frozen():
        return f"pip install {package}"
    if package != "onnxruntime-gpu":
        return "this program brings none"
    if _used is None:
        return "the GPU add-on is not installed"
    return _used.fault or f"the GPU add-on in {_used.folder} brings none"
