"""What a person set about the network, in one TOML file. Without the file everything here is off."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field, ValidationError, model_validator

from cxr_desktop.pacs.errors import NetworkFileDamaged, NetworkNotConfigured, PeerUnknown
from cxr_desktop.pacs.peers import SOURCE, AeTitle, DimsePeer, Part, Peer, Port, Tls, WebPeer
from cxr_shared.places import Kept, own_place

__all__ = [
    "SOURCE",
    "DimsePeer",
    "NetworkConfig",
    "Peer",
    "Quotas",
    "ReceiveConfig",
    "ReturnConfig",
    "ServeConfig",
    "Tls",
    "WebPeer",
    "network_path",
    "outbox_path",
    "read_network",
    "spool_path",
]

NETWORK_VARIABLE: Final = "CXR_NETWORK"
SPOOL_VARIABLE: Final = "CXR_SPOOL"
OUTBOX_VARIABLE: Final = "CXR_OUTBOX"

Network = IPv4Network | IPv6Network


class Quotas(Part):
    """What the receiver bears; beyond it the peer is told so, and nothing that was acknowledged is lost.

    Attributes
    ----------
    associations
        At one time, in all.
    associations_per_address
        At one time, from one address.
    objects_per_minute
        From one address; 0 is without a bound.
    object_megabytes
        One object's encoded data set, in 10^6 bytes.
    spool_gigabytes
        The received films in all, in 10^9 bytes.
    free_gigabytes
        What stays free on their disk, in 10^9 bytes.
    idle_seconds
        An association in which nothing arrives for so long is aborted.
    """

    associations: Annotated[int, Field(ge=1, le=1000)] = 32
    associations_per_address: Annotated[int, Field(ge=1, le=1000)] = 16
    objects_per_minute: Annotated[int, Field(ge=0)] = 600
    object_megabytes: Annotated[float, Field(gt=0, le=4000)] = 256
    spool_gigabytes: Annotated[float, Field(gt=0)] = 50
    free_gigabytes: Annotated[float, Field(ge=0)] = 2
    idle_seconds: Annotated[float, Field(gt=0)] = 30


class ReceiveConfig(Part):
    """The receiver, a Storage SCP.

    The lists of titles and addresses keep mistakes out, not attackers: a caller chooses its title freely. Whom it is
    talking to, the receiver knows by mutual TLS alone.

    Attributes
    ----------
    enabled
        Off unless it says so.
    ae_title
        Its own; a caller that calls another is not heard.
    host
        The address that it listens on.
    port
        The TCP port that it listens on; 0 lets the system choose.
    calling_titles
        AE titles that may call; empty: any.
    addresses
        Networks that may call; only loopback unless others are named.
    tls
        With it no caller without TLS is heard.
    quotas
        What it bears.
    """

    enabled: bool = False
    ae_title: AeTitle = "CXRTRIAGE"
    host: str = "127.0.0.1"
    port: Port = 11112
    calling_titles: tuple[AeTitle, ...] = ()
    addresses: tuple[Network, ...] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
    tls: Tls | None = None
    quotas: Quotas = Quotas()

    @model_validator(mode="after")
    def _certificate(self) -> ReceiveConfig:
        if self.tls is not None and self.tls.certificate is None:
            raise ValueError("receive.tls needs certificate and key")
        return self


class ReturnConfig(Part):
    """Where results go.

    Attributes
    ----------
    to
        A peer's name, or ``source``: the peer that the film came from, by its AE title or name. Empty: nowhere.
    objects
        Which objects: the Structured Report, the Secondary Captures of heat maps, the Segmentation.
    automatic
        Whether `serve` returns every scored film's; the window always asks.
    """

    to: str = ""
    objects: tuple[Literal["SR", "SC", "SEG"], ...] = ("SR", "SC", "SEG")
    automatic: bool = True


class ServeConfig(Part):
    """The headless service's own.

    Attributes
    ----------
    host
        The address where health and metrics are answered over HTTP.
    port
        The TCP port of it; 0 lets the system choose.
    keep_hours
        How long a film stays in the spool: the service deletes it then, once it was triaged and its results were
        returned; the window at its next start, if it was taken off the list.
    """

    host: str = "127.0.0.1"
    port: Port = 8094
    keep_hours: Annotated[float, Field(ge=0)] = 24 * 7


class NetworkConfig(Part):
    """All of the file.

    Attributes
    ----------
    receive
        ``[receive]``: films that others send.
    peers
        ``[[peers]]``: archives that are asked and get results.
    return
        ``[return]``: where results go.
    serve
        ``[serve]``: the service's own.
    """

    receive: ReceiveConfig = ReceiveConfig()
    peers: tuple[Peer, ...] = ()
    returns: Annotated[ReturnConfig, Field(alias="return")] = ReturnConfig()
    serve: ServeConfig = ServeConfig()

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    @model_validator(mode="after")
    def _names(self) -> NetworkConfig:
        names = [peer.name for peer in self.peers]
        if len(set(names)) < len(names):
            raise ValueError("two peers have the same name")
        if self.returns.to not in ("", SOURCE, *names):
            raise ValueError(f"return.to names {self.returns.to!r}, which is no peer's name")
        return self

    def peer(self, name: str) -> Peer:
        """Return a peer by its name; `PeerUnknown` where there is none."""
        return _only([peer for peer in self.peers if peer.name == name], name, self.peers)

    def peer_of(self, origin: str) -> Peer:
        """Return the peer that a film came from, by the AE title or name that its file says (`spool.origin_of`)."""
        found = [peer for peer in self.peers if origin in (peer.name, peer.dimse.ae_title if peer.dimse else "")]
        return _only(found if origin else [], origin or "(unknown)", self.peers)


def _only(found: Sequence[Peer], name: str, peers: Sequence[Peer]) -> Peer:
    if not found:
        known = ", ".join(peer.name for peer in peers) or "none"
        raise PeerUnknown(f"No peer called {name!r} is in the network file (known: {known}). Add it there.")
    return found[0]


def network_path() -> Path:
    """Return where the network file is: CXR_NETWORK, else the system's place for settings."""
    return own_place("network.toml", kept=Kept.SETTINGS, variable=NETWORK_VARIABLE)


def spool_path() -> Path:
    """Return where received films are kept: CXR_SPOOL, else the system's place for data."""
    return own_place("received", kept=Kept.DATA, variable=SPOOL_VARIABLE)


def outbox_path() -> Path:
    """Return where results wait for their peer: CXR_OUTBOX, else the system's place for data."""
    return own_place("outbox", kept=Kept.DATA, variable=OUTBOX_VARIABLE)


def read_network(path: Path) -> NetworkConfig:
    """Read the network file.

    Raises
    ------
    NetworkNotConfigured
        There is none.
    NetworkFileDamaged
        It is no TOML, or says something that cannot be.
    """
    try:
        return NetworkConfig.model_validate(tomllib.loads(path.read_text("utf-8")))
    except FileNotFoundError as error:
        raise NetworkNotConfigured(path) from error
    except ValidationError as error:
        raise NetworkFileDamaged(path, _words(error)) from error
    except (OSError, ValueError) as error:
        raise NetworkFileDamaged(path, str(error)) from error


def _words(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else str(first["msg"])
