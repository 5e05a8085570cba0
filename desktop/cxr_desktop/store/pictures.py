"""Heat maps and thumbnails as bytes with a checksum."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from cxr_desktop.store.errors import RecordDamaged
from cxr_shared.files import sha256_bytes
from cxr_shared.findings import Target
from cxr_shared.heat_map import FloatMap

Shapes = Mapping[Target, tuple[int, ...]]
"""Shape of each target's map, in the order in which they are packed."""

_FLOAT: Final = np.dtype("<f4")


def pack_maps(maps: Mapping[Target, FloatMap]) -> bytes:
    """Compress maps, (h, w) float32 each, one after the other.

    Equal bytes of neighbouring numbers, signs and exponents, stand together first, which compresses better.
    """
    values = [np.ascontiguousarray(each, dtype=_FLOAT).reshape(-1) for each in maps.values()]
    whole = np.concatenate(values) if values else np.empty(0, _FLOAT)
    return zlib.compress(whole.view(np.uint8).reshape(-1, _FLOAT.itemsize).T.tobytes())


def unpack_maps(data: bytes, shapes: Shapes) -> dict[Target, FloatMap]:
    """Undo `pack_maps`; ValueError or zlib.error where `data` does not fit `shapes`."""
    planes = np.frombuffer(zlib.decompress(data), np.uint8).reshape(_FLOAT.itemsize, -1)
    whole = np.ascontiguousarray(planes.T).view(_FLOAT).reshape(-1)
    ends = np.cumsum([math.prod(shape) for shape in shapes.values()], dtype=int)
    if whole.size != (ends[-1] if len(ends) else 0):
        raise ValueError("another size than the maps'")
    parts = np.split(whole, ends[:-1])
    return {
        target: np.array(part.reshape(shape), np.float32)
        for (target, shape), part in zip(shapes.items(), parts, strict=len(ends) > 0)
    }


def pack_thumbnail(image: npt.NDArray[np.uint8]) -> bytes:
    """Compress (h, w) uint8."""
    return zlib.compress(np.ascontiguousarray(image, np.uint8).tobytes())


def unpack_thumbnail(data: bytes | None, form: Sequence[Any]) -> npt.NDArray[np.uint8] | None:
    """Undo `pack_thumbnail`; `form` is its shape and checksum. None where it is lost or damaged: films go without."""
    rows, columns, checksum = form
    if data is None or sha256_bytes(data) != checksum:
        return None
    return np.frombuffer(zlib.decompress(data), np.uint8).reshape(rows, columns).copy()


def read_maps(read: Callable[[], bytes | None], shapes: Shapes, checksum: str) -> dict[Target, FloatMap]:
    """Read packed maps; `RecordDamaged` where they are gone or do not fit their checksum."""
    data = read()
    try:
        if data is not None and sha256_bytes(data) == checksum:
            return unpack_maps(data, shapes)
    except (ValueError, zlib.error):
        pass
    raise RecordDamaged("The heat maps kept of this film are damaged. Score the film again to have them anew.")
