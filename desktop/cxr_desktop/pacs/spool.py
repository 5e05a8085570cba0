"""Where films from the network are kept: a folder of files named by their content, written before they are answered.

No name in it comes from a peer. Whom a film came from stands in its own file meta information, Source Application
Entity Title (0002,0016), PS3.10 7.1.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_file_meta_info

from cxr_desktop.pacs.arriving import Arriving, sweep
from cxr_desktop.pacs.config import Quotas
from cxr_desktop.pacs.errors import SpoolFull, SpoolNotWritable
from cxr_shared.files import sha256_file, sync_directory

_SUFFIX: Final = ".dcm"
_GIGABYTE: Final = 1e9


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
            sweep(self.incoming)
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


def origin_of(film: Path) -> str:
    """AE title or name of the peer that a film came from; empty where its file does not say."""
    try:
        meta = read_file_meta_info(film)
    except (OSError, InvalidDicomError, ValueError, TypeError, AttributeError, EOFError, NotImplementedError):
        return ""
    return str(meta.get("SourceApplicationEntityTitle", "")).strip()
