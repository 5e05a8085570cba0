"""Reading the outbox's rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from cxr_desktop.pacs.send.entries import Backoff, Entry, State
from cxr_desktop.store.database import Database

UNFINISHED: Final = "state NOT IN ('sent', 'abandoned')"
"""Condition of the rows whose object's file is needed yet."""

_COLUMNS: Final = tuple(field.name for field in dataclasses.fields(Entry))
_PAGE: Final = 200


class OutboxRows:
    """What can be asked of an outbox; each method raises `OutboxError` where the database gives trouble."""

    _database: Database
    _clock: Callable[[], float]
    _backoff: Backoff

    def due(self, now: float | None = None, *, peer: str | None = None, limit: int = _PAGE) -> list[Entry]:
        """Entries to send (*waiting*) or to ask for (*unconfirmed*) whose time has come, oldest first.

        A clock that was set back does not keep an entry for longer than the longest wait.
        """
        moment = self._clock() if now is None else now
        return self._select(
            "state IN ('waiting', 'unconfirmed') AND (next_at <= ? OR next_at > ?) AND (? IS NULL OR peer = ?) "
            "ORDER BY number LIMIT ?",
            (moment, moment + self._backoff.longest, peer, peer, limit),
        )

    def wait(self, peer: str) -> float | None:
        """Seconds until an entry of a peer is due; None where none waits."""
        with self._database.reading() as connection:
            (moment,) = connection.execute(
                "SELECT min(next_at) FROM entries WHERE state IN ('waiting', 'unconfirmed') AND peer = ?", (peer,)
            ).fetchone()
        if moment is None:
            return None
        wait = float(moment) - self._clock()
        return 0.0 if wait > self._backoff.longest else max(0.0, wait)

    def peers(self) -> set[str]:
        """Names of the peers that something waits for."""
        with self._database.reading() as connection:
            rows = connection.execute(f"SELECT DISTINCT peer FROM entries WHERE {UNFINISHED}").fetchall()
        return {peer for (peer,) in rows}

    def counts(self) -> dict[State, int]:
        """How many entries are in each state."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT state, count(*) FROM entries GROUP BY state").fetchall()
        return {state: dict(rows).get(state.value, 0) for state in State}

    def entries(self, *states: State) -> Iterator[Entry]:
        """Entries in some states, or in all, oldest first."""
        wanted, last = states or tuple(State), 0
        marks = ", ".join("?" * len(wanted))
        while page := self._select(f"number > ? AND state IN ({marks}) ORDER BY number LIMIT {_PAGE}", (last, *wanted)):
            yield from page
            last = page[-1].number

    def unfinished(self, film: str) -> int:
        """How many of a film's objects are neither sent nor abandoned."""
        return len(self._select(f"film = ? AND {UNFINISHED}", (film,)))

    def knows(self, film: str) -> bool:
        """Whether anything about a film was ever added."""
        return bool(self._select("film = ? LIMIT 1", (film,)))

    def _select(self, where: str, values: Sequence[object]) -> list[Entry]:
        with self._database.reading() as connection:
            rows = connection.execute(f"SELECT {', '.join(_COLUMNS)} FROM entries WHERE {where}", values).fetchall()
        return [_entry(row) for row in rows]


def _entry(row: Sequence[Any]) -> Entry:
    found = dict(zip(_COLUMNS, row, strict=True))
    return Entry(**found | {"state": State(found["state"])})
