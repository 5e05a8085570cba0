"""Rows as they come become parts, each written once it is whole."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cxr_desktop.archive.errors import ArchiveUnreachable
from cxr_desktop.archive.fetching import FETCH_FAILED
from cxr_desktop.archive.films import Part
from cxr_desktop.archive.rows import without_identity
from cxr_desktop.archive.storage import Storage
from cxr_desktop.archive.tables import arrow, to_parquet
from cxr_desktop.report.pseudonyms import Pseudonyms

_NAME: Final = re.compile(r"part-(\d{5,})\.parquet")


def part_name(number: int) -> str:
    """Name of the file that holds a part's rows."""
    return f"part-{number:05}.parquet"


def done(out: Storage) -> set[int]:
    """Return the numbers of the parts that are written; a file that is there is whole.

    Raises
    ------
    OutputError
        The place cannot be listed.
    """
    return {int(found[1]) for found in map(_NAME.fullmatch, out.names()) if found}


@dataclass(slots=True)
class Tally:
    """What was scored since the command began.

    Attributes
    ----------
    lanes, refusals
        Films by lane, and refused ones by kind.
    films
        Films of parts that were written.
    written
        Bytes of these parts.
    """

    lanes: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    films: int = 0
    written: int = 0


class Collector:
    """Gathers rows until their part is whole, and writes it.

    Parameters
    ----------
    out
        Where to.
    metadata
        Of every part's schema.
    names
        Pseudonyms for patients; None leaves them as they are.
    """

    def __init__(self, out: Storage, metadata: Mapping[str, str], names: Pseudonyms | None = None) -> None:
        self._out = out
        self._metadata = dict(metadata)
        self._names = names
        self._rows: dict[int, list[Any]] = {}
        self._seen: dict[int, set[int]] = {}
        self._films: dict[int, int] = {}
        self.tally = Tally()

    def expect(self, part: Part) -> None:
        """Say how many films a part has, before its rows come."""
        self._films[part.number] = len(part.films)
        self._rows.setdefault(part.number, [])
        self._seen.setdefault(part.number, set())

    @property
    def open_parts(self) -> set[int]:
        """Parts that were expected and lack rows."""
        return set(self._films)

    def add(self, table: Any) -> int:  # noqa: ANN401  (pyarrow ships no types)
        """Take rows of one part, and write it where they are its last; a row that came before is dropped.

        Returns
        -------
        int
            Number of rows that are new.

        Raises
        ------
        ArchiveUnreachable
            No film of a part could be fetched.
        OutputError
            A part could not be written.
        """
        number = table["part"][0].as_py()
        if number not in self._films:  # written before
            return 0
        seen = self._seen[number]
        fresh = [film not in seen for film in table["number"].to_pylist()]
        if not all(fresh):
            table = table.filter(arrow().array(fresh))
        seen.update(table["number"].to_pylist())
        self._rows[number].append(table)
        if len(seen) == self._films[number]:
            self._write(number, self._rows.pop(number))
            del self._films[number], self._seen[number]
        return len(table)

    def _write(self, number: int, rows: Iterable[Any]) -> None:
        table = arrow().concat_tables(rows).sort_by("number")
        if len(table) > 1 and set(table["refusal_kind"].to_pylist()) == {FETCH_FAILED}:
            raise ArchiveUnreachable(
                f"None of the {len(table):,} films of part {number} could be fetched, so their rows were not written. "
                "See that the archive can be reached and read, then run the same command again."
            )
        self.tally.lanes.update(table["lane"].to_pylist())
        self.tally.refusals.update(kind for kind in table["refusal_kind"].to_pylist() if kind)
        if self._names is not None:
            table = without_identity(table, self._names)
        content = to_parquet(table.replace_schema_metadata(self._metadata))
        self._out.write(part_name(number), content)
        self.tally.films += len(table)
        self.tally.written += len(content)
