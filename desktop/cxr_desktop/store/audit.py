"""The audit trail: a chain of hashes, to which each change of the store adds a link in the same transaction.

An entry's hash covers the hash before it, so an entry that was changed, taken out or moved is found, and the head,
kept apart, shows one that was cut off. The entries hold the seals of the verdicts and reads that they speak of, which
makes those part of the chain. It is not signed: who can write the file can also write a whole new chain, unless the
last hash is kept elsewhere too.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from cxr_desktop.store.database import Database, utc_now
from cxr_desktop.store.errors import AuditBroken
from cxr_desktop.store.form import to_json
from cxr_desktop.store.records import AuditEntry

STORE_MADE: Final = "store-made"
FILMS_ADDED: Final = "films-added"
FILMS_REMOVED: Final = "films-removed"
VERDICTS_SAVED: Final = "verdicts-saved"
READ_SAVED: Final = "read-saved"

_START: Final = "0" * 64
_PAGE: Final = 1000


def seal(*values: object) -> bytes:
    """SHA-256 of a row's values, each with its type and length, so that no two rows give the same text."""
    parts = [value if isinstance(value, bytes) else str(value).encode(errors="surrogateescape") for value in values]
    kinds = [type(value).__name__.encode() for value in values]
    text = b"".join(b"%b%d:%b" % (kind, len(part), part) for kind, part in zip(kinds, parts, strict=True))
    return hashlib.sha256(text).digest()


def joint(seals: Iterable[bytes]) -> str:
    """SHA-256 of seals one after the other, in hexadecimal."""
    return hashlib.sha256(b"".join(seals)).hexdigest()


def append(connection: sqlite3.Connection, action: str, detail: Mapping[str, str]) -> None:
    """Add an entry, inside the caller's transaction."""
    row = connection.execute("SELECT number, hash FROM audit_head").fetchone()
    number, previous = (row[0] + 1, row[1]) if row else (1, _START)
    at, text = utc_now(), to_json(dict(sorted(detail.items())))
    entry_hash = _hash(number, at, action, text, previous)
    connection.execute("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?)", (number, at, action, text, previous, entry_hash))
    connection.execute("INSERT OR REPLACE INTO audit_head VALUES (1, ?, ?)", (number, entry_hash))


def trail(database: Database) -> Iterator[AuditEntry]:
    """Read the trail, oldest first, a thousand entries at a time, so that others need not wait for its end."""
    last = 0
    while True:
        with database.reading() as connection:
            rows = connection.execute(
                "SELECT number, at, action, detail, previous, hash FROM audit WHERE number > ? ORDER BY number LIMIT ?",
                (last, _PAGE),
            ).fetchall()
        if not rows:
            return
        yield from map(_entry, rows)
        last = rows[-1][0]


def verify(database: Database) -> None:
    """Check the chain, its end, and all verdicts and reads that it vouches for, as they stand when it is called.

    What is added meanwhile is left to the next time.

    Raises
    ------
    AuditBroken
        Names the first entry or record that is not as it was written.
    """
    number, previous, vouched = 0, _START, {"verdicts": 0, "reads": 0}
    with database.reading() as connection:
        head = connection.execute("SELECT number, hash FROM audit_head").fetchone()
        end = _last(connection, "audit", "number")
        left = {table: _last(connection, table, "id") for table in vouched}
    for entry in itertools.takewhile(lambda entry: entry.number <= end, trail(database)):
        text = to_json(dict(entry.detail))
        whole = _hash(entry.number, entry.at, entry.action, text, entry.previous)
        if entry.number != number + 1 or entry.previous != previous or entry.hash != whole:
            raise _broken(database, f"entry {entry.number}", f"the last sound one is {number}")
        if entry.action == VERDICTS_SAVED:
            _check_rows(database, "verdicts", entry, vouched)
        elif entry.action == READ_SAVED:
            _check_rows(database, "reads", entry, vouched)
        number, previous = entry.number, entry.hash
    if head != (number, previous):
        raise _broken(database, "the end of the trail", f"the last entry is {number}")
    for table, last in vouched.items():
        if left[table] != last:
            raise _broken(database, f"the table of {table}", "the trail speaks of other rows")


_SEALED: Final = {
    "verdicts": "film, bundle_sha256, plan, pixel_path_version, provenance, form, saved_at, body, numbers",
    "reads": "sha256, bundle_sha256, at, body",
}
"""The columns that a row's seal covers, in the order of its values."""


def _last(connection: sqlite3.Connection, table: str, column: str) -> int:
    """Highest number of a table's rows; 0 where there is none."""
    (number,) = connection.execute(f"SELECT coalesce(max({column}), 0) FROM {table}").fetchone()
    return int(number)


def _check_rows(database: Database, table: str, entry: AuditEntry, vouched: dict[str, int]) -> None:
    first, last = int(entry.detail["first"]), int(entry.detail["last"])
    query = f"SELECT {_SEALED[table]} FROM {table} WHERE id BETWEEN ? AND ? ORDER BY id"
    with database.reading() as connection:
        rows = connection.execute(query, (first, last)).fetchall()
    if first != vouched[table] + 1 or joint(seal(*row) for row in rows) != entry.detail["seals"]:
        raise _broken(database, f"one of the {table} {first} to {last}", f"entry {entry.number} says otherwise")
    vouched[table] = last


def _entry(row: tuple[int, str, str, str, str, str]) -> AuditEntry:
    number, at, action, detail, previous, entry_hash = row
    try:
        fields = {str(name): str(value) for name, value in json.loads(detail).items()}
    except (ValueError, AttributeError):
        fields = {"unreadable": "yes"}  # `verify` finds that it does not fit the hash
    return AuditEntry(number, at, action, fields, previous, entry_hash)


def _hash(number: int, at: str, action: str, detail: str, previous: str) -> str:
    return hashlib.sha256(to_json([number, at, action, detail, previous]).encode()).hexdigest()


def _broken(database: Database, what: str, detail: str) -> AuditBroken:
    return AuditBroken(
        f"The audit trail of {database.path} was changed: {what} is not as it was written ({detail}). Keep the file "
        "as it is, compare it with a backup, and tell whoever answers for the system."
    )
