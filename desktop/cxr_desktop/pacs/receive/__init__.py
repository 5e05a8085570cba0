"""Receiving films: a Storage SCP (PS3.4 annex B) for chest films, with C-ECHO.

The codecs, the negotiation and the messages are pynetdicom's (3.0.4); its server and its reactor are not used, for an
open port needs bounds that they have not: a TLS handshake runs in the accept loop, so that one silent caller stops
all; threads begin for whoever connects; a PDU of any length is read into memory, and its rest waited for without an
end; and what is sent without waiting for an answer is queued. So here one thread for each caller reads, within bounds
of size and time, straight into the spool.
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
