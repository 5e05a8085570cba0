"""What a compressed image declares about itself, read from its header without decoding.

Formats: PNG (ISO/IEC 15948), JPEG (ITU-T T.81), JPEG-LS (T.87), JPEG 2000 and HTJ2K (T.800, T.814).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
JPEG_SIGNATURE: Final = b"\xff\xd8\xff"
_JP2_SIGNATURE: Final = b"\x00\x00\x00\x0cjP  "
_J2K_START: Final = b"\xff\x4f\xff\x51"

_PNG_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_JPEG_STANDALONE: Final = frozenset({0x01, *range(0xD0, 0xD9)})
_JPEG_NOT_FRAMES: Final = frozenset({0xC4, 0xC8, 0xCC})  # DHT, JPG, DAC
_JPEG_LS_FRAME: Final = 0xF7
_JPEG_ENDS: Final = frozenset({0xD9, 0xDA})


@dataclass(frozen=True, slots=True)
class Declared:
    """Size, channels and bits a sample that a codestream declares."""

    rows: int
    columns: int
    channels: int
    bits: int


def png_declares(data: bytes) -> Declared | None:
    """Read IHDR from at least the first 26 bytes of a PNG; None where it is damaged."""
    if len(data) < 26 or data[12:16] != b"IHDR":
        return None
    columns, rows, bits, colour = struct.unpack(">IIBB", data[16:26])
    channels = _PNG_CHANNELS.get(colour)
    return Declared(rows, columns, channels, bits) if channels else None


def jpeg_declares(data: bytes) -> Declared | None:
    """Read the frame header (SOF) of a JPEG or JPEG-LS stream; None where there is none before the scan."""
    position = 2
    while position + 4 <= len(data):
        if data[position] != 0xFF:
            return None
        marker = data[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
        elif marker in _JPEG_STANDALONE:
            position += 2
        elif marker in _JPEG_ENDS:
            return None
        elif (0xC0 <= marker <= 0xCF and marker not in _JPEG_NOT_FRAMES) or marker == _JPEG_LS_FRAME:
            return _jpeg_frame(data[position + 4 : position + 10])
        else:
            position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return None


def _jpeg_frame(header: bytes) -> Declared | None:
    if len(header) < 6:
        return None
    bits, rows, columns, channels = struct.unpack(">BHHB", header)
    return Declared(rows, columns, channels, bits)


def j2k_declares(data: bytes) -> Declared | None:
    """Read the SIZ segment of a JPEG 2000 codestream, bare or in a JP2 file; None where there is none."""
    start = _jp2_codestream(data) if data.startswith(_JP2_SIGNATURE) else 0
    header = data[start : start + 43]
    if len(header) < 43 or not header.startswith(_J2K_START):
        return None
    right, bottom, left, top = struct.unpack(">IIII", header[8:24])
    channels, depth = struct.unpack(">HB", header[40:43])
    return Declared(bottom - top, right - left, channels, (depth & 0x7F) + 1)


def _jp2_codestream(data: bytes) -> int:
    """Offset of the codestream box's content, T.800 annex I; the data's end where there is none."""
    position = 0
    while position + 8 <= len(data):
        length, kind = struct.unpack(">I4s", data[position : position + 8])
        header = 8
        if length == 1 and position + 16 <= len(data):
            length, header = int.from_bytes(data[position + 8 : position + 16], "big"), 16
        if kind == b"jp2c":
            return position + header
        if length < header:
            break
        position += length
    return len(data)
