"""The attributes of a DICOM file before its pixel data, read within bounds, DICOM PS3.10 and PS3.5.

The pixel data is read only after the header was accepted, so refusing a large CT series costs little.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from typing import BinaryIO, Final

from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)
from pydicom.valuerep import VR

from cxr_shared.film.film import RefusalKind
from cxr_shared.film.limits import MAX_FILE_BYTES, MAX_HEADER_BYTES, check_bytes
from cxr_shared.film.refusals import FilmRefusedError, undecodable
from cxr_shared.film.tags import text, value_of

_PREFIX_BYTES: Final = 132
_PIXEL_GROUP: Final = 0x7FE00000
_PIXEL_DATA: Final = 0x7FE00010
_FIRST_GROUPS: Final = (0x0002, 0x0008)
_VRS: Final = frozenset(vr.value.encode() for vr in VR if len(vr.value) == 2)


@dataclass(frozen=True, slots=True)
class Header:
    """A data set up to its pixel data, and where to go on reading.

    Attributes
    ----------
    dataset
        The attributes before the pixel data.
    transfer_syntax
        As the file declares it, or as its first bytes tell where it does not.
    stream, offset
        The data set's bytes and the position of the first element of group 7FE0 in them.
    """

    dataset: Dataset
    transfer_syntax: UID
    stream: BinaryIO
    offset: int


@dataclass(frozen=True, slots=True)
class PixelElement:
    """Pixel Data (7FE0,0010) as stored: raw samples, or encapsulated fragments."""

    value: bytes
    vr: str


def is_dicom(head: bytes) -> bool:
    """Whether a file's first 132 bytes are those of a DICOM file, with or without the preamble."""
    return head[128:_PREFIX_BYTES] == b"DICM" or _begins_with_element(head)


def read_header(stream: BinaryIO) -> Header:
    """Read the file meta information and the attributes before the pixel data.

    Raises
    ------
    FilmRefusedError
        TOO_LARGE, NOT_AN_IMAGE where there is no pixel data, UNDECODABLE where a deflated set is damaged.
    """
    prefix = stream.read(_PREFIX_BYTES)
    stream.seek(_PREFIX_BYTES if prefix[128:] == b"DICM" else 0)
    start = stream.tell()
    meta_bytes = io.BytesIO(stream.read(MAX_HEADER_BYTES))
    meta = read_dataset(meta_bytes, False, True, stop_when=_after_meta)  # noqa: FBT003  (pydicom's order)
    _refuse_dicomdir(meta)
    stream.seek(start + meta_bytes.tell())
    syntax = UID(text(meta, "TransferSyntaxUID")) or _guess_syntax(stream)
    body = _inflated(stream) if syntax == DeflatedExplicitVRLittleEndian else stream
    return _read_attributes(body, syntax)


def read_pixels(header: Header) -> PixelElement:
    """Read Pixel Data (7FE0,0010) of an accepted header.

    Raises
    ------
    FilmRefusedError
        NOT_AN_IMAGE where it holds floating point numbers, UNDECODABLE where the file ends within it.
    """
    header.stream.seek(header.offset)
    implicit, little = _encoding(header.transfer_syntax)
    pixels = read_dataset(header.stream, implicit, little, stop_when=_after_pixels)
    if "FloatPixelData" in pixels or "DoubleFloatPixelData" in pixels:
        raise _no_image()
    value = value_of(pixels, "PixelData")
    if not isinstance(value, bytes) or not value:
        raise undecodable(header.transfer_syntax, "could not be decoded: the file is incomplete")
    return PixelElement(value, str(pixels["PixelData"].VR))


def _read_attributes(body: BinaryIO, syntax: UID) -> Header:
    start = body.tell()
    head = io.BytesIO(body.read(MAX_HEADER_BYTES))
    implicit, little = _encoding(syntax)
    found = False

    def at_pixels(tag: BaseTag, _vr: str | None, _length: int) -> bool:
        nonlocal found
        found = found or int(tag) >= _PIXEL_GROUP
        return found

    dataset = read_dataset(head, implicit, little, stop_when=at_pixels)
    if not found:
        raise _no_image() if len(head.getbuffer()) < MAX_HEADER_BYTES else _long_header()
    return Header(dataset, syntax, body, start + head.tell())


def _after_meta(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return int(tag) >> 16 != 0x0002


def _after_pixels(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return int(tag) > _PIXEL_DATA


def _encoding(syntax: UID) -> tuple[bool, bool]:
    """Whether VRs are implicit and numbers little endian."""
    return syntax == ImplicitVRLittleEndian, syntax != ExplicitVRBigEndian


def _guess_syntax(stream: BinaryIO) -> UID:
    """Tell the encoding of a data set without file meta information from its first element."""
    first = stream.read(6)
    stream.seek(-len(first), io.SEEK_CUR)
    if first[4:6] not in _VRS:
        return ImplicitVRLittleEndian
    return ExplicitVRBigEndian if first[0] == 0 else ExplicitVRLittleEndian


def _begins_with_element(head: bytes) -> bool:
    """Whether the first eight bytes are an element of the groups that a data set begins with."""
    if len(head) < 8:
        return False
    little, big = struct.unpack("<H", head[:2])[0], struct.unpack(">H", head[:2])[0]
    if head[4:6] in _VRS:
        return little in _FIRST_GROUPS or big in _FIRST_GROUPS
    length: int = struct.unpack("<I", head[4:8])[0]
    return little in _FIRST_GROUPS and length <= 64


def _inflated(stream: BinaryIO) -> BinaryIO:
    """Inflate a deflated data set, PS3.5 A.5, up to the limit of a file."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data = inflater.decompress(stream.read(), MAX_FILE_BYTES + 1)
    except zlib.error as error:
        raise FilmRefusedError(
            RefusalKind.UNDECODABLE,
            f"The data set ({DeflatedExplicitVRLittleEndian.name}) is damaged. Export or copy it again.",
        ) from error
    check_bytes(len(data), what="The data set, inflated,")
    return io.BytesIO(data)


def _refuse_dicomdir(meta: Dataset) -> None:
    if text(meta, "MediaStorageSOPClassUID") == "1.2.840.10008.1.3.10":
        raise FilmRefusedError(
            RefusalKind.NOT_AN_IMAGE,
            "This is a DICOMDIR, the index of a disc. Open the folder of films beside it instead.",
        )


def _no_image() -> FilmRefusedError:
    return FilmRefusedError(
        RefusalKind.NOT_AN_IMAGE,
        "This DICOM file holds no pixel data. Choose the film, not its report.",
    )


def _long_header() -> FilmRefusedError:
    return FilmRefusedError(
        RefusalKind.TOO_LARGE,
        f"The attributes before the pixel data exceed {MAX_HEADER_BYTES / 2**20:.0f} MiB, "
        "so this is no usual film. Export it again without private attributes.",
    )
