"""Sending what is in the outbox, in the background: a thread for each peer, so that none waits for another."""

from __future__ import annotations

import contextlib
import functools
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from cxr_desktop.pacs.config import NetworkConfig, Peer
from cxr_desktop.pacs.errors import PeerRefused, PeerUnreachable
from cxr_desktop.pacs.send.destination import Destination, destination_for
from cxr_desktop.pacs.send.entries import Entry, Outcome, Outgoing, State
from cxr_desktop.pacs.send.errors import EntryUnknown, OutboxClosed, OutboxError
from cxr_desktop.pacs.send.outbox import FILE_DAMAGED, Outbox
from cxr_shared.errors import CxrError

_LOG: Final = logging.getLogger(__name__)
_BATCH: Final = 100
"""Objects in one association."""
_LONGEST_SLEEP_S: Final = 60.0
_AFTER_FAULT_S: Final = 10.0
_SILENCES: Final = 3
"""So many questions without an answer, and the peer is asked no more for now."""

_NOT_ASKED: Final = "the peer cannot be asked whether it holds the object"
_ANSWERS: Final[dict[bool | None, tuple[State, str]]] = {
    True: (State.SENT, "no answer came, but the peer holds it"),
    False: (State.WAITING, "no answer came, and the peer does not hold it"),
    None: (State.UNCONFIRMED, _NOT_ASKED),
}


@dataclass(frozen=True, slots=True)
class SendEvent:
    """Something that happened to an entry; nothing in it names a patient.

    Attributes
    ----------
    peer
        Its name.
    number, kind
        The entry's; 0 and empty where it is about all that waits for a peer, as `Deferred` can be.
    reason
        In words.
    """

    peer: str
    number: int
    kind: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Sent(SendEvent):
    """The peer holds it."""


@dataclass(frozen=True, slots=True)
class Deferred(SendEvent):
    """It is tried again later."""


@dataclass(frozen=True, slots=True)
class Refused(SendEvent):
    """It is not tried again unless a person wants it."""


@dataclass(frozen=True, slots=True)
class Unconfirmed(SendEvent):
    """No answer came; the peer is asked before anything is sent again."""


@dataclass(frozen=True, slots=True)
class Troubled(SendEvent):
    """The outbox itself gave trouble; nothing more is sent to the peer until it is well."""


_EVENTS: Final = {
    State.SENT: Sent,
    State.WAITING: Deferred,
    State.REFUSED: Refused,
    State.UNCONFIRMED: Unconfirmed,
}


class Sender:
    """Sends what is due, from `start` to `close`.

    Parameters
    ----------
    outbox
        Open, and kept open until after `close`.
    config
        Its peers are those sent to; an entry of another waits.
    on_event
        Called from the sender's threads.
    ways
        Gives the way to a peer.
    """

    def __init__(
        self,
        outbox: Outbox,
        config: NetworkConfig,
        *,
        on_event: Callable[[SendEvent], None],
        ways: Callable[[Peer, str], Destination] = destination_for,
    ) -> None:
        title = config.receive.ae_title
        self._outbox, self._on_event = outbox, on_event
        self._lanes = [
            _Lane(outbox, peer.name, way=functools.partial(ways, peer, title), on_event=on_event)
            for peer in config.peers
        ]

    def start(self) -> None:
        """Begin to send; what waits for a peer that the network file does not name goes on waiting."""
        for peer in self._outbox.peers() - {lane.peer for lane in self._lanes}:
            reason = f"no peer called {peer!r} is in the network file"
            if self._outbox.postpone(peer, reason):
                self._on_event(Deferred(peer, 0, "", reason))
        for lane in self._lanes:
            lane.start()

    @property
    def running(self) -> bool:
        """Whether every peer's thread runs."""
        return all(lane.running for lane in self._lanes)

    def wake(self) -> None:
        """Look at once whether something is due, such as after `Outbox.add`."""
        for lane in self._lanes:
            lane.wake()

    def close(self, seconds: float = 5.0) -> None:
        """Stop; what is being sent has so many seconds to be answered, then it is broken off and *unconfirmed*."""
        for lane in self._lanes:
            lane.stop()
        end = time.monotonic() + seconds
        for lane in self._lanes:
            lane.join_or_abort(max(0.0, end - time.monotonic()))


