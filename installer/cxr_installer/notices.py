"""Licences of everything that is shipped, in one file: a package without one stops the build."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cxr_installer.stamp import ROOT
from cxr_installer.tools import InstallerError, ask, run

NAME: Final = "NOTICES.txt"
_RULE: Final = "=" * 100
_NOT_SHIPPED: Final = frozenset({"altgraph", "pip", "pyinstaller-hooks-contrib", "setuptools", "wheel"})
_WORDS: Final = ("licen", "copying", "notice", "copyright", "authors")

_LICENCES: Final = ROOT / "installer" / "licences"
_QT: Final = ("LGPL-3.0.txt", "GPL-3.0.txt")
_WITHOUT_TEXT: Final[Mapping[str, tuple[str, ...]]] = {
    "flatbuffers": ("Apache-2.0.txt",),
    "pyjpegls": ("pyjpegls.txt",),
    "pyside6-essentials": _QT,
    "shiboken6": _QT,
}
"""Licences of wheels that name one and bring no text."""

# Run by the frozen environment's Python: its distributions, and every licence file that they hold.
_LIST: Final = r"""
import json, sys
from importlib import metadata
words = sys.argv[1:]
answer = []
for each in metadata.distributions():
    files = [each.locate_file(f) for f in each.files or ()
             if any(w in f.name.lower() for w in words) and f.suffix not in (".py", ".pyc", ".pyi")]
    texts = [open(f, encoding="utf-8", errors="replace").read() for f in files if f.is_file()]
    m = each.metadata
    classifiers = [c.split(" :: ")[-1] for c in m.get_all("Classifier") or () if c.startswith("License")]
    licence = m.get("License-Expression") or (m.get("License") or "").strip().split("\n")[0] or ", ".join(classifiers)
    homes = [u.partition(", ")[2] for u in m.get_all("Project-URL") or ()]
    answer.append({"name": m["Name"], "version": each.version, "licence": licence,
                   "home": m.get("Home-page") or (homes or [""])[0], "texts": texts})
json.dump(answer, sys.stdout)
"""


@dataclass(frozen=True, slots=True)
class Notice:
    """One part of what is shipped, and the terms that it is under."""

    name: str
    version: str
    licence: str
    home: str = ""
    texts: tuple[str, ...] = ()


def write(python: Path, collection: Path) -> Path:
    """Write `NOTICES.txt` and our own licence into a collection.

    Raises
    ------
    InstallerError
        A work has no licence text.
    """
    path = collection / NAME
    path.write_text(text([*of_packages(python), *of_python(python), *of_host(collection)]), encoding="utf-8")
    (collection / "LICENSE.txt").write_bytes((ROOT / "LICENSE").read_bytes())
    return path


def text(notices: list[Notice]) -> str:
    """Lay out notices: a list of all, then every text.

    Raises
    ------
    InstallerError
        One has no text.
    """
    wordless = [each.name for each in notices if not any(part.strip() for part in each.texts)]
    if wordless:
        raise InstallerError(f"{', '.join(wordless)}: no licence text is known. Add it in cxr_installer/notices.py.")
    lines = [
        "cxr-triage is under the Apache License 2.0 (LICENSE.txt). Its program holds these works of others:",
        "",
        *(f"  {each.name} {each.version}: {each.licence or 'see below'}" for each in notices),
        "",
        "Qt, PySide6 and Shiboken are used under the LGPL 3: their libraries lie as files of their own in",
        "_internal/PySide6 and _internal/shiboken6 and may be replaced by others of the same interface. Their source",
        "is at https://download.qt.io. FFmpeg's libraries, which OpenCV brings, are used under the LGPL 2.1 in the",
        "same way.",
    ]
    for each in notices:
        lines += ["", _RULE, f"{each.name} {each.version}", each.home, f"Licence: {each.licence or 'see below'}", _RULE]
        lines += [part.rstrip() for part in each.texts]
    return "\n".join(lines) + "\n"


def of_packages(python: Path) -> Iterator[Notice]:
    """Return the notices of an environment's distributions but those that only build, in order of name."""
    answer = json.loads(run([python, "-c", _LIST, *_WORDS]).out)
    own: Mapping[str, str] = {"pyinstaller": "GPL 2 or later with an exception for the boot loader, which is shipped"}
    for each in sorted(answer, key=lambda one: one["name"].lower()):
        name = each["name"].lower().replace("_", "-")
        if name not in _NOT_SHIPPED and name != "cxr-triage":
            licence = own.get(name, each["licence"])
            texts = tuple(dict.fromkeys(each["texts"])) or _standard(name)
            yield Notice(each["name"], each["version"], licence, each["home"], texts)


def _standard(name: str) -> tuple[str, ...]:
    """Return the texts of a wheel that brings none."""
    texts = [(_LICENCES / file).read_text(encoding="utf-8") for file in _WITHOUT_TEXT.get(name, ())]
    return tuple(texts)


def of_python(python: Path) -> Iterator[Notice]:
    """Return Python's own notice."""
    code = "import sys, os, platform; print(platform.python_version()); print(os.path.dirname(os.__file__))"
    number, folder = run([python, "-c", code]).out.splitlines()
    minor = ".".join(number.split(".")[:2])
    candidates = [Path(folder, "LICENSE.txt"), Path(folder).parent / "LICENSE.txt"]
    candidates.append(Path(f"/usr/share/doc/python{minor}/copyright"))
    words = next((path.read_text(encoding="utf-8") for path in candidates if path.is_file()), "")
    yield Notice("Python", number, "PSF-2.0", "https://www.python.org", (words,) if words else ())


def of_host(collection: Path) -> Iterator[Notice]:
    """Return the notices of the building system's own libraries, from their Debian packages; nothing elsewhere."""
    if sys.platform != "linux":
        return
    seen = set()
    for library in sorted((collection / "_internal").glob("lib*.so*")):
        if library.is_symlink() or library.name.startswith("libpython"):
            continue
        package = debian_package(library.name)
        if package and package not in seen:
            seen.add(package)
            copyright_file = Path("/usr/share/doc", package, "copyright")
            words = copyright_file.read_text(encoding="utf-8", errors="replace") if copyright_file.is_file() else ""
            number = ask(["dpkg-query", "-W", "-f=${Version}", package]).out
            yield Notice(
                package, number, "see below" if words else "", "https://www.debian.org", (words,) if words else ()
            )


def debian_package(library: str) -> str:
    """Return the Debian package that owns a library of the system, or nothing."""
    for folder in ("/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu"):
        for path in {Path(folder, library), Path(folder, library).resolve()}:
            if path.exists():
                said = ask(["dpkg-query", "-S", path])
                if said.code == 0:
                    return said.out.partition(":")[0]
    return ""
