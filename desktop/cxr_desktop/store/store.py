"""The worklist's memory: films, verdicts, reads and the audit trail, in one file."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from cxr_desktop.inference.verdict import Verdict
from cxr_desktop.store import audit
from cxr_desktop.store.codec import Packed, pack, pack_read
from cxr_desktop.store.database import Database, utc_now
from cxr_desktop.store.loading import PLACE, is_judged, load_history, load_list, load_reads
from cxr_desktop.store.places import FileState, Place, places_of, state_when_read
from cxr_desktop.store.records import AuditEntry, Read, StoredFilm
from cxr_shared.files import sha256_bytes


class Store:
    """The store in a file; usable from any thread, by one process at a time.

    What a method has returned from is on the disk: neither a crash nor a loss of power undoes it. Verdicts and reads
    are only added, never changed; they belong to a film's content, so files with the same content share them.

    Parameters
    ----------
    path
        The file; made, readable by its owner alone, where there is none.

    Raises
    ------
    StoreDamaged
        It is no store or a broken one; `set_aside` makes room for a new one. Any method may raise it.
    StoreNewer
        A newer version of the program wrote it.
    StoreInUse
        Another window has it open.
    StoreNotWritable
        The operating system refused; any method may raise it, and has saved nothing then.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path)
        self._seen: dict[bytes, FileState] = {}  # how each file was found before it was read
        if self._database.migrated:
            self.audit(audit.STORE_MADE)

    @property
    def path(self) -> Path:
        """The file."""
        return self._database.path

    def add_films(self, files: Sequence[Path], *, at: float) -> None:
        """Put files on the worklist, after those on it; a file that is on it, by its real path, stays as it is.

        Parameters
        ----------
        files
            In order.
        at
            Seconds since the epoch.
        """
        places = places_of(files)
        self._seen.update({place.real: place.state for place in places})
        with self._database.writing() as connection:
            (last,) = connection.execute("SELECT coalesce(max(position), 0) FROM places").fetchone()
            before = connection.total_changes
            connection.executemany(
                "INSERT INTO places (real, source, added_at, position) VALUES (?, ?, ?, ?) ON CONFLICT (real) "
                "DO UPDATE SET source = excluded.source, added_at = excluded.added_at, position = excluded.position "
                "WHERE position IS NULL",
                [(place.real, place.source, at, last + 1 + index) for index, place in enumerate(places)],
            )
            added = connection.total_changes - before
            if added:
                audit.append(connection, audit.FILMS_ADDED, {"films": str(added)})

    def remove_films(self, files: Sequence[Path]) -> None:
        """Take files off the worklist; what was said about them stays, and is there again when they are added."""
        keys = [(place.real, place.source) for place in places_of(files)]
        with self._database.writing() as connection:
            before = connection.total_changes
            connection.executemany(
                # By the path as given too: the real one may be another by now (links, drives taken away).
                "UPDATE places SET position = NULL WHERE position IS NOT NULL AND (real = ? OR source = ?)",
                keys,
            )
            removed = connection.total_changes - before
            if removed:
                audit.append(connection, audit.FILMS_REMOVED, {"films": str(removed)})

    def taken_off(self, files: Sequence[Path]) -> list[Path]:
        """Return those of some files that were on the worklist once and are not now."""
        with self._database.reading() as connection:
            gone = {real for (real,) in connection.execute("SELECT real FROM places WHERE position IS NULL")}
        return [file for file, place in zip(files, places_of(files), strict=True) if place.real in gone]

    def save_verdicts(self, verdicts: Sequence[Verdict]) -> None:
        """Keep verdicts, all or none, and what content each file was found to have.

        A file that was written to since it was last looked at (`add_films`, `load`) is hashed again; where it no
        longer holds what was scored, the verdict is kept for that content and the file waits to be read.
        """
        if not verdicts:
            return
        places = places_of([verdict.source for verdict in verdicts])
        packed = [pack(verdict) for verdict in verdicts]
        states = [
            state_when_read(place, verdict.sha256, seen=self._read_in(verdict) or self._seen.get(place.real))
            for place, verdict in zip(places, verdicts, strict=True)
        ]
        with self._database.writing() as connection:
            rows = [
                _insert_verdict(connection, verdict, parts, _bind(connection, place, verdict.sha256, state))
                for verdict, parts, place, state in zip(verdicts, packed, places, states, strict=True)
            ]
            bundles = sorted({verdict.provenance.bundle_sha256 for verdict in verdicts})
            detail = {"verdicts": str(len(rows)), "bundle": " ".join(bundles)}
            audit.append(connection, audit.VERDICTS_SAVED, detail | _vouch(rows))

    @staticmethod
    def _read_in(verdict: Verdict) -> FileState | None:
        return FileState(*verdict.file_state) if verdict.file_state else None

    def save_read(self, read: Read) -> Read:
        """Keep a reading and return it with its time; earlier ones stay as `reads`.

        Raises
        ------
        ValueError
            It names no content.
        """
        if not read.sha256:
            raise ValueError("a reading belongs to a film's content, and names none")
        read = read if read.at else dataclasses.replace(read, at=utc_now())
        values = (read.sha256, read.bundle_sha256, read.at, pack_read(read))
        whole = audit.seal(*values)
        with self._database.writing() as connection:
            number = _insert(
                connection, "INSERT INTO reads (sha256, bundle_sha256, at, body, seal) VALUES (?, ?, ?, ?, ?)",
                (*values, whole),
            )  # fmt: skip
            detail = {"film": read.sha256, "bundle": read.bundle_sha256, "finished": "yes" if read.finished else "no"}
            audit.append(connection, audit.READ_SAVED, detail | _vouch([(number, whole)]))
        return read

    def load(self, bundle_sha256: str = "") -> list[StoredFilm]:
        """Read the worklist, in the order added.

        A file that has changed since it was read waits: what was said about its old content is not shown for the new.
        One that is not there now keeps its verdict. A record that is damaged is left out, so that its film waits.
        Heat maps are read when first asked for (so are scores and peaks made).

        Parameters
        ----------
        bundle_sha256
            Verdicts of this bundle are preferred, those of another are marked; empty: the newest of any, none marked.
        """
        listed = load_list(self._database, bundle_sha256)
        self._seen.update(listed.seen)
        return listed.films

    def history(self, sha256: str) -> list[Verdict]:
        """Every verdict on one content, by any bundle, oldest first; `RecordDamaged` where one cannot be read."""
        return load_history(self._database, sha256)

    def has_judged(self, sha256: str) -> bool:
        """Whether there is a verdict on one content, by any bundle."""
        return is_judged(self._database, sha256)

    def reads(self, sha256: str) -> list[Read]:
        """Every reading of one content, oldest first; `RecordDamaged` where one cannot be read."""
        return load_reads(self._database, sha256)

    def audit(self, action: str, /, **detail: str) -> None:
        """Add an entry to the audit trail; it must hold no patient data."""
        with self._database.writing() as connection:
            audit.append(connection, action, detail)

    def audit_trail(self) -> Iterator[AuditEntry]:
        """Read the audit trail, oldest first."""
        return audit.trail(self._database)

    def verify_audit(self) -> None:
        """Check the audit trail, and every verdict and read against it; `AuditBroken` names what was changed."""
        audit.verify(self._database)

    def close(self) -> None:
        """Close the file and let others open it; maps not read yet can no longer be. A second call does nothing."""
        self._database.close()