class _Lane:
    """One peer's thread."""

    def __init__(
        self,
        outbox: Outbox,
        peer: str,
        *,
        way: Callable[[], Destination],
        on_event: Callable[[SendEvent], None],
    ) -> None:
        self.peer = peer
        self._outbox, self._way, self._on_event = outbox, way, on_event
        self._stopped, self._woken = threading.Event(), threading.Event()
        self._destination: Destination | None = None
        self._unrecorded: dict[int, tuple[Entry, Outcome]] = {}
        # A daemon: a request that waits for its answer must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name=f"send-{peer}", daemon=True)

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._woken.set()

    def stop(self) -> None:
        self._stopped.set()
        self._woken.set()

    def join_or_abort(self, seconds: float) -> None:
        if not self._thread.is_alive():
            return
        self._thread.join(seconds)
        if self._thread.is_alive() and (destination := self._destination) is not None:
            destination.abort()
            self._thread.join(1.0)

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._woken.clear()
            try:
                self._record()
                entries = self._outbox.due(peer=self.peer, limit=_BATCH)
                if entries:
                    self._deal_with(entries)
                    continue
                pause = self._pause()
            except OutboxClosed:
                return
            except OutboxError as error:
                self._tell(Troubled(self.peer, 0, "", str(error)))
                pause = _AFTER_FAULT_S
            self._woken.wait(pause)

    def _pause(self) -> float:
        """Seconds until something is due, at most a minute: clocks are set, and machines sleep."""
        wait = self._outbox.wait(self.peer)
        return _LONGEST_SLEEP_S if wait is None else min(max(wait, 0.0), _LONGEST_SLEEP_S)

    def _deal_with(self, entries: Sequence[Entry]) -> None:
        """Ask for what is unconfirmed, then send what waits."""
        unconfirmed = [entry for entry in entries if entry.state is State.UNCONFIRMED]
        waiting = [entry for entry in entries if entry.state is State.WAITING]
        try:
            self._destination = self._way()
        except CxrError as error:  # a file that the network file names, or a package, is missing
            self._put_off(str(error), unconfirmed)
            return
        try:
            self._ask(self._destination, unconfirmed)
            self._send(self._destination, waiting)
        except Exception as error:  # whatever a library raises, no thread ends, and nothing is sent twice
            if isinstance(error, OutboxError):
                raise
            self._put_off(f"a fault of the program ({type(error).__name__})")
        finally:
            destination, self._destination = self._destination, None
            destination.close()

    def _ask(self, destination: Destination, entries: Sequence[Entry]) -> None:
        silences = 0
        for entry in entries:
            if self._stopped.is_set():
                return
            if silences >= _SILENCES:
                self._finish(entry, Outcome(entry.number, State.UNCONFIRMED, _NOT_ASKED))
            elif each := self._outbox.outgoing(entry):
                held = destination.holds(each)
                silences += held is None
                self._finish(entry, Outcome(entry.number, *_ANSWERS[held]))

    def _send(self, destination: Destination, entries: Sequence[Entry]) -> None:
        by_number = {entry.number: entry for entry in entries}
        objects = [each for entry in entries if (each := self._checked(entry))]
        begun: set[int] = set()
        state, reason = State.UNCONFIRMED, "the program stopped sending before the answer came"

        def before(each: Outgoing) -> None:
            self._outbox.begin(each.number)
            begun.add(each.number)

        if not objects or self._stopped.is_set():
            return
        try:
            with contextlib.closing(destination.send(objects, before)) as outcomes:
                for outcome in outcomes:
                    begun.discard(outcome.number)
                    self._finish(by_number[outcome.number], outcome)
                    if self._stopped.is_set():
                        return
        except (PeerUnreachable, PeerRefused) as error:
            state, reason = State.WAITING, str(error)
            self._put_off(reason)
        except EntryUnknown:
            return  # a person gave it up a moment ago; the rest is due still
        finally:
            for number in begun:
                self._finish(by_number[number], Outcome(number, state, reason))

    def _checked(self, entry: Entry) -> Outgoing | None:
        found = self._outbox.outgoing(entry)
        if found is None:
            self._tell(Refused(entry.peer, entry.number, entry.kind, FILE_DAMAGED))
        return found

    def _finish(self, entry: Entry, outcome: Outcome) -> None:
        self._unrecorded[entry.number] = (entry, outcome)
        self._record()

    def _record(self) -> None:
        """Keep what is known; what a full disk does not take is tried again before anything else is sent."""
        for number, (entry, outcome) in list(self._unrecorded.items()):
            self._outbox.record(outcome)
            del self._unrecorded[number]
            self._tell(_EVENTS[outcome.state](entry.peer, entry.number, entry.kind, outcome.reason))

    def _put_off(self, reason: str, unconfirmed: Sequence[Entry] = ()) -> None:
        for entry in unconfirmed:
            self._finish(entry, Outcome(entry.number, State.UNCONFIRMED, reason))
        if self._outbox.postpone(self.peer, reason):
            self._tell(Deferred(self.peer, 0, "", reason))

    def _tell(self, event: SendEvent) -> None:
        try:
            self._on_event(event)
        except Exception as error:  # noqa: BLE001  (a counter's fault must not end the sending)
            _LOG.warning("whoever counts what is sent failed (%s); sending goes on", type(error).__name__)
