"""Where films from the network are kept: a folder of files named by their content, written before they are answered.

No name in it comes from a peer. Whom a film came from stands in its own file meta information, Source Application
Entity Title (0002,0016), PS3.10 7.1.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from cxr_desktop.pacs.config import Quotas
from cxr_desktop.pacs.errors import SpoolFull, SpoolNotWritable
from cxr_shared.files import sha256_file, sync_directory

_SUFFIX: Final = ".dcm"
_GIGABYTE: Final = 1e9


class Spool:
    """A folder of received films; usable from any thread, by one process at a time.

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
            shutil.rmtree(self.incoming, ignore_errors=True)
            self.incoming.mkdir(mode=0o700)
        except OSError as error:
            raise SpoolNotWritable(f"{folder} cannot be written: {error.strerror}. Choose another folder.") from error
        self._bytes = sum(path.stat().st_size for path in self.films())

    @property
    def bytes(self) -> int:
        """Bytes of all films in it."""
        return self._bytes

    def check_room(self, size: int = 0) -> None:
        """Raise `SpoolFull` where `size` bytes more would pass the quota or leave too little of the disk."""
        free = shutil.disk_usage(self.folder).free
        if self._bytes + size > self._quotas.spool_gigabytes * _GIGABYTE:
            raise SpoolFull(
                f"{self.folder} holds {self._bytes / _GIGABYTE:.1f} GB, all that its quota (spool_gigabytes) allows. "
                "Take films off, or raise it."
            )
        if free - size < self._quotas.free_gigabytes * _GIGABYTE:
            raise SpoolFull(f"The disk of {self.folder} has {free / _GIGABYTE:.1f} GB left. Free some space.")

    def temporary(self) -> Path:
        """Return a new, empty file in `incoming`, to write one object to."""
        try:
            handle, name = tempfile.mkstemp(suffix=".part", dir=self.incoming)
        except OSError as error:
            raise self._refused(error) from error
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
            size, name = written.stat().st_size, sha256_file(written)
            place = self.folder / name[:2] / f"{name}{_SUFFIX}"
            with self._lock:
                if place.exists():
                    return place, False
                self.check_room(size)
                fresh = not place.parent.exists()
                place.parent.mkdir(mode=0o700, exist_ok=True)
                written.replace(place)
                sync_directory(place.parent)
                if fresh:
                    sync_directory(self.folder)
                self._bytes += size
            return place, True
        except OSError as error:
            raise self._refused(error) from error
        finally:
            written.unlink(missing_ok=True)

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
                raise self._refused(error) from error
            self._bytes -= size

    def _refused(self, error: OSError) -> SpoolNotWritable:
        return SpoolNotWritable(
            f"{self.folder} cannot be written: {error.strerror}. Free some space or choose another."
        )


def origin_of(film: Path) -> str:
    """AE title or name of the peer that a film came from; empty where its file does not say."""
    try:
        meta = dcmread(film, stop_before_pixels=True, specific_tags=[]).file_meta
    except (OSError, InvalidDicomError, ValueError, TypeError, AttributeError, EOFError):
        return ""
    return str(meta.get("SourceApplicationEntityTitle", "")).strip()
