"""PDUs (PS3.8 9.3) off a socket, within bounds of size and time."""

from __future__ import annotations

import contextlib
import math
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from enum import IntEnum
from typing import Final

from cxr_desktop.pacs.receive.events import Ending

LONGEST_PDU: Final = 128 * 1024
"""Largest P-DATA-TF that is asked for and taken; also what DCMTK sends at most."""
LONGEST_REQUEST: Final = 64 * 1024
"""Largest A-ASSOCIATE-RQ; 128 presentation contexts with three syntaxes each take 15 kB."""
_LONGEST_OTHER: Final = 4
_LOOK_EVERY: Final = 0.5
"""A waiting thread looks so often, in seconds, whether the receiver was stopped."""
_SWALLOWED: Final = 2**20
"""Bytes of a peer that are still read when all is said."""


class Pdu(IntEnum):
    """Types of PDU."""

    ASSOCIATE_RQ = 1
    ASSOCIATE_AC = 2
    ASSOCIATE_RJ = 3
    DATA = 4
    RELEASE_RQ = 5
    RELEASE_RP = 6
    ABORT = 7


class Abort(IntEnum):
    """Reasons of an A-ABORT by the service provider, PS3.8 table 9-26."""

    NOT_SPECIFIED = 0
    UNRECOGNIZED_PDU = 1
    UNEXPECTED_PDU = 2
    INVALID_PARAMETER = 6


class Ended(Exception):
    """The conversation is over; with `abort` the peer is to be told."""

    def __init__(self, how: Ending, abort: Abort | None = None) -> None:
        super().__init__(how.value)
        self.how, self.abort = how, abort


def violation(reason: Abort = Abort.INVALID_PARAMETER) -> Ended:
    """Make the end of a conversation whose peer does not keep to the protocol."""
    return Ended(Ending.PROTOCOL, reason)


_LONGEST: Final = {Pdu.ASSOCIATE_RQ: LONGEST_REQUEST, Pdu.DATA: LONGEST_PDU}


class Wire:
    """Reads and writes one connection; used by one thread, but for `cut`.

    Parameters
    ----------
    connected
        The socket; closed by `close`.
    stopped
        Set when the receiver stops: whoever waits here is then interrupted.
    """

    def __init__(self, connected: socket.socket, stopped: threading.Event) -> None:
        self._socket = connected
        self._stopped = stopped
        self._buffer = bytearray()

    def begin_tls(self, context: ssl.SSLContext, *, by: float) -> None:
        """Do the handshake as the server; `Ended` where it fails or is not done by `by` (monotonic seconds)."""
        try:
            self._socket = context.wrap_socket(self._socket, server_side=True, do_handshake_on_connect=False)
            self._socket.settimeout(max(by - time.monotonic(), 0.001))  # in CPython for the handshake as a whole
            self._socket.do_handshake()
        except (OSError, ValueError) as error:
            raise Ended(Ending.LOST) from error

    def read(self, *, within: float, by: float = math.inf) -> tuple[Pdu, memoryview]:
        """Read one PDU.

        Parameters
        ----------
        within
            Seconds from now to its first byte, and again from its first byte to its last.
        by
            Monotonic seconds at which it must be whole in any case.

        Returns
        -------
        (Pdu, memoryview)
            Its type, and what follows its length; valid until the next call.

        Raises
        ------
        Ended
            The peer went, is too slow, announced more than may be, or the receiver was stopped.
        """
        self._reserve(6)
        head = memoryview(self._buffer)[:6]
        self._fill(head[:1], by=min(by, time.monotonic() + within))
        by = min(by, time.monotonic() + within)
        self._fill(head[1:], by=by)
        length = int.from_bytes(head[2:], "big")
        try:
            kind = Pdu(head[0])
        except ValueError as error:
            raise violation(Abort.UNRECOGNIZED_PDU) from error
        if length > _LONGEST.get(kind, _LONGEST_OTHER):
            raise violation()
        self._reserve(length)
        body = memoryview(self._buffer)[:length]
        self._fill(body, by=by)
        return kind, body

    def send(self, data: bytes, *, within: float) -> None:
        """Send all of `data`; `Ended` where the peer does not take it in time."""
        try:
            self._socket.settimeout(within)
            self._socket.sendall(data)
        except TimeoutError as error:
            raise Ended(Ending.SILENT) from error
        except (OSError, ValueError) as error:
            raise Ended(Ending.LOST) from error

    def linger(self, within: float) -> None:
        """Wait for the peer to close, so that a reset does not overtake the last that was said."""
        scrap, left, by = bytearray(4096), _SWALLOWED, time.monotonic() + within
        with contextlib.suppress(OSError, ValueError):
            while left > 0 and not self._stopped.is_set() and (wait := by - time.monotonic()) > 0:
                self._socket.settimeout(wait)
                count = self._socket.recv_into(scrap)
                if not count:
                    return
                left -= count

    def cut(self) -> None:
        """End the connection under whoever reads or writes it, from any thread."""
        with contextlib.suppress(OSError, ValueError):
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)  # past TLS, whose own state is the reader's

    def close(self) -> None:
        """Close the socket."""
        with contextlib.suppress(OSError, ValueError):
            self._socket.close()

    def _reserve(self, size: int) -> None:
        if len(self._buffer) < size:
            self._buffer = bytearray(size)

    def _fill(self, view: memoryview, *, by: float) -> None:
        filled = 0
        while filled < len(view):
            left = by - time.monotonic()
            if self._stopped.is_set():
                raise Ended(Ending.STOPPED, Abort.NOT_SPECIFIED)
            if left <= 0:
                raise Ended(Ending.SILENT, Abort.NOT_SPECIFIED)
            try:
                self._socket.settimeout(min(left, _LOOK_EVERY))
                count = self._socket.recv_into(view[filled:])
            except TimeoutError:
                continue
            except (OSError, ValueError) as error:
                raise Ended(Ending.LOST) from error
            if not count:
                raise Ended(Ending.LOST)
            filled += count


def values(body: memoryview) -> Iterator[tuple[int, int, memoryview]]:
    """Presentation context, message control header and fragment of each PDV of a P-DATA-TF, PS3.8 9.3.5 and E.2."""
    at = 0
    if not body:
        raise violation()
    while at < len(body):
        length = int.from_bytes(body[at : at + 4], "big")
        if len(body) - at < 6 or not 2 <= length <= len(body) - at - 4:
            raise violation()
        yield body[at + 4], body[at + 5], body[at + 6 : at + 4 + length]
        at += 4 + length
