"""What the receiver tells whoever counts; nothing of it names a person, a film or a study."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CallRefusal(StrEnum):
    """Why a caller got no association."""

    ADDRESS = "address"
    CONNECTIONS = "connections"
    TLS = "tls"
    NO_REQUEST = "no request"
    MALFORMED = "malformed"
    VERSION = "protocol version"
    CONTEXT_NAME = "application context"
    CALLED_TITLE = "called title"
    CALLING_TITLE = "calling title"
    ASSOCIATIONS = "associations"
    ASSOCIATIONS_PER_ADDRESS = "associations per address"


class ObjectRefusal(StrEnum):
    """Why an object was not kept."""

    RATE = "rate"
    QUOTA = "quota"
    NOT_WRITABLE = "not writable"
    TOO_LARGE = "too large"
    INVALID_UID = "invalid UID"
    OTHER_CLASS = "other class"
    UNREADABLE = "unreadable"
    OTHER_OBJECT = "other object"
    UNFINISHED = "unfinished"


class Ending(StrEnum):
    """How an association ended."""

    RELEASED = "released"
    PEER_ABORTED = "peer aborted"
    LOST = "connection lost"
    SILENT = "silent or too slow"
    PROTOCOL = "protocol error"
    TOO_LARGE = "object too large"
    STOPPED = "receiver stopped"
    FAULT = "fault of this program"


@dataclass(frozen=True, slots=True)
class FilmKept:
    """A film is on the disk, `bytes` long as a file; `duplicate` where the same was there already."""

    bytes: int
    duplicate: bool


@dataclass(frozen=True, slots=True)
class ObjectRefused:
    """An object was not kept; `status` is the DIMSE status that the peer got, None where it got none."""

    reason: ObjectRefusal
    status: int | None


@dataclass(frozen=True, slots=True)
class AssociationRefused:
    """A caller got no association."""

    reason: CallRefusal


@dataclass(frozen=True, slots=True)
class AssociationOpened:
    """An association was accepted."""


@dataclass(frozen=True, slots=True)
class AssociationEnded:
    """An accepted association is over."""

    how: Ending


ReceiverEvent = FilmKept | ObjectRefused | AssociationRefused | AssociationOpened | AssociationEnded
