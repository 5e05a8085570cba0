"""Whether a file was written to its end, told cheaply by the mark that its kind ends with."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO, Final

from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from cxr_shared.film.codestream import JPEG_SIGNATURE, PNG_SIGNATURE
from cxr_shared.film.header import Header, is_dicom, read_header

_HEAD_BYTES: Final = 132
_TRAILER_BYTES: Final = 1024
_ZIP_SIGNATURE: Final = b"PK\x03\x04"
_ZIP_END: Final = b"PK\x05\x06"
_ZIP_END_BYTES: Final = 2**16 + 22
_PNG_END: Final = b"\0\0\0\0IEND\xae\x42\x60\x82"
_JPEG_END: Final = b"\xff\xd9"
_SEQUENCE_END: Final = (b"\xfe\xff\xdd\xe0", b"\xff\xfe\xe0\xdd")
_PIXEL_DATA: Final = (0x7FE0, 0x0010)
_UNDEFINED: Final = 0xFFFFFFFF


def is_complete(path: Path) -> bool:
    """Whether a film or ZIP was written to its end; True for a file of another kind that is not empty.

    A damaged file may never be complete by this: whoever waits for one should not wait for ever. No file raises.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
            if head.startswith(PNG_SIGNATURE):
                return _PNG_END in _tail(stream, _TRAILER_BYTES)
            if head.startswith(JPEG_SIGNATURE):
                return _JPEG_END in _tail(stream, _TRAILER_BYTES)
            if head.startswith(_ZIP_SIGNATURE):
                return _ZIP_END in _tail(stream, _ZIP_END_BYTES)
            return _dicom_ends(stream) if is_dicom(head) else bool(head)
    except Exception:  # noqa: BLE001  (a hostile file can make a parser raise anything)
        return False


def _tail(stream: BinaryIO, length: int) -> bytes:
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - length))
    return stream.read(length)


def _dicom_ends(stream: BinaryIO) -> bool:
    """Whether the pixel data is there to its last byte; a set without pixel data is no film and never is."""
    stream.seek(0)
    # Inflating a whole data set belongs into a decoding process; such a file only has to come to rest.
    if DeflatedExplicitVRLittleEndian.encode() in stream.read(2**12):
        return True
    stream.seek(0)
    header = read_header(stream)
    length, start = _pixel_data(header)
    if length == _UNDEFINED:
        return any(end in _tail(stream, _TRAILER_BYTES) for end in _SEQUENCE_END)
    return stream.seek(0, os.SEEK_END) >= start + length


def _pixel_data(header: Header) -> tuple[int, int]:
    """Length of the first element of group 7FE0 and where its value begins, PS3.5 section 7.1."""
    order = ">" if header.transfer_syntax == ExplicitVRBigEndian else "<"
    header.stream.seek(header.offset)
    element = header.stream.read(12)
    if struct.unpack_from(f"{order}HH", element) != _PIXEL_DATA:
        return _UNDEFINED, header.offset  # offset tables stand before encapsulated pixel data
    if header.transfer_syntax == ImplicitVRLittleEndian:
        return struct.unpack_from(f"{order}I", element, 4)[0], header.offset + 8
    return struct.unpack_from(f"{order}I", element, 8)[0], header.offset + 12
