"""Lookup tables of the modality and VOI LUT modules, DICOM PS3.3 C.11.1.1 and C.11.2.1.1."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from cxr_shared.film.film import VoiLut
from cxr_shared.film.tags import numbers, text, value_of

_MAX_ENTRIES: Final = 2**16


@dataclass(frozen=True, slots=True, eq=False)
class Lut:
    """A table: value ``first + i`` maps to ``entries[i]`` in 0..2^bits − 1."""

    first: int
    entries: npt.NDArray[np.uint16]
    bits: int
    explanation: str

    def as_voi(self) -> VoiLut:
        """Give the table with its output scaled to 0..1."""
        table = self.entries.astype(np.float32) / np.float32(2**self.bits - 1)
        return VoiLut(float(self.first), table, self.explanation)


def read_lut(item: Dataset, *, signed: bool) -> Lut | None:
    """Read one item of a Modality or VOI LUT Sequence; None where it is not usable.

    Parameters
    ----------
    item
        Holds LUT Descriptor (0028,3002) and LUT Data (0028,3006).
    signed
        Whether the table's input can be negative: files write the first value mapped as US or SS, not
        always the one they should.

    Notes
    -----
    Entries of less than a quarter of the declared range mean that the file declares more bits than it uses,
    which would darken the film; the range is then the smallest that holds the entries.
    """
    big_endian = _is_big_endian(item)
    descriptor = _descriptor(item, big_endian=big_endian)
    if descriptor is None:
        return None
    count, first, bits = descriptor
    entries = _entries(item, count, big_endian=big_endian)
    if entries is None:
        return None
    used = max(1, int(entries.max()).bit_length())
    bits = used if used > bits or used < bits - 1 or not 8 <= bits <= 16 else bits
    first = first - 0x10000 if signed and first >= 0x8000 else first
    return Lut(first, entries, bits, text(item, "LUTExplanation"))


def _descriptor(item: Dataset, *, big_endian: bool) -> tuple[int, int, int] | None:
    """Give entries (0 means 65536), first value as an unsigned number, and bits an entry."""
    raw = value_of(item, "LUTDescriptor")
    values = _words(raw, big_endian=big_endian) if isinstance(raw, bytes) else numbers(item, "LUTDescriptor")
    if len(values) != 3:
        return None
    count, first, bits = (int(value) & 0xFFFF for value in values)
    return count or _MAX_ENTRIES, first, bits


def _entries(item: Dataset, count: int, *, big_endian: bool) -> npt.NDArray[np.uint16] | None:
    """Give the table; 8-bit entries may fill a word each or share one, PS3.3 C.11.1.1.1."""
    raw = value_of(item, "LUTData")
    if isinstance(raw, bytes):
        if len(raw) >= 2 * count:
            return np.array(_words(raw[: 2 * count], big_endian=big_endian), np.uint16)
        if len(raw) < count:
            return None
        entries = np.frombuffer(raw, np.uint8)
        shared = entries[: len(entries) // 2 * 2].reshape(-1, 2)[:, ::-1].ravel() if big_endian else entries
        return shared[:count].astype(np.uint16) if len(shared) >= count else None
    values = numbers(item, "LUTData")
    if len(values) < count:
        return None
    return (np.array(values[:count]).astype(np.int64) & 0xFFFF).astype(np.uint16)


def _words(raw: bytes, *, big_endian: bool) -> list[Any]:
    words: list[Any] = np.frombuffer(raw[: len(raw) // 2 * 2], ">u2" if big_endian else "<u2").tolist()
    return words


def _is_big_endian(item: Dataset) -> bool:
    little = item.original_encoding[1]
    return (sys.byteorder == "big") if little is None else not little
