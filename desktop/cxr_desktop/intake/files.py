"""Finding the films that a person meant by a list of files and folders."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

_WRITING = "csv doc docx htm html ini json jsonl log md pdf rst rtf toml tsv txt xls xlsx xml yaml yml"
_PROGRAMS = "bat c cfg cxr db exe h ipynb npy npz onnx parquet ps1 pt py safetensors sh sqlite typed"
_OTHERS = "7z avi gz mp4 rar svg tar wav zip"

NEVER_FILMS: Final = frozenset(f".{suffix}" for suffix in f"{_WRITING} {_PROGRAMS} {_OTHERS}".split())
"""Suffixes that are passed over inside a folder; DICOM files often have no suffix, so the rest is tried."""

_PASSED_OVER: Final = frozenset({"dicomdir", "thumbs.db", "desktop.ini", "lockfile", "version"})
_NUMBER = re.compile(r"(\d+)")


def find_films(paths: Iterable[Path], *, stopped: Callable[[], bool] = lambda: False) -> Iterator[Path]:
    """List the files to read, each once, in the order given and naturally sorted inside folders.

    Parameters
    ----------
    paths
        Files and folders, mixed. A file that is named is always listed, whatever it is and even when it does
        not exist, so that it becomes a row with its reason. Folders are searched to any depth, without
        following links to folders; hidden entries and `NEVER_FILMS` in them are passed over.
    stopped
        Asked between folders; True ends the search early.

    Yields
    ------
    Path
        The path as the person would write it: the folder they named, joined with what was found below it.
    """
    seen: set[str] = set()
    for path in paths:
        for found in _below(path, stopped) if path.is_dir() else (path,):
            identity = os.path.realpath(found)
            if identity not in seen:
                seen.add(identity)
                yield found


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key by which ``film-9`` stands before ``film-10``, in any case."""
    return tuple(
        (0, int(part), part) if part.isdecimal() else (1, 0, part.casefold()) for part in _NUMBER.split(name) if part
    )


def _below(folder: Path, stopped: Callable[[], bool]) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        if stopped():
            return
        folders[:] = sorted((each for each in folders if not each.startswith(".")), key=natural_key)
        for name in sorted(filter(_may_be_film, names), key=natural_key):
            yield Path(parent, name)


def _may_be_film(name: str) -> bool:
    if name.startswith((".", "~$")) or name.lower() in _PASSED_OVER:
        return False
    return Path(name).suffix.lower() not in NEVER_FILMS
