"""The cache's pixels as an array on disk, whose rows are read and verified, never mapped.

Mapped pages count as resident: a pass over 112,120 films of 256² brings a memory map to 7 GB. Reads of single
rows leave the pages to the operating system, which drops them when memory is wanted; they take some 20 µs a film
from memory, and a file that was cut short is an error, not a crash.
"""

from __future__ import annotations

import shutil
import threading
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
import numpy.typing as npt

from cxr_trainer.errors import CacheDamaged

Rows = npt.NDArray[np.int64]
GreyImages = npt.NDArray[np.uint8]
DTYPE: Final = np.dtype(np.uint8)


@dataclass(slots=True, eq=False)
class PixelFile:
    """(rows, S, S) uint8 in a file.

    Attributes
    ----------
    path
        The file.
    shape
        (rows, S, S).
    checksums
        (rows,) int64, CRC-32 of each row's bytes.
    """

    path: Path
    shape: tuple[int, int, int]
    checksums: Rows
    _stream: BinaryIO | None = field(default=None, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def __reduce__(self) -> tuple[type[PixelFile], tuple[Path, tuple[int, int, int], Rows]]:
        """Travel to another process as a path, not as an open file."""
        return PixelFile, (self.path, self.shape, self.checksums)

    @property
    def row_bytes(self) -> int:
        """Bytes of one film."""
        return self.shape[1] * self.shape[2]

    def __getitem__(self, rows: int | np.integer | Rows) -> GreyImages:
        """Film `rows`, (S, S), or films `rows`, (n, S, S).

        Raises
        ------
        CacheDamaged
            A row is not what was written.
        """
        wanted = np.atleast_1d(np.asarray(rows, dtype=np.int64))
        pixels, read = self._read(wanted)
        wrong = np.flatnonzero(~self._match(pixels, wanted) | ~read)
        if len(wrong):
            raise CacheDamaged(self.path, rows=len(wrong))
        return pixels if np.ndim(rows) else pixels[0]

    def intact(self, rows: Rows) -> npt.NDArray[np.bool_]:
        """(n,) whether each of `rows` is what was written."""
        pixels, read = self._read(rows)
        return self._match(pixels, rows) & read

    def _read(self, rows: Rows) -> tuple[GreyImages, npt.NDArray[np.bool_]]:
        pixels = np.empty((len(rows), *self.shape[1:]), np.uint8)
        read = np.zeros(len(rows), np.bool_)
        try:
            with self._lock:
                if self._stream is None:
                    self._stream = self.path.open("rb", buffering=0)
                for place, row in enumerate(rows.tolist()):
                    self._stream.seek(row * self.row_bytes)
                    read[place] = self._stream.readinto(pixels[place]) == self.row_bytes  # type: ignore[attr-defined]
        except OSError as error:
            raise CacheDamaged(self.path, rows=len(rows), reason=error.strerror or str(error)) from error
        return pixels, read

    def _match(self, pixels: GreyImages, rows: Rows) -> npt.NDArray[np.bool_]:
        sums = np.array([zlib.crc32(each) for each in pixels], dtype=np.int64)
        return np.equal(sums, self.checksums[rows])


def sized_file(path: Path, size: int) -> None:
    """Create a sparse file of `size` bytes, or bring one that is there to that size."""
    with path.open("ab") as stream:
        if stream.tell() != size:
            stream.truncate(size)


def free_bytes(path: Path) -> int:
    """Bytes that the disk of `path` has left for this user."""
    return shutil.disk_usage(path.parent).free
