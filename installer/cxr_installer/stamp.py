"""The version of a release, in the forms that systems want it in."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
"""The checkout."""


def version(root: Path = ROOT) -> str:
    """Read the version from pyproject.toml, the only place that states it."""
    project: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def four_numbers(text: str) -> tuple[int, int, int, int]:
    """Return a version as Windows wants it: `1.2.3rc1` is (1, 2, 3, 0)."""
    release = re.match(r"\d+(\.\d+)*", text)
    numbers = [int(each) for each in release[0].split(".")] if release else []
    a, b, c, d = (*numbers, 0, 0, 0, 0)[:4]
    return a, b, c, d


def debian_version(text: str) -> str:
    """Return a PEP 440 version as Debian sorts it: a pre-release comes before its release."""
    return re.sub(r"(?<=\d)\.?(a|b|rc|dev)(?=\d)", r"~\1", text)


def version_resource(text: str) -> Any:  # noqa: ANN401  (PyInstaller ships no types)
    """Make the resource that Windows shows in a program's properties; only where PyInstaller is."""
    from PyInstaller.utils.win32 import versioninfo as win

    numbers = four_numbers(text)
    words = {
        "CompanyName": "cxr-triage",
        "FileDescription": "Chest X-ray triage. Research use only: NOT FOR CLINICAL USE",
        "FileVersion": text,
        "ProductName": "CXR Triage",
        "ProductVersion": text,
        "OriginalFilename": "cxr-desktop.exe",
        "LegalCopyright": "Apache License 2.0",
    }
    strings = [win.StringStruct(key, value) for key, value in words.items()]
    return win.VSVersionInfo(
        ffi=win.FixedFileInfo(filevers=numbers, prodvers=numbers),
        kids=[
            win.StringFileInfo([win.StringTable("040904B0", strings)]),
            win.VarFileInfo([win.VarStruct("Translation", [0x0409, 1200])]),
        ],
    )
