"""Listing an archive: every film once, in an order that does not depend on who lists it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cxr_desktop.archive.errors import ArchiveUnreachable
from cxr_desktop.archive.films import Film
from cxr_desktop.archive.storage import file_system, is_url
from cxr_desktop.intake.files import find_films
from cxr_desktop.intake.names import is_index, is_zip, may_be_film, natural_key


@dataclass(slots=True)
class Remarks:
    """What a person should hear about a listing, counted while it goes on.

    Attributes
    ----------
    zips
        ZIPs; each is a row that says that it was not opened.
    indices
        DICOMDIRs behind a URL, which are not read.
    """

    zips: int = 0
    indices: int = 0

    def sentences(self) -> list[str]:
        """What there is to say."""
        said = []
        if self.zips:
            said.append(f"{self.zips:,} ZIPs are not opened in an archive; each is a row that says so.")
        if self.indices:
            said.append(
                f"{self.indices:,} DICOMDIRs behind a URL were not read; what lies beside them was listed by its name."
            )
        return said


@dataclass(slots=True)
class Listing:
    """The films below some places.

    Attributes
    ----------
    places
        Absolute paths of folders and files, or URLs.
    remarks
        Filled while the films are listed.
    """

    places: tuple[str, ...]
    remarks: Remarks = field(default_factory=Remarks)

    def films(self) -> Iterator[Film]:
        """List the films, each as soon as it is found.

        In a folder of this machine they are those of `find_films`, except that a ZIP is one row and not the films in
        it. Behind a URL: files before folders, both in natural order, by the same rules for names.

        Raises
        ------
        ArchiveUnreachable
            A place is not there, or cannot be listed.
        """
        for film in self._found():
            self.remarks.zips += is_zip(film.key)
            yield film

    def _found(self) -> Iterator[Film]:
        paths = [Path(place) for place in self.places if not is_url(place)]
        missing = next((path for path in paths if not path.exists()), None)
        if missing is not None:
            raise ArchiveUnreachable(f"{missing} is not there. Name a folder, films, or a URL such as s3://BUCKET/….")
        yield from map(_local_film, find_films(paths, unpack=False))
        for url in filter(is_url, self.places):
            yield from self._remote(url)

    def _remote(self, url: str) -> Iterator[Film]:
        system, root = file_system(url)
        try:
            yield from self._below(system, root)
        except ArchiveUnreachable:
            raise
        except Exception as error:  # each of fsspec's systems has errors of its own
            raise ArchiveUnreachable(
                f"{url} cannot be listed: {getattr(error, 'strerror', None) or type(error).__name__}. See that it is "
                "there and yours to read, then run the same command again."
            ) from error

    def _below(self, system: Any, root: str) -> Iterator[Film]:  # noqa: ANN401  (fsspec ships no types)
        if system.isfile(root):
            yield _remote_film(system, system.info(root))
            return
        waiting = [root]
        while waiting:
            folder = waiting.pop()
            entries = {_name(entry): entry for entry in system.ls(folder, detail=True) if _is_below(entry, folder)}
            folders = [name for name, entry in entries.items() if entry["type"] == "directory" and name[0] != "."]
            files = [name for name, entry in entries.items() if entry["type"] == "file"]
            self.remarks.indices += sum(map(is_index, files))
            for name in sorted(filter(may_be_film, files), key=natural_key):
                yield _remote_film(system, entries[name])
            waiting += (entries[name]["name"] for name in sorted(folders, key=natural_key, reverse=True))


def absolute(places: Iterable[str | os.PathLike[str]]) -> tuple[str, ...]:
    """Make paths absolute, since the films are read by other processes too; URLs stay, without a slash at the end."""
    texts = [os.fspath(place) for place in places]
    return tuple(text.rstrip("/") if is_url(text) else os.path.abspath(text) for text in texts)  # noqa: PTH100


def _local_film(path: Path) -> Film:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return Film(str(path))
    return Film(str(path), status.st_size, str(status.st_mtime_ns))


def _remote_film(system: Any, entry: dict[str, Any]) -> Film:  # noqa: ANN401
    stamps = (entry.get(name) for name in ("ETag", "etag", "md5Hash", "LastModified", "mtime"))
    stamp = next((str(each).strip('"') for each in stamps if each), "")
    return Film(system.unstrip_protocol(entry["name"]), int(entry.get("size") or 0), stamp)


def _name(entry: dict[str, Any]) -> str:
    return str(entry["name"].rstrip("/").rpartition("/")[2])


def _is_below(entry: dict[str, Any], folder: str) -> bool:
    """Object stores list the empty object that stands for a folder among what is in it."""
    return entry["name"].rstrip("/") != folder.rstrip("/") and bool(_name(entry)) and not _is_placeholder(entry)


def _is_placeholder(entry: dict[str, Any]) -> bool:
    return entry["type"] == "file" and str(entry["name"]).endswith("/")
