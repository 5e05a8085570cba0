"""Who is let in, how many, and how fast."""

from __future__ import annotations

import threading
import time
from collections import Counter, OrderedDict, deque
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Final

from cxr_desktop.pacs.config import ReceiveConfig
from cxr_desktop.pacs.receive.events import CallRefusal

LOBBY: Final = 64
"""Connections beyond the allowed associations that may be open: asking, being rejected, or taking their leave."""
_ADDRESSES: Final = 1024
"""The rates of so many addresses are remembered, the last that sent."""
_MINUTE: Final = 60.0


def counted_as(address: str) -> str:
    """Give the name under which an address is counted: itself, or the /64 that one IPv6 host may choose from.

    Parameters
    ----------
    address
        From `normal_address`.
    """
    found = ip_address(address)
    return str(IPv6Network((int(found), 64), strict=False)) if isinstance(found, IPv6Address) else address


def normal_address(address: str) -> str:
    """Give a peer's address without its zone, and as IPv4 where IPv6 only carries one."""
    found = ip_address(address.partition("%")[0])
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return str(mapped or found)


class Gate:
    """Counts connections, associations and objects; usable from any thread.

    Parameters
    ----------
    config
        Its addresses and quotas.
    """

    def __init__(self, config: ReceiveConfig) -> None:
        self._networks = config.addresses
        self._quotas = config.quotas
        self._lock = threading.Lock()
        self._connections: Counter[str] = Counter()
        self._associations: Counter[str] = Counter()
        self._sent: OrderedDict[str, deque[float]] = OrderedDict()

    @property
    def associations(self) -> int:
        """Associations open now."""
        with self._lock:
            return self._associations.total()

    def enter(self, address: str) -> CallRefusal | None:
        """Let a connection in and count it, or say why not."""
        if not any(ip_address(address) in network for network in self._networks):
            return CallRefusal.ADDRESS
        key, quotas = counted_as(address), self._quotas
        with self._lock:
            if (
                self._connections.total() >= quotas.associations + LOBBY
                or self._connections[key] >= quotas.associations_per_address + LOBBY
            ):
                return CallRefusal.CONNECTIONS
            self._connections[key] += 1
        return None

    def leave(self, address: str) -> None:
        """Forget a connection that `enter` let in."""
        self._decrease(self._connections, counted_as(address))

    def associate(self, address: str) -> CallRefusal | None:
        """Count an association, or say why it cannot be had now."""
        key = counted_as(address)
        with self._lock:
            if self._associations.total() >= self._quotas.associations:
                return CallRefusal.ASSOCIATIONS
            if self._associations[key] >= self._quotas.associations_per_address:
                return CallRefusal.ASSOCIATIONS_PER_ADDRESS
            self._associations[key] += 1
        return None

    def dissociate(self, address: str) -> None:
        """Forget an association that `associate` counted."""
        self._decrease(self._associations, counted_as(address))

    def allow_object(self, address: str) -> bool:
        """Whether one more object may come from an address within this minute; if so it is counted."""
        most = self._quotas.objects_per_minute
        if not most:
            return True
        key, now = counted_as(address), time.monotonic()
        with self._lock:
            times = self._sent.setdefault(key, deque(maxlen=most))
            self._sent.move_to_end(key)
            if len(self._sent) > _ADDRESSES:
                self._sent.popitem(last=False)
            if len(times) == most and now - times[0] < _MINUTE:
                return False
            times.append(now)
        return True

    def _decrease(self, counter: Counter[str], key: str) -> None:
        with self._lock:
            counter[key] -= 1
            if counter[key] <= 0:
                del counter[key]
