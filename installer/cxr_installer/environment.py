"""The environment that is frozen: the desktop on the CPU, from the lock, and nothing else."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from cxr_installer.stamp import ROOT
from cxr_installer.tools import InstallerError, run

LOCK = ROOT / "requirements.lock"


def bin_folder(environment: Path) -> Path:
    """Return the folder of an environment's programs."""
    return environment / ("Scripts" if sys.platform == "win32" else "bin")


def create(environment: Path) -> Path:
    """Make a new, empty environment and return its Python."""
    shutil.rmtree(environment, ignore_errors=True)
    run([sys.executable, "-m", "venv", environment])
    python = bin_folder(environment) / ("python.exe" if sys.platform == "win32" else "python")
    run([python, "-m", "pip", "install", "--quiet", "--upgrade", "pip"])
    return python


def make(environment: Path, wheel: Path) -> Path:
    """Install the desktop's wheel without a GPU, and PyInstaller; return that environment's Python.

    OpenCV is the build without a window system: the same code reads films, and no second Qt lies beside ours.

    Raises
    ------
    InstallerError
        Something cannot be installed.
    """
    python = create(environment)
    install: list[str | Path] = [python, "-m", "pip", "install", "--quiet", "--constraint", LOCK]
    run([*install, f"{wheel}[desktop-cpu,pacs]", "pyinstaller"], log=environment.with_suffix(".log"))
    opencv = installed(python)["opencv-python"]
    run([python, "-m", "pip", "uninstall", "--quiet", "--yes", "opencv-python"])
    run([python, "-m", "pip", "install", "--quiet", "--no-deps", f"opencv-python-headless=={opencv}"])
    return python


def installed(python: Path) -> dict[str, str]:
    """Return the version of every distribution of an environment, by its normalized name.

    Raises
    ------
    InstallerError
        pip does not answer.
    """
    said = run([python, "-m", "pip", "list", "--format=freeze"])
    pairs = (line.partition("==")[::2] for line in said.out.splitlines() if "==" in line)
    found = {name.lower().replace("_", "-"): version for name, version in pairs}
    if not found:
        raise InstallerError(f"{python} has no packages. Delete {python.parent.parent} and run the same command again.")
    return found
