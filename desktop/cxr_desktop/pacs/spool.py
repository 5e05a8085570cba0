"""Where films from the network are kept: a folder of files named by their content, written before they are answered.

No name in it comes from a peer. Whom a film came from stands in its own file meta information, Source Application
Entity Title (0002,0016), PS3.10 7.1.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_file_meta_info

from cxr_desktop.pacs.config import Quotas
from cxr_desktop.pacs.errors import SpoolFull, SpoolNotWritable
from cxr_shared.files import sha256_file, sync_directory

_SUFFIX: Final = ".dcm"
_GIGABYTE: Final = 1e9
_LOOK_EVERY: Final = 4 * 2**20
"""An arriving object asks how much of the disk is free after so many bytes more."""


class Spool:
    """A folder of received films; usable from any thread.

    One process at a time should have it: each counts its own films against the quota. A second one by mistake costs
    nothing that was acknowledged, and leaves alone what the first is writing.

    Parameters
    ----------
    folder
        Made, readable by its owner alone, where there is none. Files that a crash left unfinished are removed.
    quotas
        How much it may hold, and leave free.

    Raises
    ------
    SpoolNotWritable
        The operating system refused.
    """

    def __init__(self, folder: Path, quotas: Quotas) -> None:
        self.folder = folder
        self.incoming = folder / "incoming"
        self._quotas = quotas
        self._lock = threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.incoming.mkdir(mode=0o700, exist_ok=True)
            _sweep(self.incoming)
        except OSError as error:
            raise SpoolNotWritable(f"{folder} cannot be written: {error.strerror}. Choose another folder.") from error
        self._bytes = sum(path.stat().st_size for path in self.films())
        self._arriving = 0
        self._sync_folders()

    @property
    def bytes(self) -> int:
        """Bytes of all films in it."""
        return self._bytes

    def check_room(self, size: int = 0) -> None:
        """Raise `SpoolFull` where `size` bytes more would pass the quota or leave too little of the disk."""
        self._check_quota(size)
        self._check_disk(size)

    def begin(self) -> Arriving:
        """Begin to write one object whose size is not known; leave it as a context, and it is gone unless kept.

        Raises
        ------
        SpoolFull, SpoolNotWritable
            There is no room at all.
        """
        self.check_room()
        return Arriving(self, self.temporary())

    def claim(self, size: int) -> None:
        """Set `size` bytes of the quota aside for an object that is arriving; `SpoolFull` where they are not left."""
        with self._lock:
            self._check_quota(size)
            self._arriving += size

    def unclaim(self, size: int) -> None:
        """Give back what `claim` set aside."""
        with self._lock:
            self._arriving -= size

    def temporary(self) -> Path:
        """Return a new, empty file in `incoming`, to write one object to."""
        try:
            handle, name = tempfile.mkstemp(suffix=".part", dir=self.incoming)
        except OSError as error:
            raise self.refused(error) from error
        os.close(handle)
        return Path(name)

    def keep(self, written: Path) -> tuple[Path, bool]:
        """Move a whole Part 10 file from `incoming` to its place, on the disk when this returns.

        Parameters
        ----------
        written
            From `temporary`; gone afterwards, whatever happens.

        Returns
        -------
        (Path, bool)
            The film's place, and whether it is new; the same content is kept once.

        Raises
        ------
        SpoolFull, SpoolNotWritable
            It was not kept.
        """
        try:
            with written.open("rb+") as stream:
                os.fsync(stream.fileno())
            return self.place(written, sha256_file(written))
        except OSError as error:
            raise self.refused(error) from error
        finally:
            written.unlink(missing_ok=True)

    def place(self, written: Path, sha256: str, *, claimed: int = 0) -> tuple[Path, bool]:
        """Move a file that is on the disk to the place that its content names; as `keep`, whose second half it is.

        Parameters
        ----------
        written
            From `temporary`, synchronised.
        sha256
            Of its content.
        claimed
            Bytes that were claimed for it, which its own size replaces.
        """
        size = written.stat().st_size
        place = self.folder / sha256[:2] / f"{sha256}{_SUFFIX}"
        with self._lock:
            if place.exists():
                return place, False
            self._check_quota(size - claimed)
            self._check_disk(0)  # it is there already
            fresh = not place.parent.exists()
            place.parent.mkdir(mode=0o700, exist_ok=True)
            written.replace(place)
            try:
                sync_directory(place.parent)
                if fresh:
                    sync_directory(self.folder)
            except OSError:  # else it would be taken for kept when it is sent again
                place.unlink(missing_ok=True)
                raise
            self._bytes += size
        return place, True

    def films(self) -> Iterator[Path]:
        """Every film in it, in the order of names."""
        for folder in sorted(path for path in self.folder.iterdir() if path.is_dir() and path != self.incoming):
            yield from sorted(folder.glob(f"*{_SUFFIX}"))

    def remove(self, film: Path) -> None:
        """Delete a film; one that is gone already is none the worse."""
        with self._lock:
            try:
                size = film.stat().st_size
                film.unlink()
            except FileNotFoundError:
                return
            except OSError as error:
                raise self.refused(error) from error
            self._bytes -= size

    def refused(self, error: OSError) -> SpoolNotWritable:
        """Say what the operating system refused."""
        return SpoolNotWritable(
            f"{self.folder} cannot be written: {error.strerror}. Free some space or choose another."
        )

    def _check_quota(self, size: int) -> None:
        held = self._bytes + self._arriving
        if held + size > self._quotas.spool_gigabytes * _GIGABYTE:
            raise SpoolFull(
                f"{self.folder} holds {held / _GIGABYTE:.1f} GB, all that its quota (spool_gigabytes) allows. "
                "Take films off, or raise it."
            )

    def _check_disk(self, size: int) -> None:
        try:
            free = shutil.disk_usage(self.folder).free
        except OSError as error:
            raise self.refused(error) from error
        if free - size < self._quotas.free_gigabytes * _GIGABYTE:
            raise SpoolFull(f"The disk of {self.folder} has {free / _GIGABYTE:.1f} GB left. Free some space.")

    def _sync_folders(self) -> None:
        """Put on the disk what a killed process moved and did not synchronise: it is taken for kept from now on."""
        with contextlib.suppress(OSError):
            for folder in (*{film.parent for film in self.films()}, self.folder):
                sync_directory(folder)


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


def _sweep(incoming: Path) -> None:
    """Remove what a crash left unfinished."""
    for path in incoming.iterdir():
        with contextlib.suppress(OSError):
            if os.name == "nt":
                path.unlink()
                continue
            with path.open("rb") as stream:
                _hold(stream)
                path.unlink()


def origin_of(film: Path) -> str:
    """AE title or name of the peer that a film came from; empty where its file does not say."""
    try:
        meta = read_file_meta_info(film)
    except (OSError, InvalidDicomError, ValueError, TypeError, AttributeError, EOFError, NotImplementedError):
        return ""
    return str(meta.get("SourceApplicationEntityTitle", "")).strip()
