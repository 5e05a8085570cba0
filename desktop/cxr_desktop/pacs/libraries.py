"""What the network's libraries must be kept from: half imports, logging patient data, reading what has no bound."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import warnings
from collections.abc import Callable
from typing import Any, Final

IMPORTING: Final = threading.RLock()
"""Held while they are imported. Their modules import one another in circles: of two threads that import them at the
same time, one finds half a module, since Python breaks the deadlock in that way."""
_THEY_QUOTE: Final = ("pynetdicom", "pydicom", "highdicom", "dicomweb_client", "urllib3", "requests")


def silence_libraries() -> None:
    """Keep libraries from logging and warning: they quote data sets and URLs, names of patients among them.

    A warning's text is also remembered for ever, one for each value that differs.
    """
    for name in _THEY_QUOTE:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    warnings.filterwarnings("ignore", module=r"(pydicom|pynetdicom)(\.|$)")


def bound_connection(event: Any, most: int, *, excess: Callable[[], None] = lambda: None) -> Any:  # noqa: ANN401
    """Let a connection that pynetdicom opened read no PDU of more than `most` bytes, and send small ones at once.

    pynetdicom would read a PDU of any announced length into memory whole.

    Parameters
    ----------
    event
        Of ``EVT_CONN_OPEN``.
    most
        Largest PDU in bytes.
    excess
        Told of one that announces more, before the connection ends for it.

    Returns
    -------
    pynetdicom.transport.AssociationSocket
        The connection.
    """
    connection = event.assoc.dul.socket
    receive = connection.recv

    def bounded(count: int) -> bytearray:
        if count > most:
            excess()
            raise OSError("the PDU is too long")
        answer: bytearray = receive(count)
        return answer

    connection.recv = bounded
    with contextlib.suppress(OSError, AttributeError):
        # Nagle's algorithm would hold up the data set that follows a small command.
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection
