"""Ports for programs that cannot choose one themselves."""

from __future__ import annotations

import contextlib
import secrets
import socket

_FIRST, _COUNT = 20_000, 10_000


def free_port() -> int:
    """A port of loopback that nobody listens on, below those that systems give to callers: it stays free.

    It is drawn by the system's random numbers, since tests in other processes may have seeded theirs alike.
    """
    while True:
        with socket.socket() as found, contextlib.suppress(OSError):
            found.bind(("127.0.0.1", _FIRST + secrets.randbelow(_COUNT)))
            return int(found.getsockname()[1])
