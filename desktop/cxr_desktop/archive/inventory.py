"""The inventory: which films an archive holds, in parts, written before any is scored and never changed.

``_inventory/00012.parquet`` lists part 12. Parts come in generations: what one listing found. A generation counts once
its ``_inventory/generation-00000.json`` is there; what a listing that was interrupted left is written over.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from cxr_desktop.archive.films import Film, Part
from cxr_desktop.archive.listing import Listing
from cxr_desktop.archive.storage import Storage
from cxr_desktop.archive.tables import arrow, from_parquet, to_parquet
from cxr_shared.errors import OutputError

FOLDER: Final = "_inventory"
"""Readers of Parquet pass over names with an underscore."""
_GENERATION: Final = "generation-"


@dataclass(frozen=True, slots=True)
class Generation:
    """What one listing found.

    Attributes
    ----------
    first
        Number of its first part.
    parts, films
        How many.
    part_films
        Films of each part but the last.
    changed
        Films of earlier generations whose size or time of change is another; they are not scored again.
    remarks
        What a person should hear of it.
    """

    first: int
    parts: int
    films: int
    part_films: int
    changed: int = 0
    remarks: tuple[str, ...] = ()

    def lengths(self) -> Iterator[tuple[int, int]]:
        """Yield each part's number and how many films it has."""
        for place in range(self.parts):
            yield self.first + place, min(self.part_films, self.films - place * self.part_films)


class Inventory:
    """The films of an archive, as they were listed.

    Parameters
    ----------
    out
        Where the results go.

    Raises
    ------
    OutputError
        It cannot be read, or is damaged.
    """

    def __init__(self, out: Storage) -> None:
        self._out = out
        names = [name for name in out.names(FOLDER) if name.startswith(_GENERATION)]
        self.generations = [_generation(out, name) for name in names]

    @property
    def parts(self) -> int:
        """Number of parts."""
        return sum(each.parts for each in self.generations)

    @property
    def films(self) -> int:
        """Number of films."""
        return sum(each.films for each in self.generations)

    def films_in(self, numbers: Iterable[int]) -> int:
        """Count the films of some parts."""
        lengths = {number: length for each in self.generations for number, length in each.lengths()}
        return sum(lengths[number] for number in numbers)

    def part(self, number: int) -> Part:
        """Read one part.

        Raises
        ------
        OutputError
            It is not there, or is damaged.
        """
        content = self._out.read(_part_name(number))
        if content is None:
            raise OutputError(f"{self._out}/{_part_name(number)} is missing. Restore it, or begin in another folder.")
        return Part(number, tuple(films_of(from_parquet(content))))

    def extend(self, listing: Listing, *, part_films: int) -> Generation:
        """List the archive, and write the films that are not yet in the inventory as a new generation.

        Nothing is written where there is none. Holds about 140 bytes of memory for each film of the archive.

        Parameters
        ----------
        listing
            The archive's.
        part_films
            Most films of a part.

        Raises
        ------
        ArchiveUnreachable, OutputError
            The archive cannot be listed, or the inventory cannot be written.
        """
        known = _Known(film for number in range(self.parts) for film in self.part(number).films)
        first, parts, films = self.parts, 0, 0
        new = known.new(listing.films())
        while chunk := tuple(islice(new, part_films)):
            self._out.write(_part_name(first + parts), to_parquet(table_of_films(chunk)))
            parts, films = parts + 1, films + len(chunk)
        made = Generation(first, parts, films, part_films, known.changed, tuple(listing.remarks.sentences()))
        if parts:
            self._out.write(f"{FOLDER}/{_GENERATION}{len(self.generations):05}.json", _document(made))
            self.generations.append(made)
        return made


class _Known:
    """What is in the inventory already, by digests: paths themselves would take several times the memory."""

    def __init__(self, films: Iterable[Film]) -> None:
        self._stamps = {_digest(film.key): _stamp(film) for film in films}
        self.changed = 0

    def new(self, films: Iterable[Film]) -> Iterator[Film]:
        """Pass on those that are not known, each once, and count those that are another file now."""
        for film in films:
            key, stamp = _digest(film.key), _stamp(film)
            before = self._stamps.setdefault(key, stamp)
            if before is stamp:
                yield film
            elif before != stamp:
                self.changed += 1


def _stamp(film: Film) -> bytes:
    return _digest(f"{film.size} {film.stamp}", size=8)


def _digest(text: str, *, size: int = 16) -> bytes:
    return hashlib.blake2b(text.encode(errors="surrogateescape"), digest_size=size).digest()


def _part_name(number: int) -> str:
    return f"{FOLDER}/{number:05}.parquet"


def table_of_films(films: Iterable[Film]) -> Any:  # noqa: ANN401  (pyarrow ships no types)
    """Turn films into a table; a path is bytes, since a file's name may be no text."""
    pa = arrow()
    rows = [{"file": os.fsencode(film.key), "size": film.size, "stamp": film.stamp} for film in films]
    schema = pa.schema([("file", pa.binary()), ("size", pa.int64()), ("stamp", pa.string())])
    return pa.Table.from_pylist(rows, schema=schema)


def films_of(table: Any) -> list[Film]:  # noqa: ANN401
    """Turn a table of `table_of_films` back."""
    columns = (table[name].to_pylist() for name in ("file", "size", "stamp"))
    return [Film(os.fsdecode(key), size, stamp) for key, size, stamp in zip(*columns, strict=True)]


def _document(generation: Generation) -> bytes:
    fields = {name: getattr(generation, name) for name in Generation.__slots__}
    return (json.dumps(fields, indent=2) + "\n").encode()


def _generation(out: Storage, name: str) -> Generation:
    content = out.read(f"{FOLDER}/{name}") or b""
    try:
        fields = json.loads(content)
        return Generation(**{**fields, "remarks": tuple(fields["remarks"])})
    except (ValueError, KeyError, TypeError) as error:
        raise OutputError(f"{out}/{FOLDER}/{name} is damaged. Restore it, or begin in another folder.") from error
