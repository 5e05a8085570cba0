"""Receiving films: a Storage SCP (PS3.4 annex B) for chest films, with C-ECHO.

The codecs, the negotiation and the messages are pynetdicom's; its server and its reactor are not used. Measured against
the threats of an open port, they wrap TLS in the accept loop (one silent caller stops all), begin three threads for
whoever connects, read a PDU of any length into memory, wait without an end for its rest, and queue what is sent
without waiting for an answer. So one thread for each caller reads here, within bounds of size and time, straight
into the spool.
"""

from cxr_desktop.pacs.receive.events import (
    AssociationEnded,
    AssociationOpened,
    AssociationRefused,
    CallRefusal,
    Ending,
    FilmKept,
    ObjectRefusal,
    ObjectRefused,
    ReceiverEvent,
)
from cxr_desktop.pacs.receive.receiver import Receiver

__all__ = [
    "AssociationEnded",
    "AssociationOpened",
    "AssociationRefused",
    "CallRefusal",
    "Ending",
    "FilmKept",
    "ObjectRefusal",
    "ObjectRefused",
    "Receiver",
    "ReceiverEvent",
]
