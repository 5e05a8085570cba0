"""What the window keeps: a store where there is one, else only as long as it is open. No Qt."""

from __future__ import annotations

import dataclasses
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from cxr_desktop.inference.verdict import Verdict
from cxr_desktop.intake import unpacked
from cxr_desktop.store import Store, StoredFilm
from cxr_desktop.store.records import Read
from cxr_shared.errors import CxrError

_log = logging.getLogger(__name__)


class Memory:
    """Keeps films, verdicts and readings; trouble with the store is told once and never stops the work.

    Parameters
    ----------
    store
        None keeps nothing beyond the window.
    on_trouble
        Called from any thread with a sentence where the store refuses.
    """

    def __init__(self, store: Store | None, on_trouble: Callable[[str], None]) -> None:
        self._store = store
        self._on_trouble = on_trouble
        self._told = threading.Event()
        self._queue = ThreadPoolExecutor(1, thread_name_prefix="cxr-memory")

    @property
    def lasting(self) -> bool:
        """Whether anything outlives the window."""
        return self._store is not None

    def films(self, bundle_sha256: str) -> list[StoredFilm]:
        """Return what is remembered, with the verdicts of one bundle; blocks. Films of ZIPs are kept meanwhile."""
        if self._store is None:
            return []
        films = self._store.load(bundle_sha256)
        unpacked.keep(film.source for film in films)
        return films

    def add(self, files: Sequence[Path]) -> None:
        """Remember that these are on the list."""
        self._later(lambda store: store.add_films(files, at=time.time()))

    def remove(self, files: Sequence[Path]) -> None:
        """Remember that these are off the list."""
        self._later(lambda store: store.remove_films(files))

    def taken_off(self, files: Sequence[Path]) -> list[Path]:
        """Return those of some files that a person took off the list, as far as that is remembered; blocks."""
        return [] if self._store is None else self._store.taken_off(files)

    def judge(self, verdict: Verdict) -> None:
        """Keep a verdict, after the films that were added before it; it is on the disk when this returns."""
        if self._store is not None:
            self._queue.submit(self._now, lambda store: store.save_verdicts([verdict])).result()

    def read(self, read: Read) -> Read:
        """Keep a reading and return it with its time; it is on the disk when this returns.

        Raises
        ------
        CxrError
            The store refused: the reader must know that it was not kept.
        """
        if self._store is None:
            return dataclasses.replace(read, at=datetime.now(UTC).isoformat(timespec="milliseconds"))
        return self._store.save_read(read)

    def last_read(self, sha256: str) -> Read | None:
        """Return what was said last of a content, on the list or not; None where nothing is known of it."""
        if self._store is None or not sha256:
            return None
        try:
            reads = self._store.reads(sha256)
        except CxrError:  # a record that is damaged is left out, as it is from the list
            return None
        return reads[-1] if reads else None

    def audit(self, action: str, **detail: str) -> None:
        """Add to the audit trail; never patient data."""
        self._later(lambda store: store.audit(action, **detail))

    def close(self) -> None:
        """Wait until all is kept, and close the store."""
        self._queue.shutdown(wait=True)
        if self._store is not None:
            self._store.close()

    def _later(self, operation: Callable[[Store], object]) -> None:
        if self._store is not None:
            self._queue.submit(self._now, operation)

    def _now(self, operation: Callable[[Store], object]) -> None:
        if self._store is None:
            return
        try:
            operation(self._store)
        except CxrError as error:
            self._tell(f"{error} Until then nothing new is kept.")
        except sqlite3.Error as error:  # a fault of this program: nobody waits for what was to be kept later
            _log.error("the store was asked something wrong: %s", type(error).__name__)
            self._tell("Something could not be kept, by a fault of this program; please report it.")

    def _tell(self, sentence: str) -> None:
        """Tell of trouble with the store, once."""
        if not self._told.is_set():
            self._told.set()
            self._on_trouble(sentence)
