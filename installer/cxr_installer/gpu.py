"""The GPU add-on: onnxruntime's GPU build of the program's version, and NVIDIA's libraries, in one folder."""

from __future__ import annotations

import json
import shutil
from importlib import metadata
from pathlib import Path
from typing import Final

from cxr_desktop.inference import addon
from cxr_installer import archive
from cxr_installer.environment import LOCK, installed
from cxr_installer.stamp import ROOT, version
from cxr_installer.tools import InstallerError, megabytes, run, source_date_epoch

_DROPPED: Final = ("datasets", "quantization", "tools", "transformers")


def build(python: Path, out: Path, *, libraries: bool = True) -> tuple[Path, float]:
    """Make the add-on for the program that was frozen from an environment; return its folder and its size in MB.

    Parameters
    ----------
    python
        That environment's Python: its onnxruntime says which version the add-on needs.
    out
        Where the folder `gpu` is made anew.
    libraries
        Whether NVIDIA's libraries go in; without them those of the system are used.

    Raises
    ------
    InstallerError
        Packages cannot be installed, or the environment has no onnxruntime.
    """
    wanted = installed(python).get("onnxruntime")
    if wanted is None:
        raise InstallerError(f"{python} has no onnxruntime. Run `python -m cxr_installer freeze` first.")
    folder = out / "gpu"
    shutil.rmtree(folder, ignore_errors=True)
    install: list[str | Path] = [
        python,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--target",
        folder,
        "--constraint",
        LOCK,
    ]
    run([*install, f"onnxruntime-gpu=={wanted}"])
    (found,) = metadata.distributions(name="onnxruntime-gpu", path=[str(folder)])
    nvidia = [each.partition(";")[0].strip() for each in found.requires or () if each.startswith("nvidia-")]
    if libraries and nvidia:
        run([*install, *nvidia, *_beneath(nvidia)])
    for each in _DROPPED:
        shutil.rmtree(folder / "onnxruntime" / each, ignore_errors=True)
    manifest = {"format": 1, "tag": addon.tag(), "onnxruntime": wanted, "cuda": ", ".join(nvidia), "program": version()}
    (folder / addon.MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    return folder, megabytes(folder)


def _beneath(nvidia: list[str]) -> list[str]:
    """CuDNN needs cuBLAS, and cuFFT nvJitLink, which onnxruntime's list leaves to them."""
    thirteen = any("cu13" in each for each in nvidia)
    return ["nvidia-cublas", "nvidia-nvjitlink"] if thirteen else ["nvidia-cublas-cu12", "nvidia-nvjitlink-cu12"]


def pack(folder: Path, out: Path) -> Path:
    """Pack the add-on as a tarball that is unpacked beside the program."""
    target = out / f"cxr-desktop-gpu-{version()}-linux-x86_64.tar.gz"
    return archive.tarball(folder, target, root="gpu", epoch=source_date_epoch(ROOT))
