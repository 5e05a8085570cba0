"""What stands in the outbox: entries, their states and when they are tried again."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from cxr_desktop.store.schema import Migration

APPLICATION_ID: Final = 0x4358524F
"""``CXRO``, in the file's header."""

MIGRATIONS: Final[tuple[Migration, ...]] = (
    (
        """CREATE TABLE entries (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            peer TEXT NOT NULL,
            uid TEXT NOT NULL,
            sop_class TEXT NOT NULL,
            kind TEXT NOT NULL,
            film TEXT NOT NULL,
            content TEXT NOT NULL,
            state TEXT NOT NULL,
            attempts INTEGER NOT NULL DEFAULT 0,
            next_at REAL NOT NULL,
            reason TEXT NOT NULL DEFAULT '',
            added_at REAL NOT NULL,
            changed_at REAL NOT NULL,
            UNIQUE (peer, uid)
        )""",
        "CREATE INDEX entries_by_turn ON entries (state, peer, next_at)",
        "CREATE INDEX entries_by_content ON entries (content)",
        "CREATE INDEX entries_by_film ON entries (film)",
    ),
)
"""As in `cxr_desktop.store.schema`: a released one is never edited."""


class State(StrEnum):
    """How far an entry is.

    ::

        waiting ──► sending ──► sent
           ▲  ▲        ├──────► refused ──(a person)──► waiting
           │  └────────┤
           │           ▼ no answer, or the process ended
           └────── unconfirmed ──(the peer holds it)──► sent

    and *abandoned*, by a person, from each but sent and sending.
    """

    WAITING = "waiting"
    SENDING = "sending"
    UNCONFIRMED = "unconfirmed"
    SENT = "sent"
    REFUSED = "refused"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True)
class Entry:
    """One object for one peer; nothing in it names a patient.

    Attributes
    ----------
    number
        What a person names it by.
    peer
        The peer's name in the network file.
    uid, sop_class
        SOP Instance UID and SOP Class UID.
    kind
        ``SR``, ``SEG`` or ``SC``.
    film
        SHA-256 of the film's file.
    content
        SHA-256 of the object's file.
    state
        See `State`.
    attempts
        How often it was sent or asked for.
    next_at
        When it is tried again, seconds since 1970.
    reason
        Why it is in this state.
    added_at, changed_at
        Seconds since 1970.
    """

    number: int
    peer: str
    uid: str
    sop_class: str
    kind: str
    film: str
    content: str
    state: State
    attempts: int
    next_at: float
    reason: str
    added_at: float
    changed_at: float


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An object on its way.

    Attributes
    ----------
    number, kind, uid, sop_class
        The entry's.
    path
        Its Part 10 file.
    """

    number: int
    kind: str
    uid: str
    sop_class: str
    path: Path


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of sending one object.

    Attributes
    ----------
    number
        The entry's.
    state
        SENT, WAITING (the peer may take it later), REFUSED (never, as it is) or UNCONFIRMED (no answer came).
    reason
        In words, without patient data; a peer's own words are not in it.
    """

    number: int
    state: State
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before another try.

    Attributes
    ----------
    first, most
        Seconds before the second try, and the longest wait; each is twice the one before.
    jitter
        A wait is up to this share longer or shorter, so that many senders do not come at once.
    settle
        Seconds before a peer is first asked whether it holds an object: it may be storing it yet.
    chance
        Gives a number of 0..1.
    """

    first: float = 10.0
    most: float = 3600.0
    jitter: float = 0.2
    settle: float = 30.0
    chance: Callable[[], float] = random.random

    def wait(self, attempts: int) -> float:
        """Seconds to wait after so many attempts, at least one."""
        plain = min(self.most, self.first * 2.0 ** min(max(attempts, 1) - 1, 60))
        return plain * (1 + self.jitter * (2 * self.chance() - 1))

    @property
    def longest(self) -> float:
        """No wait is longer, in seconds."""
        return max(self.most * (1 + self.jitter), self.settle)
