"""Where objects go: one small interface, by DIMSE or DICOMweb, and what an archive's status codes mean."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Final, Protocol

from cxr_desktop.pacs.config import Peer
from cxr_desktop.pacs.libraries import IMPORTING
from cxr_desktop.pacs.send.entries import Outcome, Outgoing, State
from cxr_shared.errors import MissingExtra

BeforeSending = Callable[[Outgoing], None]
"""Called before the first byte of an object goes out; when it returns, that it is being sent is on the disk."""


class Destination(Protocol):
    """A peer that objects are sent to. Used by one thread, but for `abort`."""

    def send(self, objects: Sequence[Outgoing], before: BeforeSending) -> Generator[Outcome, None, None]:
        """Send objects one after the other, and give what came of each as it becomes known.

        An object for which `before` was called has an outcome, unless an exception says otherwise; one that is refused
        beforehand, such as for its class, has one without that call.

        Raises
        ------
        PeerUnreachable, PeerRefused
            The peer cannot be reached, or takes nothing from this program now. Nothing of the objects that had no
            outcome yet was sent.
        """
        ...

    def holds(self, each: Outgoing) -> bool | None:
        """Ask whether the peer holds an object; None where it cannot be asked or gives no clear answer."""
        ...

    def abort(self) -> None:
        """End the conversation at once, from any thread; what was being sent is *unconfirmed*."""
        ...

    def close(self) -> None:
        """End the conversation."""
        ...


_SUCCESS: Final = 0x0000
_WARNINGS: Final = (0x0001, 0x0107, 0x0116)
_DUPLICATE: Final = 0x0111
_CANCELLED: Final = 0xFE00
_PROCESSING_FAILURE: Final = 0x0110
_MEANINGS: Final = {
    0x0117: "it calls the object's UID invalid",
    0x0122: "it does not take objects of this class",
    0x0124: "it does not let this program store",
    0x0210: "it calls the message a duplicate",
    0x0211: "it does not know the operation",
    0x0212: "it calls a parameter mistyped",
}
_RANGES: Final = (
    (0xA700, 0xA7FF, "it is out of resources"),
    (0xA900, 0xA9FF, "it says that the data set does not match its class"),
    (0xC000, 0xCFFF, "it cannot understand the object"),
)


def outcome_of(number: int, status: int) -> Outcome:
    """Say what a status of C-STORE (PS3.4 B.2.3, PS3.7 C) or a Failure Reason (0008,1197) of STOW-RS means.

    A warning says that the object is stored; so does *duplicate SOP instance*, which then is this very object. Lack of
    resources and *processing failure* may pass; all else that is no success is final, until a person decides.
    """
    if status == _SUCCESS:
        return Outcome(number, State.SENT)
    if 0xB000 <= status <= 0xBFFF or status in _WARNINGS:
        return Outcome(number, State.SENT, f"stored, with warning {status:04X}")
    if status == _DUPLICATE:
        return Outcome(number, State.SENT, "the peer held it already")
    words = f"status {status:04X}: {_meaning(status)}"
    passing = 0xA700 <= status <= 0xA7FF or status in (_PROCESSING_FAILURE, _CANCELLED)
    return Outcome(number, State.WAITING if passing else State.REFUSED, words)


def _meaning(status: int) -> str:
    if status == _PROCESSING_FAILURE:
        return "it failed while processing the object"
    for low, high, words in _RANGES:
        if low <= status <= high:
            return words
    return _MEANINGS.get(status, "see the peer's conformance statement")


def destination_for(peer: Peer, own_title: str) -> Destination:
    """Give the way to a peer: DICOMweb where the network file names it, else DIMSE.

    Parameters
    ----------
    peer
        From the network file.
    own_title
        This program's AE title.

    Raises
    ------
    MissingExtra
        The package that speaks the protocol is not installed.
    """
    with needing_extra():
        if peer.web is not None:
            with IMPORTING:
                from cxr_desktop.pacs.send.stow import WebDestination
            return WebDestination(peer.name, peer.web)
        with IMPORTING:
            from cxr_desktop.pacs.send.dimse import DimseDestination
        assert peer.dimse is not None  # Peer's own rule
        return DimseDestination(peer.name, peer.dimse, own_title)


@contextlib.contextmanager
def needing_extra() -> Iterator[None]:
    """Turn a package that is not installed into `MissingExtra`."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtra(module=error.name or "pynetdicom", extra="pacs") from error
