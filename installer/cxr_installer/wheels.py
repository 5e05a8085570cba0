"""sdist and wheel: built, looked into, and installed with every extra into environments of their own."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from cxr_installer.environment import LOCK, bin_folder, create
from cxr_installer.stamp import ROOT, version
from cxr_installer.tools import InstallerError, run

PACKAGES: Final = ("cxr_shared", "cxr_trainer", "cxr_export", "cxr_desktop")
_ASSETS: Final = (
    "cxr_trainer/recipes/hernia.toml",
    "cxr_trainer/recipes/anomaly.toml",
    "cxr_desktop/ui/icons/cxr-triage.svg",
    "cxr_desktop/ui/icons/tick.svg",
    "cxr_desktop/ui/translations/cxr_template.ts",
    "cxr_shared/phantom/__init__.py",
)
EXTRAS: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "trainer": (
        ("cxr-trainer", "--version"),
        ("cxr-trainer", "fit", "--help"),
        ("cxr-trainer", "phantoms", "p", "--films", "4"),
    ),
    "export": (("cxr-export", "--version"), ("cxr-export", "onnx", "--help"), ("cxr-export", "schema")),
    "desktop": (("cxr-desktop", "--version"), ("cxr-desktop", "self-test", "--no-window")),
    "desktop-cpu": (("cxr-desktop", "--version"), ("cxr-desktop", "self-test")),
    "desktop-cpu,pacs": (("cxr-desktop", "serve", "--help"), ("cxr-desktop", "outbox", "--help")),
    "desktop-cpu,cluster": (("cxr-desktop", "triage", "--help"), ("python", "-c", "import ray.data, fsspec")),
}  # fmt: skip
"""What is run where each extra alone is installed."""


def build(out: Path) -> tuple[Path, Path]:
    """Build sdist and wheel into `out`, from the sdist as an index would, and return both.

    Raises
    ------
    InstallerError
        The build failed, or what was built lacks something.
    """
    out.mkdir(parents=True, exist_ok=True)
    python = create(out / "wheel-env")
    run([python, "-m", "pip", "install", "--quiet", "--constraint", LOCK, "build", "hatchling"])
    run([python, "-m", "build", "--no-isolation", "--outdir", out, ROOT], log=out / "wheels.log")
    shutil.rmtree(out / "wheel-env")
    sdist, wheel = out / f"cxr_triage-{version()}.tar.gz", out / f"cxr_triage-{version()}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        check(archive.namelist(), what=wheel.name)
    with tarfile.open(sdist) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
    missing = [each for each in ("pyproject.toml", "README.md", "LICENSE", "tests/conftest.py") if each not in names]
    if missing:
        raise InstallerError(f"{sdist.name} lacks {', '.join(missing)}.")
    return sdist, wheel


def check(names: Iterable[str], *, what: str) -> None:
    """Check what a wheel holds: four typed packages, recipes, assets, the licence, and nothing else.

    Raises
    ------
    InstallerError
        Something is missing, or something is in it that nobody asked for.
    """
    held = set(names)
    wanted = [*(f"{package}/py.typed" for package in PACKAGES), *_ASSETS]
    missing = [each for each in wanted if each not in held]
    if not any(each.endswith("licenses/LICENSE") for each in held):
        missing.append("the licence")
    if missing:
        raise InstallerError(f"{what} lacks {', '.join(missing)}.")
    strangers = sorted(each for each in held if each.split("/")[0] not in PACKAGES and ".dist-info/" not in each)
    if strangers:
        raise InstallerError(f"{what} holds {', '.join(strangers[:5])}, which is none of our packages.")


def try_extra(wheel: Path, extra: str, work: Path) -> list[str]:
    """Install the wheel with one extra into a clean environment and run its commands; return what was run.

    Raises
    ------
    InstallerError
        Something cannot be installed, or a command failed.
    """
    python = create(work / "env")
    log = work / f"install-{extra}.log"
    run([python, "-m", "pip", "install", "--quiet", "--constraint", LOCK, f"{wheel}[{extra}]"], log=log)
    environment = {"PATH": f"{bin_folder(work / 'env')}:/usr/bin:/bin", "HOME": str(work), "LANG": "C.UTF-8"}
    done = []
    for command in EXTRAS[extra]:
        program = bin_folder(work / "env") / command[0]
        run([program, *command[1:]], cwd=work, env={**environment, "QT_QPA_PLATFORM": "offscreen"})
        done.append(" ".join(command))
    shutil.rmtree(work / "env")
    return done
