"""An association with an archive: opened, watched, ended. pynetdicom is imported here and in its users alone."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from cxr_desktop.pacs.config import DimsePeer
from cxr_desktop.pacs.credentials import caller_context
from cxr_desktop.pacs.errors import NetworkError, PeerRefused, PeerUnreachable
from cxr_desktop.pacs.libraries import IMPORTING, bound_connection, silence_libraries
from cxr_shared.errors import MissingExtra

if TYPE_CHECKING:
    from pynetdicom.association import Association
    from pynetdicom.presentation import PresentationContext

_POLL_S: Final = 0.05
_GRACE_S: Final = 2.0
_PDU_BYTES: Final = 1 << 20
"""Largest PDU that is read; 256 KiB are announced."""
_ANNOUNCED: Final = 1 << 18

_MEANINGS: Final = {
    0x0110: "processing failure",
    0x0112: "no such object",
    0x0122: "SOP class not supported",
    0x0124: "not authorised",
    0x0210: "duplicate invocation",
    0x0211: "unrecognised operation",
    0xA700: "out of resources",
    0xA701: "out of resources: it cannot count the matches",
    0xA702: 'it could not send; some cannot send compressed films by C-GET, where retrieve = "move" may help',
    0xA801: "it does not know this program's AE title as a destination",
    0xA900: "the question does not fit its information model",
}


class Watched:
    """An association whose silence, size and stop are watched.

    Parameters
    ----------
    peer
        The archive.
    name
        What a person calls it.
    stopped
        Asked ten times a second and more; True ends the conversation, by C-CANCEL first where one is under way.
    message_bytes
        Largest message that is taken, with some room for what goes round it.
    waiting
        While more messages than these came and were not read yet, the archive is not listened to.
    """

    def __init__(
        self, peer: DimsePeer, name: str, *, stopped: Callable[[], bool], message_bytes: int, waiting: int = 128
    ) -> None:
        self._peer, self.name, self._stopped = peer, name, stopped
        self._message_bytes, self._waiting = message_bytes + _PDU_BYTES, waiting
        self._halted = False
        self._message = 0
        self._over = threading.Event()
        self._cancel: Callable[[], None] | None = None
        self._too_large = self._is_open = False
        self._connection: Any = None
        self.association: Association

    @contextmanager
    def open(
        self,
        calling: str,
        contexts: Sequence[PresentationContext],
        *,
        roles: Sequence[Any] = (),
        handlers: Sequence[Any] = (),
    ) -> Iterator[Association]:
        """Open it; released at the end, or aborted where something went wrong.

        Raises
        ------
        PeerUnreachable, PeerRefused
            There is no association.
        """
        pynetdicom = dimse()
        entity = pynetdicom.AE(ae_title=calling)
        entity.connection_timeout = entity.acse_timeout = self._peer.timeout_seconds
        entity.dimse_timeout = entity.network_timeout = self._peer.timeout_seconds
        watcher = threading.Thread(target=self._watch, name="cxr-archive-watch", daemon=True)
        watcher.start()
        try:
            self.association = self._associate(entity, contexts, roles, handlers)
            if not self.association.is_established:
                raise self._not_opened()
            self._is_open = True
            yield self.association
        finally:
            self._over.set()
            watcher.join()
            self._close()

    def _associate(
        self,
        entity: Any,  # noqa: ANN401  (pynetdicom's)
        contexts: Sequence[PresentationContext],
        roles: Sequence[Any],
        handlers: Sequence[Any],
    ) -> Association:
        evt, tls = dimse().evt, self._peer.tls
        association: Association = entity.associate(
            self._peer.host,
            self._peer.port,
            contexts=list(contexts),
            ae_title=self._peer.ae_title,
            max_pdu=_ANNOUNCED,
            ext_neg=list(roles),
            tls_args=(caller_context(tls, self.name), self._peer.host) if tls else None,
            evt_handlers=[
                (evt.EVT_CONN_OPEN, self._bound),
                (evt.EVT_DATA_RECV, self._weigh),
                (evt.EVT_DIMSE_RECV, self._hold),
                *handlers,
            ],
        )
        return association

    def halted(self) -> bool:
        """Whether it was stopped, once."""
        self._halted = self._halted or self._stopped()
        return self._halted

    def during(self, cancel: Callable[[], None]) -> None:
        """Have an operation cancelled by this when it is stopped."""
        self._cancel = cancel

    def finished(self) -> None:
        """Say that the operation is over."""
        self._cancel = None

    def check_status(self, status: int | None) -> None:
        """Raise where an operation's last status is no success and the person did not stop it.

        Parameters
        ----------
        status
            Of the last response; None where none came.
        """
        if self.halted() or status in (0x0000, 0xB000, 0xFE00):
            return
        if status is None:
            raise self._broken_off()
        raise PeerRefused(f"{self.name} refused (status 0x{status:04X}{_meaning(status)}).")

    def _broken_off(self) -> NetworkError:
        if self._too_large:
            return PeerRefused(f"{self.name} sent more than is taken at once; the connection was ended.")
        return PeerUnreachable(
            f"{self.name} ended the connection, or was silent for {self._peer.timeout_seconds:g} s. Try again, or "
            "raise timeout_seconds."
        )

    def _not_opened(self) -> NetworkError:
        where = f"{self.name} ({self._peer.ae_title} at {self._peer.host} port {self._peer.port})"
        if self.association.is_rejected:
            return PeerRefused(f"{where} rejects the association: {_rejection(self.association)}.")
        if self.association.rejected_contexts:
            return PeerRefused(f"{where} does not offer what is asked of it.")
        over_tls = " over TLS" if self._peer.tls else ""
        return PeerUnreachable(
            f"{where} cannot be reached{over_tls}. Check that it runs, its host, port and TLS in the network file."
        )

    def _close(self) -> None:
        if not self._is_open:
            return
        if self.association.is_established and self._cancel is None:
            self.association.release()
        if self.association.is_alive():
            self.association.abort()

    def _cut(self) -> None:
        """Shut the connection, which wakes who waits for a message; an abort of pynetdicom's from here need not."""
        with contextlib.suppress(OSError, AttributeError):
            socket.socket.shutdown(
                self._connection.socket, socket.SHUT_RDWR
            )  # past TLS, whose state is another thread's

    def _watch(self) -> None:
        while not self._over.wait(_POLL_S):
            if self.halted():
                cancel = self._cancel
                if cancel is not None:
                    self._try(cancel)
                    self._over.wait(_GRACE_S)
                if not self._over.is_set() and (self._cancel is not None or not self._is_open):
                    self._cut()
                    if self._connection is not None:
                        self._over.set()
                        return

    @staticmethod
    def _try(cancel: Callable[[], None]) -> None:
        try:
            cancel()
        except (RuntimeError, ValueError, OSError):
            logging.getLogger(__name__).debug("the operation ended before it could be cancelled")

    def _bound(self, event: Any) -> None:  # noqa: ANN401  (pynetdicom's event)
        """Let no PDU announce more than is taken."""
        self._connection = bound_connection(event, _PDU_BYTES, excess=self._announced_too_much)

    def _announced_too_much(self) -> None:
        self._too_large = True

    def _weigh(self, event: Any) -> None:  # noqa: ANN401
        self._message += len(event.data)
        if self._message > self._message_bytes and not self._too_large:
            self._too_large = True
            self._cut()
            self._connection.recv = _read_no_more  # a cut leaves what the system has received already

    def _hold(self, event: Any) -> None:  # noqa: ANN401
        """Listen no further while much waits to be read; the archive waits too."""
        self._message = 0
        while event.assoc.dimse.msg_queue.qsize() > self._waiting and not self._over.is_set():
            self._over.wait(_POLL_S / 10)


def _read_no_more(_count: int) -> bytearray:
    raise OSError("the message is too long")


def dimse() -> Any:  # noqa: ANN401  (a module)
    """Return pynetdicom, told to log no patient data.

    Raises
    ------
    MissingExtra
        It is not installed.
    """
    try:
        with IMPORTING:
            import pynetdicom
            from pynetdicom import _config
    except ModuleNotFoundError as error:
        raise MissingExtra(module="pynetdicom", extra="pacs") from error
    _config.LOG_REQUEST_IDENTIFIERS = _config.LOG_RESPONSE_IDENTIFIERS = False
    silence_libraries()
    return pynetdicom


def _rejection(association: Association) -> str:
    primitive: Any = association.acceptor.primitive
    try:
        return str(primitive.reason_str).lower()
    except (AttributeError, ValueError, LookupError):
        return "no reason given"


def _meaning(status: int) -> str:
    words = _MEANINGS.get(status)
    if words is None and 0xC000 <= status <= 0xCFFF:
        words = "unable to process"
    return f": {words}" if words else ""
