"""DIMSE requests and responses, PS3.7 9.1 and 9.3; values are read raw, so that no library judges or quotes them."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pynetdicom.dimse_messages import C_ECHO_RSP, C_STORE_RSP
from pynetdicom.dimse_primitives import C_ECHO, C_STORE
from pynetdicom.pdu import P_DATA_TF

from cxr_desktop.pacs.receive.wire import violation

LONGEST_COMMAND: Final = 8 * 1024
"""Bytes of a command set; C-STORE's take some 300."""
NO_DATA_SET: Final = 0x0101
_UID: Final = re.compile(r"(?=.{1,64}$)[0-9]+(\.[0-9]+)*")
_COMMENT_LENGTH: Final = 64


class Command(IntEnum):
    """Command Field (0000,0100) of what is understood."""

    C_STORE_RQ = 0x0001
    C_ECHO_RQ = 0x0030
    C_CANCEL_RQ = 0x0FFF


@dataclass(frozen=True, slots=True)
class Message:
    """A request's command set.

    Attributes
    ----------
    command
        What is wanted.
    number
        Message ID.
    has_data
        Whether a data set follows.
    sop_class, sop_instance
        Affected SOP Class and Instance UID; empty where absent or no UID.
    """

    command: Command
    number: int
    has_data: bool
    sop_class: str
    sop_instance: str


def read_message(encoded: bytes) -> Message:
    """Decode a command set, Implicit VR Little Endian.

    Raises
    ------
    Ended
        It is none, or of a command that is not offered.
    """
    try:
        found = read_dataset(io.BytesIO(encoded), is_implicit_VR=True, is_little_endian=True)
        command = Command(_number(found, 0x00000100))
        number, kind = _number(found, 0x00000110), _number(found, 0x00000800)
    except Exception as error:  # hostile bytes make the reader raise anything
        raise violation() from error
    return Message(command, number, kind != NO_DATA_SET, uid_of(found, 0x00000002), uid_of(found, 0x00001000))


def raw_of(dataset: Dataset, tag: int) -> bytes:
    """Bytes of an element's value as they were read, empty where there are none."""
    element = dataset.get_item(tag)
    value = element.value if isinstance(element, RawDataElement) else b""
    return value if isinstance(value, bytes) else b""


def uid_of(dataset: Dataset, tag: int) -> str:
    """Give a UID (PS3.5 9.1), empty where the value is absent or is not numbers and dots, 64 at most."""
    value = raw_of(dataset, tag).rstrip(b"\0 ").decode("latin-1")
    return value if _UID.fullmatch(value) else ""


def echo_response(message: Message, *, context: int, longest: int) -> Iterator[bytes]:
    """P-DATA-TF PDUs of a C-ECHO-RSP of success, each within the `longest` that the peer takes."""
    answer = C_ECHO()
    answer.MessageIDBeingRespondedTo = message.number
    answer.AffectedSOPClassUID = message.sop_class or None
    answer.Status = 0
    encoded = C_ECHO_RSP()
    encoded.primitive_to_message(answer)
    return _pdus(encoded, context, longest)


def store_response(message: Message, status: int, comment: str = "", *, context: int, longest: int) -> Iterator[bytes]:
    """P-DATA-TF PDUs of a C-STORE-RSP with a status and, in failure, an Error Comment (0000,0902)."""
    answer = C_STORE()
    answer.MessageIDBeingRespondedTo = message.number
    answer.AffectedSOPClassUID = message.sop_class or None
    answer.AffectedSOPInstanceUID = message.sop_instance or None
    answer.Status = status
    encoded = C_STORE_RSP()
    encoded.primitive_to_message(answer)
    if comment:
        encoded.command_set.ErrorComment = comment[:_COMMENT_LENGTH]
        encoded._set_command_group_length()  # noqa: SLF001  (pynetdicom sets it before a comment can be added)
    return _pdus(encoded, context, longest)


def _pdus(encoded: C_ECHO_RSP | C_STORE_RSP, context: int, longest: int) -> Iterator[bytes]:
    for primitive in encoded.encode_msg(context, longest):
        pdu = P_DATA_TF()
        pdu.from_primitive(primitive)
        yield pdu.encode()


def _number(dataset: Dataset, tag: int) -> int:
    value = raw_of(dataset, tag)
    if len(value) != 2:
        raise ValueError("no unsigned short")
    return int.from_bytes(value, "little")
