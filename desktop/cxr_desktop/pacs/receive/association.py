"""One caller, from its connection to its end: the acceptor's half of the state machine of PS3.8 9.2, read in order."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cxr_desktop.pacs.config import ReceiveConfig
from cxr_desktop.pacs.receive import messages, negotiation
from cxr_desktop.pacs.receive.events import (
    AssociationEnded,
    AssociationOpened,
    AssociationRefused,
    CallRefusal,
    Ending,
    FilmKept,
    ObjectRefusal,
    ObjectRefused,
    ReceiverEvent,
)
from cxr_desktop.pacs.receive.gate import Gate
from cxr_desktop.pacs.receive.messages import Command, Message
from cxr_desktop.pacs.receive.negotiation import Context, Request
from cxr_desktop.pacs.receive.notifier import Notifier
from cxr_desktop.pacs.receive.storage import Storing
from cxr_desktop.pacs.receive.wire import Abort, Ended, Pdu, Wire, values, violation
from cxr_desktop.pacs.spool import Spool

if TYPE_CHECKING:
    from pynetdicom.presentation import PresentationContext

_log = logging.getLogger(__name__)

_ASKING: Final = 10.0
"""Seconds from a connection to the whole of its A-ASSOCIATE-RQ, TLS included: the ARTIM timer of PS3.8 9.1.5."""
_LEAVING: Final = 2.0
"""Seconds that a peer gets to close a connection on which all is said."""
_SLOWEST: Final = 10_000
"""Bytes a second below which an object is not waited for; one of 18 MB may take half an hour."""


@dataclass(frozen=True, slots=True)
class Service:
    """What all associations of a receiver share.

    Attributes
    ----------
    config, gate, spool, notifier, stopped
        As their names say.
    tls
        Context of the server's side; None is without TLS.
    supported
        What is negotiated.
    report
        Where events go.
    """

    config: ReceiveConfig
    gate: Gate
    spool: Spool
    notifier: Notifier
    stopped: threading.Event
    tls: ssl.SSLContext | None
    supported: list[PresentationContext]
    report: Callable[[ReceiverEvent], None]


class Association:
    """Serves one connection; `run` returns when it is over, and raises nothing.

    Parameters
    ----------
    service
        What it shares with others.
    connected
        The accepted socket.
    address
        The peer's, counted by the gate.
    """

    def __init__(self, service: Service, connected: socket.socket, address: str) -> None:
        self._service, self._address = service, address
        self._wire = Wire(connected, service.stopped)
        self._idle = service.config.quotas.idle_seconds
        self._request: Request | None = None
        self._contexts: dict[int, Context] = {}
        self._command = bytearray()
        self._context = 0
        self._storing: Storing | None = None
        self._begun = 0.0
        self._moved = 0

    def cut(self) -> None:
        """End the connection from another thread."""
        self._wire.cut()

    def run(self) -> None:
        """Serve the connection to its end, and close it."""
        try:
            request = self._asked()
            if request is not None:
                self._serve_counted(request)
        except Exception as error:  # noqa: BLE001  (the last boundary: one caller must not end the receiver)
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}"  # its text might say more
            _log.error("a connection from %s ended by a fault of this program: %s", self._address, where)
        finally:
            self._wire.close()

    def _asked(self) -> Request | None:
        """Read the caller's request; None where it is refused or none comes."""
        by = time.monotonic() + min(self._idle, _ASKING)
        refusal = CallRefusal.NO_REQUEST
        try:
            if self._service.tls is not None:
                refusal = CallRefusal.TLS
                self._wire.begin_tls(self._service.tls, by=by)
            refusal = CallRefusal.NO_REQUEST
            kind, body = self._wire.read(within=self._idle, by=by)
            refusal = CallRefusal.MALFORMED
            if kind is not Pdu.ASSOCIATE_RQ:
                raise violation(Abort.UNEXPECTED_PDU)
            request = negotiation.read_request(body)
        except Ended as ended:
            self._refuse_call(CallRefusal.MALFORMED if ended.how is Ending.PROTOCOL else refusal)
            # A caller from whom nothing came in time is not answered, PS3.8 action AA-2.
            if ended.how is Ending.PROTOCOL and ended.abort is not None:
                self._last_words(negotiation.abort(ended.abort))
            return None
        found = negotiation.refusal_of(request, self._service.config) or self._service.gate.associate(self._address)
        if found is None:
            return request
        self._refuse_call(found)
        self._last_words(negotiation.rejection(found))
        return None

    def _serve_counted(self, request: Request) -> None:
        how, words = Ending.FAULT, b""
        self._service.report(AssociationOpened())
        try:
            how, words = self._serve(request)
        finally:
            if self._storing is not None:
                self._storing.discard()
                self._refuse_object(ObjectRefusal.UNFINISHED, None)
            self._service.gate.dissociate(self._address)
            _log.log(
                logging.DEBUG if how is Ending.RELEASED else logging.WARNING,  # who echoes every second fills no log
                "an association with %s ended: %s",
                self._address,
                how.value,
            )
            self._service.report(AssociationEnded(how))
        if words:  # only now: the peer may open its next association when it has them
            self._last_words(words)

    def _serve(self, request: Request) -> tuple[Ending, bytes]:
        """Serve an accepted association; gives how it ended, and what the peer is still to be told."""
        self._request = request
        try:
            answer, self._contexts = negotiation.accept(request, self._service.supported)
            self._wire.send(answer, within=self._idle)
            while True:
                kind, body = self._next()
                if kind is Pdu.DATA:
                    for context, control, fragment in values(body):
                        self._take(context, control, fragment)
                elif kind is Pdu.RELEASE_RQ:
                    return Ending.RELEASED, negotiation.RELEASED
                elif kind is Pdu.ABORT:
                    return Ending.PEER_ABORTED, b""
                else:
                    raise violation(Abort.UNEXPECTED_PDU)
        except Ended as ended:
            return ended.how, b"" if ended.abort is None else negotiation.abort(ended.abort)

    def _next(self) -> tuple[Pdu, memoryview]:
        """Read the next PDU; within a message not later than its bytes so far allow."""
        if not self._command and self._storing is None:
            return self._wire.read(within=self._idle)
        return self._wire.read(within=self._idle, by=self._begun + self._idle + self._moved / _SLOWEST)

    def _take(self, number: int, control: int, fragment: memoryview) -> None:
        """Take one PDV: bit 0 says that it is of a command, bit 1 that it is its last, PS3.8 E.2."""
        if number not in self._contexts:
            raise violation()
        is_command, is_last = bool(control & 1), bool(control & 2)
        within = bool(self._command) or self._storing is not None
        if is_command != (self._storing is None) or (within and number != self._context):
            raise violation(Abort.UNEXPECTED_PDU)
        if not is_command:
            self._take_data(fragment, is_last=is_last)
            return
        if not self._command:
            self._context, self._begun, self._moved = number, time.monotonic(), 0
        self._moved += len(fragment)
        self._command += fragment
        if len(self._command) > messages.LONGEST_COMMAND:
            raise violation()
        if is_last:
            encoded = bytes(self._command)
            self._command.clear()
            self._obey(messages.read_message(encoded))

    def _obey(self, message: Message) -> None:
        context = self._contexts[self._context]
        is_film = context.sop_class in negotiation.FILM_CLASSES
        if message.command is Command.C_STORE_RQ and message.has_data and is_film:
            self._storing = self._store(message, context)
        elif message.command is Command.C_ECHO_RQ and not message.has_data and not is_film:
            self._answer(messages.echo_response, message)
        elif message.command is not Command.C_CANCEL_RQ or message.has_data:
            raise violation()

    def _store(self, message: Message, context: Context) -> Storing:
        service, allowed = self._service, self._service.gate.allow_object(self._address)
        calling = self._request.calling if self._request else ""
        return Storing(
            message,
            context,
            titles=(calling, service.config.ae_title),
            spool=service.spool,
            most=int(service.config.quotas.object_megabytes * 1e6),
            refusal=None if allowed else ObjectRefusal.RATE,
        )

    def _take_data(self, fragment: memoryview, *, is_last: bool) -> None:
        storing = self._storing
        if storing is None:
            raise violation(Abort.UNEXPECTED_PDU)
        self._moved += len(fragment)
        try:
            storing.write(fragment)
        except Ended:
            self._storing = None
            self._refuse_object(storing.refusal or ObjectRefusal.TOO_LARGE, None)
            raise
        if not is_last:
            return
        kept, self._storing = storing.finish(), None
        if kept is not None:
            self._service.report(FilmKept(kept.size, duplicate=not kept.new))
            if kept.new:
                self._service.notifier.tell(kept.path)
        elif storing.refusal is not None:
            self._refuse_object(storing.refusal, storing.status)
        self._answer(messages.store_response, storing.message, storing.status, storing.comment)

    def _answer(self, respond: Callable[..., Iterator[bytes]], *args: object) -> None:
        longest = self._request.longest if self._request else 0
        for pdu in respond(*args, context=self._context, longest=longest):
            self._wire.send(pdu, within=self._idle)

    def _last_words(self, said: bytes) -> None:
        try:
            self._wire.send(said, within=_LEAVING)
        except Ended:
            return
        self._wire.linger(_LEAVING)

    def _refuse_call(self, reason: CallRefusal) -> None:
        _log.warning("a call from %s was refused: %s", self._address, reason.value)
        self._service.report(AssociationRefused(reason))

    def _refuse_object(self, reason: ObjectRefusal, status: int | None) -> None:
        told = "not answered" if status is None else f"status {status:04X}"
        _log.warning("an object from %s was refused: %s (%s)", self._address, reason.value, told)
        self._service.report(ObjectRefused(reason, status))
