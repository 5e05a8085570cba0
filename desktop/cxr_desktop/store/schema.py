"""The store's tables, as migrations from nothing on: schema n is what the first n of `MIGRATIONS` make.

A released migration is never edited; a change is a new one at the end.

``places``
    Files that are or were on the worklist. `position` is their order, NULL when taken off. `film` is what the file
    held when it was last read: its SHA-256, ``place:<id>`` where it gave none, or nothing; `size` and `mtime_ns` are
    the file's as it was then.
``provenances``, ``forms``
    What many verdicts share, each once, under the SHA-256 of its text: who scored, and with which operating points,
    calibrations and shapes of maps.
``verdicts``, ``reads``
    Rows are only added; the newest counts. `seal` is the SHA-256 of all else in the row.
``heat_maps``, ``thumbnails``
    Pictures, under the checksum that stands in the verdict's body.
``audit``, ``audit_head``
    The trail, a chain of hashes, and its end.
"""

from __future__ import annotations

from typing import Final, TypeAlias

Migration: TypeAlias = tuple[str, ...]
"""Statements that lead from one schema to the next."""

APPLICATION_ID: Final = 0x43585254
"""``CXRT``, in the file's header: tells the store from other programs' databases."""


def _append_only(table: str) -> Migration:
    return tuple(
        f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table}: rows are only added'); END"
        for verb in ("UPDATE", "DELETE")
    )


_FIRST: Final[Migration] = (
    """CREATE TABLE places (
        id INTEGER PRIMARY KEY,
        real BLOB NOT NULL UNIQUE,
        source BLOB NOT NULL,
        added_at REAL NOT NULL,
        position INTEGER UNIQUE,
        film TEXT NOT NULL DEFAULT '',
        size INTEGER,
        mtime_ns INTEGER
    )""",
    "CREATE INDEX places_by_source ON places (source)",
    "CREATE TABLE provenances (digest TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE forms (digest TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE verdicts (
        id INTEGER PRIMARY KEY,
        film TEXT NOT NULL,
        bundle_sha256 TEXT NOT NULL,
        plan TEXT NOT NULL,
        pixel_path_version INTEGER NOT NULL,
        provenance TEXT NOT NULL REFERENCES provenances,
        form TEXT REFERENCES forms,
        saved_at TEXT NOT NULL,
        body TEXT NOT NULL,
        numbers BLOB NOT NULL,
        seal BLOB NOT NULL
    )""",
    "CREATE INDEX verdicts_by_film ON verdicts (film)",
    "CREATE INDEX verdicts_by_key ON verdicts (film, bundle_sha256, plan, pixel_path_version)",
    "CREATE TABLE heat_maps (verdict INTEGER PRIMARY KEY REFERENCES verdicts, data BLOB NOT NULL)",
    "CREATE TABLE thumbnails (verdict INTEGER PRIMARY KEY REFERENCES verdicts, data BLOB NOT NULL)",
    """CREATE TABLE reads (
        id INTEGER PRIMARY KEY,
        sha256 TEXT NOT NULL,
        bundle_sha256 TEXT NOT NULL,
        at TEXT NOT NULL,
        body TEXT NOT NULL,
        seal BLOB NOT NULL
    )""",
    "CREATE INDEX reads_by_film ON reads (sha256)",
    """CREATE TABLE audit (
        number INTEGER PRIMARY KEY,
        at TEXT NOT NULL,
        action TEXT NOT NULL,
        detail TEXT NOT NULL,
        previous TEXT NOT NULL,
        hash TEXT NOT NULL
    )""",
    "CREATE TABLE audit_head (one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL, hash TEXT NOT NULL)",
    *_append_only("verdicts"),
    *_append_only("reads"),
    *_append_only("audit"),
)

MIGRATIONS: Final[tuple[Migration, ...]] = (_FIRST,)
