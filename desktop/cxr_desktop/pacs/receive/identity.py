"""Which object an encoded data set is, by its first bytes alone.

Group 0008 is the first of a data set and its UIDs stand near its beginning, so a few kilobytes say it, deflated or
not: neither a bomb nor a header of a million elements costs anything here. Whether it is a film at all, triage finds
out in a process of its own.
"""

from __future__ import annotations

import io
import zlib
from typing import Final

from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from cxr_desktop.pacs.receive.messages import uid_of

HEAD_BYTES: Final = 16 * 1024
"""So many first bytes of a data set are looked at."""
_SOP_CLASS: Final = 0x00080016
_SOP_INSTANCE: Final = 0x00080018


class NoIdentity(Exception):
    """The bytes are no data set that begins with its SOP Class and Instance UID."""


def read_identity(head: bytes, syntax: UID) -> tuple[str, str]:
    """SOP Class UID and SOP Instance UID of a data set.

    Parameters
    ----------
    head
        Its first `HEAD_BYTES`, or all of it.
    syntax
        Transfer syntax that it is encoded in.

    Raises
    ------
    NoIdentity
        It has none there.
    """
    try:
        if syntax == DeflatedExplicitVRLittleEndian:
            head = zlib.decompressobj(-zlib.MAX_WBITS).decompress(head, HEAD_BYTES)
        found = read_dataset(
            io.BytesIO(head),
            is_implicit_VR=syntax == ImplicitVRLittleEndian,
            is_little_endian=syntax != ExplicitVRBigEndian,
            stop_when=_after,
        )
        identity = uid_of(found, _SOP_CLASS), uid_of(found, _SOP_INSTANCE)
    except Exception as error:  # hostile bytes make the reader raise anything
        raise NoIdentity from error
    if not all(identity):
        raise NoIdentity
    return identity


def _after(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return int(tag) > _SOP_INSTANCE