def _bind(connection: sqlite3.Connection, place: Place, sha256: str, state: FileState | None) -> str:
    """Note what a file was found to hold, unless `state` is not known, and return the key of what is said about it."""
    connection.execute(
        "INSERT OR IGNORE INTO places (real, source, added_at) VALUES (?, ?, 0)", (place.real, place.source)
    )
    number, film, *was = connection.execute(
        "SELECT id, film, size, mtime_ns FROM places WHERE real = ?", (place.real,)
    ).fetchone()
    # A file that could not be read this time, such as in a worker that crashed, is still the content it was.
    key = sha256 or (film if film and tuple(was) == place.state else f"{PLACE}{number}")
    if state is not None:
        connection.execute("UPDATE places SET film = ?, size = ?, mtime_ns = ? WHERE id = ?", (key, *state, number))
    return str(key)


def _insert_verdict(connection: sqlite3.Connection, verdict: Verdict, packed: Packed, film: str) -> tuple[int, bytes]:
    """Add a verdict's rows and return its number and seal."""
    keys = [
        _intern(connection, table, text) for table, text in (("provenances", packed.provenance), ("forms", packed.form))
    ]
    by = verdict.provenance
    values = (film, by.bundle_sha256, by.plan, by.pixel_path_version, *keys, utc_now(), packed.body, packed.numbers)
    whole = audit.seal(*values)
    number = _insert(
        connection,
        "INSERT INTO verdicts (film, bundle_sha256, plan, pixel_path_version, provenance, form, saved_at, body, "
        "numbers, seal) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*values, whole),
    )
    for table, data in (("heat_maps", packed.heat_maps), ("thumbnails", packed.thumbnail)):
        if data is not None:
            connection.execute(f"INSERT INTO {table} VALUES (?, ?)", (number, data))
    return number, whole


def _intern(connection: sqlite3.Connection, table: str, text: str) -> str | None:
    """Keep a text once and return its SHA-256; None for no text."""
    if not text:
        return None
    key = sha256_bytes(text.encode())
    connection.execute(f"INSERT OR IGNORE INTO {table} VALUES (?, ?)", (key, text))
    return key


def _insert(connection: sqlite3.Connection, statement: str, values: tuple[object, ...]) -> int:
    number = connection.execute(statement, values).lastrowid
    assert number is not None, "an INSERT gives its row a number"
    return number


def _vouch(rows: Sequence[tuple[int, bytes]]) -> dict[str, str]:
    """Say for the audit trail which rows were added, and their seals."""
    return {
        "first": str(rows[0][0]),
        "last": str(rows[-1][0]),
        "seals": audit.joint(whole for _, whole in rows),
    }
