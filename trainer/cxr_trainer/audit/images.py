"""What is wrong with a folder's image files: missing, left over, twice there, unreadable."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import pandas as pd

from cxr_shared.files import sha256_file
from cxr_shared.film import Film, Refusal, RefusalKind, read_film
from cxr_trainer.data.images import ImageFiles
from cxr_trainer.errors import CatalogError

Progress = Callable[[str, int, int], None]
"""Called with what is being done, files done and files in all."""

Group = tuple[str, ...]
_HEAD: Final = 16 * 1024
_CHUNK: Final = 16


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An image that is no film, and why."""

    path: str
    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class Twins:
    """Films that are the same under several names; `patients` and `labels` are how many different ones they carry."""

    paths: tuple[str, ...]
    patients: int
    labels: int


@dataclass(frozen=True, slots=True)
class Images:
    """Image files beside the label file. Paths are relative to the folder.

    Attributes
    ----------
    listed, there
        Images that the label file lists, and those of them that were found.
    missing
        Images that were not found.
    extra
        Image files that the label file does not list.
    two_places
        Paths of images that lie in several places with the same bytes.
    two_contents
        Those with different ones: the trainer refuses the folder.
    closed
        Folders that could not be listed.
    same_bytes
        Different images whose files are the same to the byte.
    decoded
        Whether every film was read; otherwise `unreadable` holds only files that could not be opened.
    unreadable
        Images that cannot be read, with the reason.
    same_pixels
        Different images with the same pixels in different files; empty unless `decoded`.
    """

    listed: int
    there: int
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    two_places: tuple[tuple[str, ...], ...]
    two_contents: tuple[tuple[str, ...], ...]
    closed: tuple[str, ...]
    same_bytes: tuple[Twins, ...]
    decoded: bool
    unreadable: tuple[Unreadable, ...]
    same_pixels: tuple[Twins, ...]


def check_images(
    root: Path, listed: pd.DataFrame, films: pd.DataFrame, *, images: ImageFiles, decode: bool, progress: Progress
) -> Images:
    """Check the images of a folder.

    Parameters
    ----------
    root
        The folder.
    listed
        A row for each image of the label file.
    films
        Those that are there, with ``path``.
    images
        What was found below `root`.
    decode
        Read every film, in parallel.
    progress
        Told how far it is.
    """
    by_path = films.set_index("path")
    copies = images.copies(films["image"])
    places = {name: _short(images.paths[name], root) for name in copies}
    same_bytes, unopened = same_files(list(by_path.index), progress)
    same_pixels: list[Group] = []
    if decode:
        unopened, same_pixels = _decode(list(by_path.index), progress)
    return Images(
        listed=len(listed),
        there=len(films),
        missing=tuple(sorted(set(listed["image"]) - set(films["image"]))),
        extra=_short(sorted(_extra(images, listed)), root),
        two_places=tuple(places[name] for name, alike in copies.items() if alike),
        two_contents=tuple(places[name] for name, alike in copies.items() if not alike),
        closed=_short(images.closed, root),
        same_bytes=_twins(same_bytes, by_path, root),
        decoded=decode,
        unreadable=tuple(Unreadable(os.path.relpath(r.source, root), r.kind.value, r.message) for r in unopened),
        same_pixels=_twins((group for group in same_pixels if group not in same_bytes), by_path, root),
    )


def same_files(paths: Sequence[str], progress: Progress) -> tuple[list[Group], list[Refusal]]:
    """Groups of files with the same bytes, and files that cannot be opened.

    They are told apart by size, then by their heads, and hashed only where both agree.
    """
    refused: list[Refusal] = []

    def hashed(files: Iterable[str], key: Callable[[Path], object]) -> list[Group]:
        keyed: list[tuple[str, object]] = []
        for path in files:
            try:
                keyed.append((path, key(Path(path))))
            except OSError as error:
                reason = f"The file cannot be opened: {error.strerror}."
                refused.append(Refusal(RefusalKind.UNREADABLE, reason, Path(path)))
        return _groups(keyed)

    sizes = hashed(paths, lambda path: path.stat().st_size)
    heads = hashed(_members(sizes), lambda path: (path.stat().st_size, _head(path)))
    suspects = _members(heads)
    count = iter(range(1, len(suspects) + 1))

    def whole(path: Path) -> str:
        progress("comparing files", next(count), len(suspects))
        return sha256_file(path)

    return hashed(suspects, whole), refused


def _members(groups: Iterable[Group]) -> list[str]:
    return [path for group in groups for path in group]


def _short(paths: Iterable[str], root: Path) -> Group:
    return tuple(os.path.relpath(path, root) for path in paths)


def _twins(groups: Iterable[Group], by_path: pd.DataFrame, root: Path) -> tuple[Twins, ...]:
    return tuple(
        Twins(_short(group, root), films["patient"].nunique(), films["labels"].nunique())
        for group in groups
        for films in (by_path.loc[list(group)],)
    )


def _groups(keyed: Iterable[tuple[str, object]]) -> list[Group]:
    """Paths that share a key, where several do, sorted."""
    groups: dict[object, list[str]] = defaultdict(list)
    for path, key in keyed:
        groups[key].append(path)
    return sorted(tuple(sorted(group)) for group in groups.values() if len(group) > 1)


def _extra(images: ImageFiles, listed: pd.DataFrame) -> list[str]:
    """Left over for this label file, though another label file in the folder may list some."""
    names = set(listed["image"])
    of_others = [path for name, paths in images.paths.items() if name not in names for path in paths]
    return [*images.others, *of_others]


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        return hashlib.sha256(stream.read(_HEAD)).digest()


def _decode(paths: Sequence[str], progress: Progress) -> tuple[list[Refusal], list[Group]]:
    """Read every film in a pool of processes; the refusals, and groups of films with the same pixels."""
    refused: list[Refusal] = []
    hashed: list[tuple[str, object]] = []
    pool = ProcessPoolExecutor(os.cpu_count(), get_context("spawn"))
    try:
        results = pool.map(_read, paths, chunksize=_CHUNK)
        for done, (path, result) in enumerate(zip(paths, results, strict=True), start=1):
            if isinstance(result, Refusal):
                refused.append(result)
            else:
                hashed.append((path, result))
            progress("decoding films", done, len(paths))
    except BrokenProcessPool as error:
        raise CatalogError(
            "A process that decodes films was ended from outside (out of memory?). Run the same command again, or "
            "without --decode."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)
    return refused, _groups(hashed)


def _read(path: str) -> Refusal | bytes:
    """Hash of a film's pixels and shape, or why it is none."""
    film = read_film(Path(path))
    if not isinstance(film, Film):
        return film
    return hashlib.sha256(repr(film.shape).encode() + film.pixels.tobytes()).digest()
