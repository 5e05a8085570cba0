"""Telling systemd how the service is, by the protocol of sd_notify(3)."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import Final

_SOCKET: Final = "NOTIFY_SOCKET"
_WATCHDOG: Final = "WATCHDOG_USEC"


def notify(**states: str) -> bool:
    """Send states such as ``READY="1"``; False where no service manager listens."""
    address = os.environ.get(_SOCKET, "")
    if not address.startswith(("/", "@")) or not hasattr(socket, "AF_UNIX"):
        return False
    name = f"\0{address[1:]}" if address.startswith("@") else address
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.sendto("\n".join(f"{key}={value}" for key, value in states.items()).encode(), name)
        return True
    return False


def watchdog_seconds() -> float | None:
    """How often systemd wants to hear of the service (half of its patience); None where it has no watchdog."""
    try:
        return max(0.5, int(os.environ[_WATCHDOG]) / 2e6)
    except (KeyError, ValueError):
        return None
