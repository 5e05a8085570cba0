"""What can go wrong with the store.

::

    CxrError
    └─ StoreError
       ├─ StoreDamaged      no database, or a broken one; `set_aside` keeps it and makes room
       ├─ StoreNewer        written by a newer version of the program
       ├─ StoreInUse        another window has it open
       ├─ StoreNotWritable  no permission, disk full, a folder in its place
       ├─ StoreClosed       asked after `Store.close`
       ├─ RecordDamaged     one film's record or heat maps; all others are sound
       └─ AuditBroken       the audit trail, or what it vouches for, was changed
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cxr_shared.errors import CxrError


class StoreError(CxrError):
    """A fault of the store."""


class StoreDamaged(StoreError):
    """The file is no store, or a broken one; it is never deleted."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"The store {path} cannot be read ({reason}). Nothing was changed in it. Restore it from a backup, or have "
            "it put aside under another name in the same folder and begin a new list."
        )
        self.path = path


class StoreNewer(StoreError):
    """The store's schema is newer than this program."""

    def __init__(self, path: Path, *, found: int, known: int) -> None:
        super().__init__(
            f"The store {path} was written by a newer version of this program (schema {found}, this one knows "
            f"{known}). Nothing was changed in it. Update the program, or name another store with CXR_STORE."
        )


class StoreInUse(StoreError):
    """Another window or program has the store open."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"The store {path} is open in another window. Go on there, or close it and try again; a second list needs "
            "its own store, named with CXR_STORE."
        )


class StoreNotWritable(StoreError):
    """The operating system refused to write or read the file."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"The store {path} cannot be written ({reason}). What was saved before is safe; the last change was not "
            "saved. See to permissions and free space there, or name another place with CXR_STORE."
        )


class StoreClosed(StoreError):
    """The store was closed."""

    def __init__(self) -> None:
        super().__init__("The store is closed. Open the list again.")


class RecordDamaged(StoreError):
    """What is kept of one film does not fit its checksum."""


class AuditBroken(StoreError):
    """The audit trail, or a record that it vouches for, is not what was written."""


# SQLITE_ERROR is not among them: it says that a statement is wrong, which is this program's fault. That the tables are
# those that its statements speak of is checked when a store is opened.
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})
_REFUSED = frozenset(
    {
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_NOLFS,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    }
)


class _Newer(Protocol):
    def __call__(self, path: Path, *, found: int, known: int) -> CxrError: ...


@dataclass(frozen=True, slots=True)
class Faults:
    """What a database of this program calls its faults."""

    damaged: Callable[[Path, str], CxrError] = StoreDamaged
    newer: _Newer = StoreNewer
    in_use: Callable[[Path], CxrError] = StoreInUse
    not_writable: Callable[[Path, str], CxrError] = StoreNotWritable
    closed: Callable[[], CxrError] = StoreClosed


STORE_FAULTS = Faults()


def explained(error: sqlite3.Error, path: Path, faults: Faults = STORE_FAULTS) -> CxrError | None:
    """Return what a person can act on in a fault of SQLite; None for a fault of this program."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the low byte of an extended code is its class
    if code in _DAMAGED:
        return faults.damaged(path, str(error))
    if code in _BUSY:
        return faults.in_use(path)
    return faults.not_writable(path, str(error)) if code in _REFUSED else None
