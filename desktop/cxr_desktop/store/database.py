"""Opening the store's file, transactions, and faults in words.

The connection locks the file for itself (`locking_mode = EXCLUSIVE`): a second window is told so at once, the lock
falls with the process, however it ends, and no memory is shared through a file, which network folders do not allow.
Each commit reaches the disk before it returns (`synchronous = FULL`).
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cxr_desktop.store.errors import STORE_FAULTS, Faults, StoreInUse, StoreNotWritable, explained
from cxr_desktop.store.schema import APPLICATION_ID, MIGRATIONS, Migration

_PATIENCE_S: Final = 0.5
"""How long to wait for another window's lock: a program that was just killed may hold it a moment longer."""

_NAMED: Final = 3
"""So many columns that are not there are named."""

_SETTINGS: Final = (
    "PRAGMA locking_mode = EXCLUSIVE",  # before the first use of the WAL, or memory would be shared through a file
    "PRAGMA synchronous = FULL",
    "PRAGMA fullfsync = ON",  # macOS: fsync alone leaves data in the drive's cache
    "PRAGMA foreign_keys = ON",
    "PRAGMA recursive_triggers = ON",  # so that REPLACE meets the triggers that forbid it
    "PRAGMA trusted_schema = OFF",
)


def utc_now() -> str:
    """Return the time, ISO 8601, UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Database:
    """One connection that any thread may use, one at a time.

    Parameters
    ----------
    path
        The file; it is made, readable by its owner alone, where there is none.
    migrations
        What leads from an empty file to the schema.
    application_id
        Number in the file's header that tells it from other programs' databases.
    faults
        What is raised where the file cannot be used.

    Raises
    ------
    StoreError
        One of its classes, or what `faults` has for it, says why the file cannot be used; the file is as it was.
    """

    def __init__(
        self,
        path: Path,
        *,
        migrations: Sequence[Migration] = MIGRATIONS,
        application_id: int = APPLICATION_ID,
        faults: Faults = STORE_FAULTS,
    ) -> None:
        self.path = path
        self._application_id, self._faults = application_id, faults
        self._lock = threading.RLock()
        _make_private(path, faults)
        try:
            self._connection = sqlite3.connect(path, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise self._fault(error) from error
        self.closed = False
        # Text that is no longer UTF-8 is damage in one record, whose seal tells, not an end to reading.
        self._connection.text_factory = lambda data: data.decode(errors="surrogateescape")
        try:
            self.migrated = self._prepare(migrations)
        except BaseException:
            self.close()
            raise

    def _prepare(self, migrations: Sequence[Migration]) -> bool:
        """Set the connection up and bring the schema up to date; say whether that changed anything."""
        with self._explaining():
            for setting in _SETTINGS:
                self._connection.execute(setting)
            version = self._version(len(migrations))
            self._check_columns(migrations[:version])
            _keep_private(self.path)  # not before it is known to be ours
            self._connection.execute("PRAGMA journal_mode = WAL")
        for number in range(version, len(migrations)):
            with self._explaining(), self._transaction():
                for statement in migrations[number]:
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA application_id = {self._application_id}")
                self._connection.execute(f"PRAGMA user_version = {number + 1}")
        return version < len(migrations)

    def _check_columns(self, migrations: Sequence[Migration]) -> None:
        """Refuse a store that lacks a table or a column of the schema."""
        found = _columns(self._connection)
        lacking = sorted(f"{table}.{column}" for table, column in _expected(tuple(migrations)) - found)
        if lacking:
            raise self._faults.damaged(self.path, f"it has no {', '.join(lacking[:_NAMED])}")

    def _version(self, known: int) -> int:
        (tables,) = self._connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        (owner,) = self._connection.execute("PRAGMA application_id").fetchone()
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if tables and (owner != self._application_id or version < 1):
            raise self._faults.damaged(self.path, "it is another program's database")
        if version > known:
            raise self._faults.newer(self.path, found=version, known=known)
        return int(version)

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Hold the connection to read."""
        with self._lock, self._explaining():
            if self.closed:
                raise self._faults.closed()
            yield self._connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Hold the connection for one transaction: all of it is on the disk at the end, or none after an error."""
        with self.reading() as connection, self._transaction():
            yield connection

    def close(self) -> None:
        """Close the file and give the lock back; a second call does nothing."""
        with self._lock:
            self.closed = True
            self._connection.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # SQLite itself rolls back after some faults
                self._connection.execute("ROLLBACK")
            raise

    @contextlib.contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._fault(error) from error

    def _fault(self, error: sqlite3.Error) -> Exception:
        return explained(error, self.path, self._faults) or error


def _columns(connection: sqlite3.Connection) -> frozenset[tuple[str, str]]:
    """Every table with each of its columns."""
    query = (
        "SELECT made.name, part.name FROM sqlite_schema AS made JOIN pragma_table_info(made.name) AS part "
        "WHERE made.type = 'table'"
    )
    return frozenset(connection.execute(query).fetchall())


@functools.cache
def _expected(migrations: tuple[Migration, ...]) -> frozenset[tuple[str, str]]:
    """The columns that migrations make."""
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        for statement in itertools.chain.from_iterable(migrations):
            connection.execute(statement)
        return _columns(connection)


def set_aside(path: Path) -> Path:
    """Rename a store that cannot be read, so that a new one can be made; nothing is deleted.

    Returns
    -------
    Path
        Where it is now, in the same folder.

    Raises
    ------
    StoreInUse
        A window has it open.
    StoreNotWritable
        It could not be renamed.
    """
    _check_unused(path)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    kept = path.with_name(f"{path.name}.damaged-{stamp}")
    moved: list[tuple[Path, Path]] = []
    try:
        # What is not yet in the file itself goes first: without it a crash here would leave the file incomplete.
        for suffix in ("-wal", "-journal", "-shm", ""):
            old, new = path.with_name(path.name + suffix), kept.with_name(kept.name + suffix)
            if suffix and not old.exists():
                continue
            old.rename(new)
            moved.append((old, new))
    except OSError as error:
        for old, new in reversed(moved):
            with contextlib.suppress(OSError):
                new.rename(old)
        raise StoreNotWritable(path, error.strerror or str(error)) from error
    return kept


def _make_private(path: Path, faults: Faults) -> None:
    """Make the file where there is none, and let its owner alone read it; SQLite's other files follow its mode."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # An existing file is not opened: closing it would give back the locks that this process has on it (POSIX).
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError as error:
        raise faults.not_writable(path, error.strerror or str(error)) from error


def _keep_private(path: Path) -> None:
    for each in (path, path.with_name(f"{path.name}-wal")):
        with contextlib.suppress(OSError):  # no such file, or a file system without permissions
            each.chmod(0o600)


def _check_unused(path: Path) -> None:
    """Refuse a store that a window has open; one that is too damaged to be locked is in nobody's hands."""
    try:
        connection = sqlite3.connect(path, timeout=0.0, isolation_level=None)
    except sqlite3.Error:
        return
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        if isinstance(found := explained(error, path), StoreInUse):
            raise found from error
    finally:
        connection.close()
