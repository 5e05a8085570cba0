"""The Windows installer: NSIS's script compiled over a frozen folder, on Windows or on Linux."""

from __future__ import annotations

from pathlib import Path

from cxr_installer import icons
from cxr_installer.stamp import ROOT, four_numbers, version
from cxr_installer.tools import InstallerError, megabytes, run

SCRIPT = ROOT / "installer" / "windows" / "cxr-desktop.nsi"


def definitions(collection: Path, outfile: Path, icon: Path, *, text: str) -> dict[str, str]:
    """Return what the script is told: names and values of its definitions."""
    return {
        "VERSION": text,
        "VERSION4": ".".join(map(str, four_numbers(text))),
        "COLLECTION": str(collection.resolve()),
        "OUTFILE": str(outfile.resolve()),
        "ICON": str(icon.resolve()),
        "KILOBYTES": str(round(megabytes(collection) * 1e6 / 1024)),
    }


def build(collection: Path, out: Path) -> Path:
    """Compile the installer over a collection and return it; every warning of NSIS counts as an error.

    Raises
    ------
    InstallerError
        makensis is not installed, warned, or refused, or the collection holds no Windows program.
    """
    if not (collection / "cxr-desktopw.exe").is_file():
        raise InstallerError(f"{collection} holds no cxr-desktopw.exe. Freeze it on Windows first.")
    icon = icons.write_ico(out / "cxr-triage.ico")
    target = out / f"cxr-desktop-{version()}-windows-x64-setup.exe"
    told = definitions(collection, target, icon, text=version())
    defines = [f"-D{name}={value}" for name, value in told.items()]
    run(["makensis", "-V2", "-WX", *defines, SCRIPT], log=out / "nsis.log")
    return target
