"""The receiver: a listening socket, and one thread for each caller that the gate lets in."""

from __future__ import annotations

import contextlib
import errno
import logging
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from cxr_desktop.pacs.config import ReceiveConfig
from cxr_desktop.pacs.errors import NetworkError, PortInUse
from cxr_desktop.pacs.libraries import IMPORTING, silence_libraries
from cxr_desktop.pacs.receive.events import AssociationRefused, CallRefusal, ReceiverEvent
from cxr_desktop.pacs.receive.gate import Gate, normal_address
from cxr_desktop.pacs.receive.notifier import Notifier
from cxr_desktop.pacs.receive.tls import server_context
from cxr_desktop.pacs.spool import Spool
from cxr_shared.errors import MissingExtra

if TYPE_CHECKING:
    from cxr_desktop.pacs.receive.association import Association, Service

_log = logging.getLogger(__name__)

_WAITING_CALLERS: Final = 128
_LOOK_EVERY: Final = 0.25
_PAUSE: Final = 0.1
_ANSWERS: Final = 64 * 1024
"""Bytes of answers that the system holds for a caller who does not read them; else it may be megabytes."""
_GENTLY: Final = 3.0
"""Seconds that associations get, when the receiver is closed, to say that they end."""
_AT_LAST: Final = 3.0


def _nothing(_event: ReceiverEvent) -> None:
    """Count nothing."""


