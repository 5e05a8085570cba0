"""One object on its way into the spool."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from cxr_desktop.pacs.spool import Spool

_LOOK_EVERY: Final = 4 * 2**20
"""An arriving object asks how much of the disk is free after so many bytes more."""


class Arriving:
    """One object on its way into the spool, from `Spool.begin`; used by one thread.

    Its bytes count against the quota as they come, so that many objects at once cannot pass it together.
    """

    def __init__(self, spool: Spool, path: Path) -> None:
        self._spool, self._path = spool, path
        self._hash = hashlib.sha256()
        self._size, self._looked_at = 0, 0
        try:
            self._stream = path.open("wb", buffering=0)
            _hold(self._stream)
        except OSError as error:
            path.unlink(missing_ok=True)
            raise spool.refused(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()

    @property
    def path(self) -> Path:
        """Where it is written, for who looks at it before it is kept."""
        return self._path

    @property
    def size(self) -> int:
        """Bytes written."""
        return self._size

    def write(self, data: bytes | memoryview) -> None:
        """Write on.

        Raises
        ------
        SpoolFull, SpoolNotWritable
            There is no more room; what was written is worth nothing.
        """
        self._spool.claim(len(data))
        self._size += len(data)
        if self._size - self._looked_at > _LOOK_EVERY:
            self._spool.check_room()
            self._looked_at = self._size
        self._hash.update(data)
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._stream.write(rest) :]
        except OSError as error:
            raise self._spool.refused(error) from error

    def keep(self) -> tuple[Path, bool]:
        """Keep the object, which is whole; as `Spool.keep`."""
        try:
            os.fsync(self._stream.fileno())
            self._stream.close()
            return self._spool.place(self._path, self._hash.hexdigest(), claimed=self._size)
        except OSError as error:
            raise self._spool.refused(error) from error
        finally:
            self.discard()

    def discard(self) -> None:
        """Let go of it and of its room; nothing where it was kept or discarded before."""
        with contextlib.suppress(OSError):
            self._stream.close()
            self._path.unlink(missing_ok=True)
        self._spool.unclaim(self._size)
        self._size = self._looked_at = 0


def _hold(stream: IO[bytes]) -> None:
    """Keep other processes from taking a file that is being written for one that a crash left."""
    if os.name != "nt":  # there an open file cannot be removed
        import fcntl

        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)


def sweep(incoming: Path) -> None:
    """Remove what a crash left unfinished."""
    for path in incoming.iterdir():
        with contextlib.suppress(OSError):
            if os.name == "nt":
                path.unlink()
                continue
            with path.open("rb") as stream:
                _hold(stream)
                path.unlink()
