"""Finding the films that a person meant by a list of files, folders, ZIPs and discs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

from cxr_desktop.intake.containers import films_in_zip
from cxr_desktop.intake.disc import is_dicom_file, listed
from cxr_desktop.intake.names import NEVER_FILMS, is_index, is_zip, may_be_film, natural_key

__all__ = ["NEVER_FILMS", "find_films", "find_films_in_chunks", "natural_key"]

Stopped: TypeAlias = Callable[[], bool]
_Found: TypeAlias = tuple[Path, str] | None
"""A file and what it is known by, or None: time went by, and nothing was found."""


class _Search(NamedTuple):
    """How a search goes on: whether it was stopped, and whether a ZIP stands for the films in it."""

    stopped: Stopped
    unpack: bool = True


def find_films(paths: Iterable[Path], *, unpack: bool = True, stopped: Stopped = lambda: False) -> Iterator[Path]:
    """List the files to read, each once, in the order given and naturally sorted inside folders.

    Parameters
    ----------
    paths
        Files and folders, mixed. A file that is named is always listed, whatever it is and even when it does
        not exist, so that it becomes a row with its reason. Folders are searched to any depth, without
        following links to folders; hidden entries and `NEVER_FILMS` in them are passed over. A ZIP stands for the
        films in it, see `containers.films_in_zip`. A DICOMDIR stands for the images that it names, in its order, and a
        folder with one for these and then any other DICOM file in it; a damaged one for the folder that it is in.
    unpack
        Whether ZIPs are opened; else each is listed as the file that it is.
    stopped
        Asked often; True ends the search early.

    Yields
    ------
    Path
        The path as the person would write it: the folder they named, joined with what was found below it. What cannot
        be opened is yielded as well, so that it becomes a row. Each is yielded as soon as it is found.
    """
    return (path for path in _find(paths, _Search(stopped, unpack)) if path is not None)


def find_films_in_chunks(
    paths: Iterable[Path], *, stopped: Stopped = lambda: False, every_s: float = 0.1, at_most: int = 500
) -> Iterator[list[Path]]:
    """List films as `find_films` does, many at a time, for a window that shows them as they are found.

    Parameters
    ----------
    paths, stopped
        As for `find_films`.
    every_s
        Longest time in seconds for which a film waits for others, while the search comes to an answer.
    at_most
        Longest list.

    Yields
    ------
    list
        At least one film.
    """
    chunk: list[Path] = []
    last = time.monotonic()
    for path in _find(paths, _Search(stopped)):
        if path is not None:
            chunk.append(path)
        if chunk and (len(chunk) >= at_most or time.monotonic() - last >= every_s):
            yield chunk
            chunk, last = [], time.monotonic()
    if chunk:
        yield chunk


def _find(paths: Iterable[Path], search: _Search) -> Iterator[Path | None]:
    seen: set[str] = set()
    for path in paths:
        if search.stopped():
            return
        for found in _named(path, search):
            if found is None:
                yield None
            elif found[1] not in seen:
                seen.add(found[1])
                yield found[0]


def _named(path: Path, search: _Search) -> Iterator[_Found]:
    if path.is_dir():
        return _below(path, search)
    if is_index(path.name) and path.is_file():
        return _of_disc(path, search)
    return _one(path, search)


def _one(path: Path, search: _Search, identity: str | None = None) -> Iterator[_Found]:
    """List a file, or the films in it where it is a ZIP."""
    if search.unpack and is_zip(path.name) and path.is_file():
        for found in films_in_zip(path, stopped=search.stopped):
            yield None if found is None else _known(found)
    else:
        yield path, identity or os.path.realpath(path)


def _of_disc(index: Path, search: _Search) -> Iterator[_Found]:
    """List what a DICOMDIR names, or what lies beside it where it is damaged."""
    films = listed(index)
    if films is not None:
        yield from map(_known, films)
        return
    anything = False
    for found in _below(index.parent, search):
        anything = anything or found is not None
        yield found
    if not anything:
        yield _known(index)


def _below(top: Path, search: _Search) -> Iterator[_Found]:
    """Search a folder, files before folders. Beside a DICOMDIR only DICOM files are films: discs hold viewers too."""
    waiting = [(top, False)]
    while waiting:
        yield None
        if search.stopped():
            return
        folder, only_dicom = waiting.pop()
        names, links, folders = _entries(folder)
        for name in filter(is_index, names):
            films = listed(folder / name)
            only_dicom = only_dicom or films is not None
            yield from map(_known, films or ())
        waiting += ((folder / name, only_dicom) for name in sorted(folders, key=natural_key, reverse=True))
        real = os.path.realpath(folder)
        for name in sorted(filter(may_be_film, names), key=natural_key):
            path = folder / name
            if not only_dicom or is_zip(name) or is_dicom_file(path):
                yield from _one(path, search, None if name in links else os.path.join(real, name))  # noqa: PTH118
            if search.stopped():
                return


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder, or a link to one; False for a link that leads nowhere or in a circle."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _known(path: Path) -> tuple[Path, str]:
    return path, os.path.realpath(path)


def _entries(folder: Path) -> tuple[list[str], set[str], list[str]]:
    """Names of the files in a folder, those of them that are links, and the folders in it that are no links."""
    names: list[str] = []
    links: set[str] = set()
    folders: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                linked = entry.is_symlink()
                if is_folder(entry):
                    if not linked and not entry.name.startswith("."):
                        folders.append(entry.name)
                    continue
                names.append(entry.name)
                if linked:
                    links.add(entry.name)
    except OSError:
        return names, links, folders
    return names, links, folders
