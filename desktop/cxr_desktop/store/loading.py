"""Reading the worklist back: one query, then rows into films."""

from __future__ import annotations

import contextlib
import gc
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

from cxr_desktop.inference.verdict import Verdict
from cxr_desktop.store.audit import seal
from cxr_desktop.store.codec import Unpacker, unpack_read
from cxr_desktop.store.database import Database
from cxr_desktop.store.errors import RecordDamaged, StoreDamaged
from cxr_desktop.store.places import ABSENT, FileState, file_states
from cxr_desktop.store.records import Read, StoredFilm

Row: TypeAlias = Sequence[Any]
_Record = TypeVar("_Record")

PLACE: Final = "place:"
"""Begins the key of what was said about a file whose content is not known."""

_VERDICT: Final = (
    "v.id, v.film, v.bundle_sha256, v.plan, v.pixel_path_version, v.provenance, v.form, v.saved_at, v.body, "
    "v.numbers, v.seal, t.data"
)
_READ: Final = "r.sha256, r.bundle_sha256, r.at, r.body, r.seal"
_READ_FROM: Final = -5

_LIST: Final = f"""
SELECT p.real, p.source, p.added_at, p.film, p.size, p.mtime_ns, {_VERDICT}, {_READ}
FROM places p
LEFT JOIN verdicts v ON v.id = coalesce(
    (SELECT max(id) FROM verdicts WHERE film = p.film AND bundle_sha256 = ?),
    (SELECT max(id) FROM verdicts WHERE film = p.film))
LEFT JOIN thumbnails t ON t.verdict = v.id
LEFT JOIN reads r ON r.id = (SELECT max(id) FROM reads WHERE sha256 = p.film)
WHERE p.position IS NOT NULL
ORDER BY p.position
"""


@dataclass(frozen=True, slots=True)
class Listed:
    """The worklist, and the state in which each file, by its real path, was found."""

    films: list[StoredFilm]
    seen: dict[bytes, FileState]


def load_list(database: Database, bundle_sha256: str) -> Listed:
    """Read the worklist in the order added, with verdicts of `bundle_sha256` where there are any."""
    with database.reading() as connection:
        rows = connection.execute(_LIST, (bundle_sha256,)).fetchall()
        unpacker = _unpacker(database, connection)
    try:
        with _no_collection():
            states = file_states([row[1] for row in rows])
            films = [_film(row, state, unpacker, bundle_sha256) for row, state in zip(rows, states, strict=True)]
    except (TypeError, ValueError, AttributeError) as error:  # a place of the list itself, not what is said about it
        raise StoreDamaged(database.path, "a row of the worklist is broken") from error
    return Listed(films, {row[0]: state for row, state in zip(rows, states, strict=True)})


def load_history(database: Database, sha256: str) -> list[Verdict]:
    """Read every verdict of one content, oldest first; `RecordDamaged` where one is not as it was written."""
    query = f"SELECT {_VERDICT} FROM verdicts v LEFT JOIN thumbnails t ON t.verdict = v.id WHERE film = ? ORDER BY id"
    with database.reading() as connection:
        rows = connection.execute(query, (sha256,)).fetchall()
        unpacker = _unpacker(database, connection)
    return [_verdict(row, unpacker) for row in rows]


def is_judged(database: Database, sha256: str) -> bool:
    """Whether there is a verdict on one content, by any bundle."""
    with database.reading() as connection:
        return connection.execute("SELECT 1 FROM verdicts WHERE film = ? LIMIT 1", (sha256,)).fetchone() is not None


def load_reads(database: Database, sha256: str) -> list[Read]:
    """Read every reading of one content, oldest first; `RecordDamaged` where one is not as it was written."""
    query = f"SELECT {_READ} FROM reads r WHERE sha256 = ? ORDER BY id"
    with database.reading() as connection:
        rows = connection.execute(query, (sha256,)).fetchall()
    return [_read(row) for row in rows]


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Look for no garbage meanwhile: Python would go through the growing list again and again, half of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _film(row: Row, state: FileState, unpacker: Unpacker, bundle_sha256: str) -> StoredFilm:
    real, source, added_at, film, *was = row[:6]
    path = Path(os.fsdecode(source))
    if not film or (state != ABSENT and state != tuple(was)):  # never read, or other pixels by now
        return StoredFilm(path, added_at, sha256="", verdict=None, stale=False, read=None, real=os.fsdecode(real))
    verdict = None if row[6] is None else _sound(lambda: _verdict(row[6:_READ_FROM], unpacker, path))
    return StoredFilm(
        source=path,
        added_at=added_at,
        sha256="" if film.startswith(PLACE) else film,
        verdict=verdict,
        stale=bool(bundle_sha256) and verdict is not None and verdict.provenance.bundle_sha256 != bundle_sha256,
        read=None if row[_READ_FROM] is None else _sound(lambda: _read(row[_READ_FROM:])),
        real=os.fsdecode(real),
    )


def _sound(read: Callable[[], _Record]) -> _Record | None:
    """Leave out what is damaged: the film waits again, and all others are there."""
    try:
        return read()
    except RecordDamaged:
        return None


def _verdict(row: Row, unpacker: Unpacker, source: Path | None = None) -> Verdict:
    number, *sealed, kept, thumbnail = row
    if seal(*sealed) != kept:
        raise RecordDamaged("What was kept of a film is damaged. Score the film again.")
    _, _, _, _, provenance, form, _, body, numbers = sealed
    return unpacker.verdict(
        number, body, provenance=provenance, form=form, numbers=numbers, thumbnail=thumbnail, source=source
    )


def _read(row: Row) -> Read:
    *sealed, kept = row
    if seal(*sealed) != kept:
        raise RecordDamaged("What was kept of a film's reading is damaged. Read the film again.")
    sha256, bundle_sha256, at, body = sealed
    return unpack_read(body, sha256=sha256, bundle_sha256=bundle_sha256, at=at)


def _unpacker(database: Database, connection: sqlite3.Connection) -> Unpacker:
    shared = connection.execute("SELECT digest, body FROM provenances UNION ALL SELECT digest, body FROM forms")
    return Unpacker(dict(shared), lambda row: _heat_maps(database, row))


def _heat_maps(database: Database, row: int) -> bytes | None:
    with database.reading() as connection:
        found = connection.execute("SELECT data FROM heat_maps WHERE verdict = ?", (row,)).fetchone()
    return found[0] if found and isinstance(found[0], bytes) else None
