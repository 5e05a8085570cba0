"""Names of files: which may be films, and in which order a person expects them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, TypeAlias

_WRITING = "csv doc docx htm html ini json jsonl log md pdf rst rtf toml tsv txt xls xlsx xml yaml yml"
_PROGRAMS = "bat c cfg cxr db exe h ipynb npy npz onnx parquet ps1 pt py safetensors sh sqlite typed"
_OTHERS = "7z avi gz mp4 rar svg tar wav"

NEVER_FILMS: Final = frozenset(f".{suffix}" for suffix in f"{_WRITING} {_PROGRAMS} {_OTHERS}".split())
"""Suffixes that are passed over inside a folder; DICOM files often have no suffix, so the rest is tried."""

ZIP: Final = ".zip"
DICOMDIR: Final = "dicomdir"
UNFINISHED: Final = frozenset(
    {".part", ".partial", ".filepart", ".tmp", ".temp", ".crdownload", ".download", ".opdownload"}
)
"""Suffixes that browsers and copying programs give a file until it is complete."""

_PASSED_OVER: Final = frozenset({DICOMDIR, "thumbs.db", "desktop.ini", "lockfile", "version", "__macosx"})
_NUMBER = re.compile(r"(\d+)")

Key: TypeAlias = tuple[list[str | int], str]

_OF_THE_SPOOL: Final = re.compile(r"([0-9a-f]{8})[0-9a-f]{56}\.dcm")
"""How films from the network are named, and how much of it is shown."""


def natural_key(name: str) -> Key:
    """Sort key by which ``film-9`` stands before ``film-10``, in any case."""
    parts: list[str | int] = [*_NUMBER.split(name.casefold())]  # text and digits take turns, so like meets like
    parts[1::2] = map(int, parts[1::2])
    return parts, name


def may_be_film(name: str) -> bool:
    """Whether a file of this name in a folder is tried, ZIPs included; hidden ones and `NEVER_FILMS` are not."""
    if name.startswith((".", "~$")) or name.lower() in _PASSED_OVER:
        return False
    return suffix_of(name) not in NEVER_FILMS


def is_unfinished(name: str) -> bool:
    """Whether a name says that the file is still being written, or a copy that an editor keeps."""
    return name.startswith((".", "~")) or name.endswith("~") or suffix_of(name) in UNFINISHED


def is_zip(name: str) -> bool:
    """Whether a name says that the file is a ZIP."""
    return suffix_of(name) == ZIP


def is_index(name: str) -> bool:
    """Whether a name is that of a disc's index."""
    return name.lower() == DICOMDIR


def suffix_of(name: str) -> str:
    """Suffix in lower case with its dot, as `pathlib` has it; empty where there is none."""
    stem, _, suffix = name.rpartition(".")
    return f".{suffix.lower()}" if stem and suffix else ""


def shown_name(film: Path) -> str:
    """Return what a person knows a film by: its file's name, but for one from the network, which is named by a hash."""
    found = _OF_THE_SPOOL.fullmatch(film.name)
    return f"received {found[1]}" if found else film.name
