"""The outbox: a folder with a database of what goes to whom, and a file for each object that is not there yet."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, Self

from pydicom.dataset import Dataset

from cxr_desktop.pacs.send.entries import (
    APPLICATION_ID,
    MIGRATIONS,
    Backoff,
    Entry,
    Outcome,
    Outgoing,
    State,
)
from cxr_desktop.pacs.send.errors import OUTBOX_FAULTS, EntryUnknown
from cxr_desktop.pacs.send.object_files import ObjectFiles
from cxr_desktop.pacs.send.rows import UNFINISHED, OutboxRows
from cxr_desktop.store.database import Database

FILE_DAMAGED: Final = "its file in the outbox is missing or damaged; return the film again"
"""Reason of an entry whose object is lost."""


class Outbox(OutboxRows):
    """Results on their way, each once to each peer; usable from any thread, by one process at a time.

    Parameters
    ----------
    folder
        Made, readable by its owner alone, where there is none. What was being sent when the process ended is
        *unconfirmed* now; files that no entry has are removed.
    clock
        Gives the time, seconds since 1970.
    backoff
        When to try again.

    Raises
    ------
    OutboxError
        One of its classes says why it cannot be used.
    """

    FILE: Final = "outbox.sqlite"
    """Name of its database in the folder."""

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time, backoff: Backoff | None = None) -> None:
        self.folder = folder
        self._clock, self._backoff = clock, backoff or Backoff()
        self._lock = threading.RLock()
        path = folder / self.FILE
        self._database = Database(path, migrations=MIGRATIONS, application_id=APPLICATION_ID, faults=OUTBOX_FAULTS)
        try:
            self._files = ObjectFiles(folder / "objects")
            self._recover()
        except BaseException:
            self._database.close()
            raise

    def close(self) -> None:
        """Give the folder to another process; a second call does nothing."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # What goes in

    def add(self, objects: Iterable[tuple[str, Dataset]], *, to: str, film: str) -> int:
        """Take a film's objects in, all of them or, after an error, none.

        Parameters
        ----------
        objects
            Kind and data set of each, such as `film_objects` gives.
        to
            The peer's name.
        film
            SHA-256 of the film's file.

        Returns
        -------
        int
            How many are new. One that the peer was sent, will be sent or refused before is not taken again.

        Raises
        ------
        OutboxNotWritable
            They could not be kept.
        OutputError
            One cannot be encoded.
        """
        from cxr_desktop.report.dicom.header import encoded  # highdicom takes a second to load

        found = list(objects)  # making them takes long, and needs no lock
        with self._lock:
            new = [(kind, made) for kind, made in found if not self._known(to, made.SOPInstanceUID)]
            data = [encoded(made) for _, made in new]
            try:
                contents = [self._files.keep(each) for each in data]
                rows = [
                    (kind, str(made.SOPInstanceUID), str(made.SOPClassUID), content, to, film)
                    for (kind, made), content in zip(new, contents, strict=True)
                ]
                self._insert(rows)
            except BaseException:
                self._sweep()
                raise
            return len(new)

    def _known(self, peer: str, uid: str) -> bool:
        """Whether an entry stands for it; one whose file was lost before it could be sent does not."""
        entries = self._select("peer = ? AND uid = ?", (peer, uid))
        return any(entry.state is not State.REFUSED or self._files.sound(entry.content) for entry in entries)

    def _insert(self, rows: Sequence[tuple[str, ...]]) -> None:
        now = self._clock()
        with self._database.writing() as connection:
            connection.executemany(
                "INSERT INTO entries (kind, uid, sop_class, content, peer, film, state, next_at, added_at, changed_at) "
                "VALUES (?, ?, ?, ?, ?, ?, 'waiting', ?, ?, ?) ON CONFLICT (peer, uid) DO UPDATE SET "
                "content = excluded.content, film = excluded.film, state = 'waiting', reason = '', attempts = 0, "
                "next_at = excluded.next_at, changed_at = excluded.changed_at",
                [(*row, now, now, now) for row in rows],
            )

    # What goes out

    def outgoing(self, entry: Entry) -> Outgoing | None:
        """Find an entry's file; None where it is not what was put in, which is then the entry's reason.

        What was *waiting* is *refused* then; what is *unconfirmed* stays so, for the peer may hold it.
        """
        if self._files.sound(entry.content):
            return Outgoing(entry.number, entry.kind, entry.uid, entry.sop_class, self._files.path(entry.content))
        if entry.state is State.UNCONFIRMED:
            self.record(Outcome(entry.number, State.UNCONFIRMED, FILE_DAMAGED))
        else:
            self._change(entry.number, State.REFUSED, FILE_DAMAGED, of=(State.WAITING,))
        return None

    def begin(self, number: int) -> None:
        """Say, on the disk when this returns, that a *waiting* entry is being sent.

        Raises
        ------
        EntryUnknown
            It is not waiting, and must not be sent.
        """
        with self._database.writing() as connection:
            done = connection.execute(
                "UPDATE entries SET state = 'sending', attempts = attempts + 1, reason = '', changed_at = ? "
                "WHERE number = ? AND state = 'waiting'",
                (self._clock(), number),
            )
        if done.rowcount != 1:
            raise EntryUnknown(f"Entry {number} is not waiting, so it must not be sent.")

    def record(self, outcome: Outcome) -> None:
        """Keep what came of sending an entry, or of asking for one that is *unconfirmed*.

        *Waiting* means for one that was asked for that the peer does not hold it, so that it is sent at once.
        """
        with self._lock:
            (entry,) = self._select("number = ?", (outcome.number,)) or (None,)
            if entry is None or entry.state not in (State.SENDING, State.UNCONFIRMED):
                return  # a person has decided meanwhile
            asked = entry.state is State.UNCONFIRMED
            attempts, now = entry.attempts + asked, self._clock()
            wait = 0.0 if asked and outcome.state is State.WAITING else self._backoff.wait(attempts)
            if outcome.state is State.UNCONFIRMED and not asked:
                wait = self._backoff.settle
            with self._database.writing() as connection:
                connection.execute(
                    "UPDATE entries SET state = ?, reason = ?, attempts = ?, next_at = ?, changed_at = ? "
                    "WHERE number = ?",
                    (outcome.state, outcome.reason, attempts, now + wait, now, outcome.number),
                )
            self._forget(entry.content)

    def postpone(self, peer: str, reason: str) -> int:
        """Wait with all that is due for a peer that cannot be reached; say how many entries that are."""
        with self._lock:
            waiting = [entry for entry in self.due(peer=peer, limit=-1) if entry.state is State.WAITING]
            if not waiting:
                return 0
            now = self._clock()
            wait = self._backoff.wait(1 + min(entry.attempts for entry in waiting))
            with self._database.writing() as connection:
                connection.executemany(
                    "UPDATE entries SET attempts = attempts + 1, next_at = ?, reason = ?, changed_at = ? "
                    "WHERE number = ? AND state = 'waiting'",
                    [(now + wait, reason, now, entry.number) for entry in waiting],
                )
            return len(waiting)

    # What a person decides

    def retry(self) -> int:
        """Try all again at once: send what waits or was refused, ask for what is unconfirmed; say how many."""
        with self._lock, self._database.writing() as connection:
            now = self._clock()
            connection.execute(
                "UPDATE entries SET state = 'waiting', changed_at = ? WHERE state = 'refused' AND reason != ?",
                (now, FILE_DAMAGED),
            )
            done = connection.execute(
                "UPDATE entries SET next_at = ? WHERE state IN ('waiting', 'unconfirmed')", (now,)
            )
            return done.rowcount

    def resend(self, number: int) -> None:
        """Send an *unconfirmed* or *refused* entry again, as a person decided; the peer may then get it twice.

        Raises
        ------
        EntryUnknown
            It is neither.
        """
        with self._lock:
            self._decide(number, State.WAITING, of=(State.UNCONFIRMED, State.REFUSED))

    def abandon(self, number: int) -> None:
        """Give an entry up; its file is deleted, and it is never sent.

        Raises
        ------
        EntryUnknown
            It is sent or being sent.
        """
        with self._lock:
            entry = self._decide(number, State.ABANDONED, of=(State.WAITING, State.UNCONFIRMED, State.REFUSED))
            self._forget(entry.content)

    # Inner parts

    def _decide(self, number: int, state: State, *, of: Sequence[State]) -> Entry:
        (entry,) = self._select("number = ?", (number,)) or (None,)
        if entry is None:
            raise EntryUnknown(f"There is no entry {number} in {self.folder}. `cxr-desktop outbox` lists them.")
        if not self._change(number, state, "as a person decided", of=of):
            raise EntryUnknown(f"Entry {number} is {entry.state}; only one that is {' or '.join(of)} can be.")
        return entry

    def _change(self, number: int, state: State, reason: str, *, of: Sequence[State]) -> bool:
        now, marks = self._clock(), ", ".join("?" * len(of))
        with self._database.writing() as connection:
            done = connection.execute(
                "UPDATE entries SET state = ?, reason = ?, next_at = ?, changed_at = ? "
                f"WHERE number = ? AND state IN ({marks})",
                (state, reason, now, now, number, *of),
            )
            return done.rowcount == 1

    def _forget(self, content: str) -> None:
        """Delete an object's file where no entry needs it any more."""
        if not self._select(f"content = ? AND {UNFINISHED}", (content,)):
            self._files.remove(content)

    def _recover(self) -> None:
        now = self._clock()
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE entries SET state = 'unconfirmed', next_at = ?, changed_at = ?, "
                "reason = 'the program ended before the answer came' WHERE state = 'sending'",
                (now + self._backoff.settle, now),
            )
        self._sweep()

    def _sweep(self) -> None:
        """Delete files of objects that no entry needs."""
        with self._database.reading() as connection:
            rows = connection.execute(f"SELECT content FROM entries WHERE {UNFINISHED}").fetchall()
        self._files.sweep({content for (content,) in rows})
