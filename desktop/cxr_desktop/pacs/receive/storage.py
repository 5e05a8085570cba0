"""C-STORE: one object from its request to its answer, PS3.4 B.2.3."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cxr_desktop.pacs.arriving import Arriving
from cxr_desktop.pacs.errors import NetworkError, SpoolFull
from cxr_desktop.pacs.receive.events import Ending, ObjectRefusal
from cxr_desktop.pacs.receive.identity import HEAD_BYTES, NoIdentity, read_identity
from cxr_desktop.pacs.receive.messages import Message
from cxr_desktop.pacs.receive.negotiation import Context
from cxr_desktop.pacs.receive.part10 import file_beginning
from cxr_desktop.pacs.receive.wire import Abort, Ended
from cxr_desktop.pacs.spool import Spool

SUCCESS: Final = 0x0000
STATUS: Final[Mapping[ObjectRefusal, int]] = {
    ObjectRefusal.INVALID_UID: 0x0117,
    ObjectRefusal.OTHER_CLASS: 0x0122,
    ObjectRefusal.RATE: 0xA700,
    ObjectRefusal.QUOTA: 0xA700,
    ObjectRefusal.NOT_WRITABLE: 0xA700,
    ObjectRefusal.OTHER_OBJECT: 0xA900,
    ObjectRefusal.UNREADABLE: 0xC000,
    ObjectRefusal.TOO_LARGE: 0xC001,
}
_COMMENTS: Final[Mapping[ObjectRefusal, str]] = {
    ObjectRefusal.INVALID_UID: "Affected SOP Instance UID is no UID",
    ObjectRefusal.OTHER_CLASS: "Affected SOP Class is not the presentation context's",
    ObjectRefusal.RATE: "Too many objects a minute; send it again later",
    ObjectRefusal.QUOTA: "No room left for received films; send it again later",
    ObjectRefusal.NOT_WRITABLE: "The film could not be written; send it again later",
    ObjectRefusal.OTHER_OBJECT: "Data set and command name different SOP classes or instances",
    ObjectRefusal.UNREADABLE: "Data set does not begin with SOP Class and Instance UID",
    ObjectRefusal.TOO_LARGE: "Object is larger than this receiver's quota",
}
_SWALLOWED: Final = 2
"""A refused object is read on, so that its answer arrives, up to so many times the largest object."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A film that is on the disk."""

    path: Path
    size: int
    new: bool


class Storing:
    """One object that is arriving; as a context, nothing is left of what was not kept.

    Parameters
    ----------
    message, context
        The request, and the presentation context that it came in.
    titles
        AE titles of the caller and of this program.
    spool
        Where it goes.
    most
        Bytes of the largest object.
    refusal
        Why it is refused already.
    """

    def __init__(
        self,
        message: Message,
        context: Context,
        *,
        titles: tuple[str, str],
        spool: Spool,
        most: int,
        refusal: ObjectRefusal | None = None,
    ) -> None:
        self.message, self.refusal, self.received = message, refusal, 0
        self._context, self._titles, self._most, self._spool = context, titles, most, spool
        self._head: bytearray | None = None if refusal else bytearray()
        self._file: Arriving | None = None
        if not message.sop_instance:
            self._refuse(ObjectRefusal.INVALID_UID)
        elif message.sop_class != context.sop_class:
            self._refuse(ObjectRefusal.OTHER_CLASS)
        if self.refusal is None:
            with self._trying():
                self._begin()

    @property
    def comment(self) -> str:
        """What the peer is told of a refusal."""
        return _COMMENTS[self.refusal] if self.refusal else ""

    @property
    def status(self) -> int:
        """DIMSE status of the answer."""
        return STATUS[self.refusal] if self.refusal else SUCCESS

    def write(self, fragment: memoryview) -> None:
        """Take the next bytes of the data set; `Ended` where a refused one does not end."""
        self.received += len(fragment)
        if self.received > self._most:
            self._refuse(ObjectRefusal.TOO_LARGE)
        if self.received > self._most * _SWALLOWED:
            raise Ended(Ending.TOO_LARGE, Abort.NOT_SPECIFIED)
        if self._head is not None:
            self._head += fragment[: HEAD_BYTES - len(self._head)]
            if len(self._head) == HEAD_BYTES:
                self._check_head()
        if self._file is not None:
            with self._trying():
                self._file.write(fragment)

    def finish(self) -> Kept | None:
        """Put the whole object on the disk; None where it was refused, for `refusal`."""
        if self._head is not None:
            self._check_head()
        if self._file is not None:
            size = self._file.size
            with self._trying():
                path, new = self._file.keep()
                return Kept(path, size, new)
        return None

    def discard(self) -> None:
        """Let go of what was not kept."""
        if self._file is not None:
            self._file.discard()
            self._file = None

    def _begin(self) -> None:
        self._file = self._spool.begin()
        source, receiver = self._titles
        self._file.write(
            file_beginning(
                sop_class=self.message.sop_class,
                sop_instance=self.message.sop_instance,
                syntax=self._context.syntax,
                source=source,
                receiver=receiver,
            )
        )

    def _check_head(self) -> None:
        head, self._head = bytes(self._head or b""), None
        try:
            identity = read_identity(head, self._context.syntax)
        except NoIdentity:
            self._refuse(ObjectRefusal.UNREADABLE)
            return
        if identity != (self.message.sop_class, self.message.sop_instance):
            self._refuse(ObjectRefusal.OTHER_OBJECT)

    def _refuse(self, reason: ObjectRefusal) -> None:
        self.refusal, self._head = self.refusal or reason, None
        self.discard()

    @contextlib.contextmanager
    def _trying(self) -> Iterator[None]:
        try:
            yield
        except SpoolFull:
            self._refuse(ObjectRefusal.QUOTA)
        except NetworkError:
            self._refuse(ObjectRefusal.NOT_WRITABLE)
