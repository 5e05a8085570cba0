"""What can go wrong with the outbox.

::

    CxrError
    └─ NetworkError
       └─ OutboxError
          ├─ OutboxDamaged      no database, or a broken one
          ├─ OutboxNewer        written by a newer version of the program
          ├─ OutboxInUse        another process has it open
          ├─ OutboxNotWritable  no permission, disk full
          ├─ OutboxClosed       asked after `Outbox.close`
          └─ EntryUnknown       a number that no entry has, or that of one with which this cannot be done
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cxr_desktop.pacs.errors import NetworkError
from cxr_desktop.store.errors import Faults


class OutboxError(NetworkError):
    """A fault of the outbox."""


class OutboxDamaged(OutboxError):
    """The file is no outbox, or a broken one; it is never deleted."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"The outbox {path} cannot be read ({reason}). Nothing was changed in it. Restore its folder from a "
            "backup, or move it away and return the films again; some results may then arrive twice."
        )


class OutboxNewer(OutboxError):
    """The outbox's schema is newer than this program."""

    def __init__(self, path: Path, *, found: int, known: int) -> None:
        super().__init__(
            f"The outbox {path} was written by a newer version of this program (schema {found}, this one knows "
            f"{known}). Nothing was changed in it. Update the program, or name another folder with CXR_OUTBOX."
        )


class OutboxInUse(OutboxError):
    """Another process has the outbox open."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"The outbox {path} is in use by another process, such as a running service or window. Stop that one and "
            "try again; two must not send the same results."
        )


class OutboxNotWritable(OutboxError):
    """The operating system refused to write or read."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"The outbox {path} cannot be written ({reason}). What it held before is safe; the last change was not "
            "kept. See to permissions and free space there, or name another folder with CXR_OUTBOX."
        )


class OutboxClosed(OutboxError):
    """The outbox was closed."""

    def __init__(self) -> None:
        super().__init__("The outbox is closed. Start the service again.")


class EntryUnknown(OutboxError):
    """No entry has that number, or what was asked cannot be done with it."""


OUTBOX_FAULTS: Final = Faults(
    damaged=OutboxDamaged,
    newer=OutboxNewer,
    in_use=OutboxInUse,
    not_writable=OutboxNotWritable,
    closed=OutboxClosed,
)
