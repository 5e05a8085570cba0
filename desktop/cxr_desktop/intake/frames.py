"""What passes between the desktop and a decoding process: a JSON header and plain arrays.

No pickle: the process reads files from anywhere, and nothing that it answers may run code here.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from typing import IO, Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
Frame: TypeAlias = tuple[dict[str, Any], dict[str, Array]]

_LENGTH = struct.Struct("<I")
_DTYPES: Final = ("uint8", "uint16")
_LARGEST_HEADER: Final = 2**24
_LARGEST_ARRAY: Final = 2**30


class BrokenFrameError(EOFError):
    """The other side went away or sent something else."""


def write_frame(stream: IO[bytes], header: Mapping[str, Any], arrays: Mapping[str, Array] | None = None) -> None:
    """Send `header` (JSON) and named uint8 or uint16 arrays of any shape."""
    arrays = arrays or {}
    shapes = {name: [str(array.dtype), *array.shape] for name, array in arrays.items()}
    text = json.dumps({"header": dict(header), "arrays": shapes}).encode()
    stream.write(_LENGTH.pack(len(text)))
    stream.write(text)
    for array in arrays.values():
        stream.write(np.ascontiguousarray(array).data)
    stream.flush()


def read_frame(stream: IO[bytes]) -> Frame:
    """Receive what `write_frame` sent.

    Raises
    ------
    BrokenFrameError
        The stream ended, or held no frame.
    """
    (length,) = _LENGTH.unpack(_exactly(stream, _LENGTH.size))
    if length > _LARGEST_HEADER:
        raise BrokenFrameError("no frame")
    try:
        text = json.loads(_exactly(stream, length))
        header, shapes = dict(text["header"]), dict(text["arrays"])
    except (ValueError, TypeError, KeyError) as error:
        raise BrokenFrameError("no frame") from error
    return header, {name: _read_array(stream, spec) for name, spec in shapes.items()}


def _read_array(stream: IO[bytes], spec: list[Any]) -> Array:
    name, *shape = spec
    if name not in _DTYPES or not all(isinstance(side, int) and side >= 0 for side in shape):
        raise BrokenFrameError("no array")
    dtype = np.dtype(name)
    size = math.prod(shape) * dtype.itemsize
    if size > _LARGEST_ARRAY:
        raise BrokenFrameError("too large an array")
    array: Array = np.frombuffer(_exactly(stream, size), dtype).reshape(shape)
    return array


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise BrokenFrameError("ended")
    return data
