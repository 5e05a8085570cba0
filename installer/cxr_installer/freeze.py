"""The frozen program: PyInstaller's collection, without what nobody needs, with everyone's licences."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

from cxr_desktop.children import CONSOLE
from cxr_installer import icons, notices
from cxr_installer.plan import APP_NAME, STRIPPED, forbidden_in, plan_for, program
from cxr_installer.stamp import ROOT, version
from cxr_installer.tools import InstallerError, ask, present, run, source_date_epoch
from cxr_shared.files import write_text


def freeze(python: Path, out: Path, *, demo_bundle: Path | None = None) -> Path:
    """Make the collection `out`/cxr-desktop with an environment that holds the desktop and PyInstaller.

    Parameters
    ----------
    python
        That environment's Python.
    out
        Where collection, log and PyInstaller's work go.
    demo_bundle
        A bundle to bring along; none by default.

    Returns
    -------
    Path
        The collection's folder.

    Raises
    ------
    InstallerError
        PyInstaller failed, or the collection holds what it must not.
    """
    environment = {
        **os.environ,
        "CXR_VERSION": version(),
        "CXR_DEMO_BUNDLE": "" if demo_bundle is None else str(demo_bundle.resolve()),
        "PYTHONHASHSEED": "0",
        "SOURCE_DATE_EPOCH": str(source_date_epoch(ROOT)),
    }
    environment["CXR_ICON"] = _icon(out)
    command: list[str | Path] = [
        python,
        "-m",
        "PyInstaller",
        "--noconfirm",
        "--clean",
        "--distpath",
        out,
        "--workpath",
        out / "work",
    ]
    run([*command, ROOT / "installer" / "cxr-desktop.spec"], env=environment, log=out / "freeze.log")
    collection = out / CONSOLE
    finish(collection)
    notices.write(python, collection)
    inside = out / f"{APP_NAME}.app" / "Contents" / "Resources"
    if inside.is_dir():  # macOS: the application was made of the collection before it was finished
        for name in (notices.NAME, "LICENSE.txt"):
            shutil.copy(collection / name, inside / name)
    return collection


def _icon(out: Path) -> str:
    """Draw the icon that the programs carry, and return its path; empty where they carry none."""
    name = plan_for(sys.platform).icon
    if not name:
        return ""
    draw = icons.write_ico if name.endswith(".ico") else icons.write_icns
    return str(draw(out / "icons" / name))


def finish(collection: Path) -> None:
    """Leave out symbols, spaces of tables and links to nowhere, and check what is there.

    Raises
    ------
    InstallerError
        A package is in it that the desktop never needs.
    """
    found = forbidden_in(str(path.relative_to(collection)) for path in collection.rglob("*"))
    if found:
        raise InstallerError(
            f"{collection} holds {', '.join(found[:5])}. Exclude it in installer/cxr_installer/plan.py."
        )
    for path in sorted(collection.rglob("*")):
        if path.is_symlink():
            if not path.exists():
                path.unlink()
        elif path.name == "module_attribute_map.json":
            _compact(path)
        elif _worth_stripping(path):
            run(["strip", "--strip-unneeded", path])


def _worth_stripping(path: Path) -> bool:
    if sys.platform != "linux" or not present("strip") or ".so" not in path.name:
        return False
    return path.name.startswith(STRIPPED) or "lib-dynload" in path.parts


def _compact(path: Path) -> None:
    """Write a table without its spaces: highdicom's is 7 MB smaller and says the same."""
    table = json.loads(path.read_text(encoding="utf-8"))
    write_text(path, json.dumps(table, separators=(",", ":"), ensure_ascii=False))


def reported_version(collection: Path) -> str:
    """Return what the frozen program says of itself."""
    return ask([program(collection), "--version"]).out.strip()
