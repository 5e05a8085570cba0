"""What readers said of films, as reports print it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cxr_desktop.report.film_page import Reading
from cxr_desktop.store.records import Read
from cxr_desktop.worklist.row import Row


def said_of(rows: Iterable[Row]) -> dict[Path, Reading]:
    """Collect the readings of the rows that have one, by their file."""
    return {row.source: _printed(row, row.read) for row in rows if row.read is not None}


def _printed(row: Row, read: Read) -> Reading:
    state = "Read" if read.finished else "Begun, not marked read"
    how = ", blind first" if read.blind else ""
    opinions = tuple(f"{target.display}: {opinion.value}" for target, opinion in row.opinions.items())
    return Reading(state=f"{state}{how}", opinions=opinions, note=read.note)