class Receiver:
    """Keeps the chest films that peers send in a spool, once started.

    The lists of titles and addresses in its configuration keep mistakes out, not attackers: a caller chooses its title
    freely. Whom it is talking to, the receiver knows by mutual TLS alone.

    Parameters
    ----------
    config
        Its name, port, allow-lists, TLS and quotas.
    spool
        Where films are kept.
    on_film
        Given each film that was not there before, when it is on the disk and before the peer is answered, from one
        thread. If it raises or takes long, the film is acknowledged all the same and is in `Spool.films`.
    on_event
        Given what happened, for counting; from any thread.
    """

    def __init__(
        self,
        config: ReceiveConfig,
        spool: Spool,
        *,
        on_film: Callable[[Path], None],
        on_event: Callable[[ReceiverEvent], None] = _nothing,
    ) -> None:
        self._config, self._spool, self._on_film, self._on_event = config, spool, on_film, on_event
        self._gate = Gate(config)
        self._stopped = threading.Event()
        self._listener: socket.socket | None = None
        self._service: Service | None = None
        self._accepting: threading.Thread | None = None
        self._lock = threading.Lock()
        self._open: dict[Association, threading.Thread] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def port(self) -> int:
        """The TCP port that is listened on; 0 where none is."""
        return int(self._listener.getsockname()[1]) if self._listener is not None else 0

    @property
    def associations(self) -> int:
        """Associations that are open now."""
        return self._gate.associations

    @property
    def running(self) -> bool:
        """Whether callers are heard."""
        return self._accepting is not None and self._accepting.is_alive()

    def start(self) -> None:
        """Listen, once; a closed receiver does not begin again.

        Raises
        ------
        MissingExtra
            pynetdicom is not installed.
        PortInUse
            The port is taken, or only a privileged user may have it.
        NetworkError
            The host is none of this machine, a certificate is unusable (`CertificateUnusable`), or it was started
            before.
        """
        if self._service is not None or self._stopped.is_set():
            raise NetworkError("This receiver was started before. Make another one.")
        self._service = self._make_service()
        try:
            self._listener = _listen(self._config.host, self._config.port)
        except NetworkError:
            self._service.notifier.close(_AT_LAST)
            raise
        self._accepting = threading.Thread(target=self._accept, name="receiver", daemon=True)
        self._accepting.start()

    def close(self) -> None:
        """Stop listening and end all associations, within some seconds; what was acknowledged is kept."""
        self._stopped.set()
        if self._service is None or self._listener is None:
            return
        with contextlib.suppress(OSError):  # wakes accept() on Linux; elsewhere it looks every quarter of a second
            self._listener.shutdown(socket.SHUT_RDWR)
        if self._accepting is not None:
            self._accepting.join(_AT_LAST)
        self._join(_GENTLY)
        for association in self._running():
            association.cut()
        self._join(_AT_LAST)
        self._service.notifier.close(_AT_LAST)
        self._listener.close()
        self._listener = None

    def _make_service(self) -> Service:
        try:
            with IMPORTING:
                from cxr_desktop.pacs.receive.association import Service
                from cxr_desktop.pacs.receive.negotiation import supported_contexts
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != "pynetdicom":
                raise
            raise MissingExtra(module="pynetdicom", extra="pacs") from error
        silence_libraries()
        return Service(
            config=self._config,
            gate=self._gate,
            spool=self._spool,
            tls=None if self._config.tls is None else server_context(self._config.tls),
            supported=supported_contexts(),
            notifier=Notifier(self._on_film),
            stopped=self._stopped,
            report=self._report,
        )

    def _accept(self) -> None:
        listener = self._listener
        while listener is not None and not self._stopped.is_set():
            try:
                connected, peer = listener.accept()
            except TimeoutError:
                continue
            except OSError as error:  # of the caller, or no file descriptor is left
                if self._stopped.is_set():
                    return
                _log.warning("a call could not be taken: %s", error.strerror)
                time.sleep(_PAUSE)
                continue
            try:
                self._receive(connected, normal_address(peer[0]))
            except Exception as error:  # noqa: BLE001  (one caller must not end the listening)
                _log.error("a call ended by a fault of this program: %s", type(error).__name__)
                connected.close()

    def _receive(self, connected: socket.socket, address: str) -> None:
        """Begin a thread for a caller whom the gate lets in; nothing here waits for the caller."""
        with contextlib.suppress(OSError):
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _ANSWERS)
        refusal = self._gate.enter(address)
        if refusal is not None:
            self._turn_away(connected, address, refusal)
            return
        from cxr_desktop.pacs.receive.association import Association

        if self._service is None:
            return
        association = Association(self._service, connected, address)
        thread = threading.Thread(target=self._run, args=(association, address), name="receiver-caller", daemon=True)
        with self._lock:
            self._open[association] = thread
        try:
            thread.start()
        except RuntimeError:  # the system gives no more threads
            self._forget(association, address)
            self._turn_away(connected, address, CallRefusal.CONNECTIONS)

    def _run(self, association: Association, address: str) -> None:
        try:
            association.run()
        finally:
            self._forget(association, address)

    def _forget(self, association: Association, address: str) -> None:
        with self._lock:
            self._open.pop(association, None)
        self._gate.leave(address)

    def _turn_away(self, connected: socket.socket, address: str, reason: CallRefusal) -> None:
        _log.warning("a call from %s was refused: %s", address, reason.value)
        self._report(AssociationRefused(reason))
        with contextlib.suppress(OSError):
            if reason is CallRefusal.CONNECTIONS and self._config.tls is None:
                from cxr_desktop.pacs.receive.negotiation import rejection

                connected.settimeout(0)
                connected.send(rejection(reason))
            connected.close()

    def _running(self) -> list[Association]:
        with self._lock:
            return list(self._open)

    def _join(self, within: float) -> None:
        by = time.monotonic() + within
        with self._lock:
            threads = list(self._open.values())
        for thread in threads:
            thread.join(max(by - time.monotonic(), 0))

    def _report(self, event: ReceiverEvent) -> None:
        try:
            self._on_event(event)
        except Exception as error:  # noqa: BLE001  (whoever counts must not end an association)
            _log.error("an event could not be counted (%s)", type(error).__name__)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = host == "::" and socket.has_dualstack_ipv6()
    try:
        listener = socket.create_server((host, port), family=family, backlog=_WAITING_CALLERS, dualstack_ipv6=both)
    except OSError as error:
        if error.errno in (errno.EADDRINUSE, errno.EACCES, errno.EPERM):
            raise PortInUse(
                f"Port {port} of {host} cannot be had: {error.strerror}. End the program that has it, or set "
                "receive.port to another, above 1023."
            ) from error
        raise NetworkError(
            f"Nobody can listen on {host}: {error.strerror}. Set receive.host to an address of this machine."
        ) from error
    listener.settimeout(_LOOK_EVERY)
    return listener
