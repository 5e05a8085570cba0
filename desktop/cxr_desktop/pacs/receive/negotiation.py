"""What is asked in an A-ASSOCIATE-RQ and answered, PS3.8 7.1 and 9.3.2 to 9.3.4; codecs and rules are pynetdicom's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydicom import uid
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
)
from pynetdicom.presentation import PresentationContext, build_context, negotiate_as_acceptor

from cxr_desktop.implementation import IMPLEMENTATION_NAME, IMPLEMENTATION_UID
from cxr_desktop.pacs.config import ReceiveConfig
from cxr_desktop.pacs.receive.events import CallRefusal
from cxr_desktop.pacs.receive.wire import LONGEST_PDU, Abort, Pdu, violation
from cxr_shared.film.decode import SYNTAXES

VERIFICATION: Final = "1.2.840.10008.1.1"
"""SOP class of C-ECHO."""
FILM_CLASSES: Final = (
    uid.ComputedRadiographyImageStorage,
    uid.DigitalXRayImageStorageForPresentation,
    uid.SecondaryCaptureImageStorage,
)
"""What `cxr_shared.film.acceptance` can accept; a DX image for processing it never does."""
_FIRST: Final = (
    uid.ExplicitVRLittleEndian,
    uid.ImplicitVRLittleEndian,
    uid.DeflatedExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.JPEGLosslessSV1,
    uid.JPEGLossless,
    uid.JPEGLSLossless,
    uid.JPEG2000Lossless,
    uid.HTJ2KLossless,
    uid.HTJ2KLosslessRPCL,
    uid.RLELossless,
)
"""Preferred in this order: nobody is to compress lossily because it was asked to."""
_CONTEXT_NAME: Final = "1.2.840.10008.3.1.1.1"
_TITLE: Final = re.compile(r"[\x20-\x5b\x5d-\x7e]{1,16}")
_LEAST_LENGTH: Final = 128
_NO_LIMIT: Final = 0
_REJECTIONS: Final[Mapping[CallRefusal, tuple[int, int, int]]] = {
    CallRefusal.VERSION: (1, 2, 2),
    CallRefusal.CONTEXT_NAME: (1, 1, 2),
    CallRefusal.CALLING_TITLE: (1, 1, 3),
    CallRefusal.CALLED_TITLE: (1, 1, 7),
    CallRefusal.ASSOCIATIONS: (2, 3, 2),
    CallRefusal.ASSOCIATIONS_PER_ADDRESS: (2, 3, 2),
    CallRefusal.CONNECTIONS: (2, 3, 2),
}
"""Result, source and reason of PS3.8 table 9-21: 1 permanent, 2 transient."""


@dataclass(frozen=True, slots=True)
class Request:
    """An A-ASSOCIATE-RQ.

    Attributes
    ----------
    calling, called
        AE titles without padding.
    version
        Bits of the protocol versions that the caller speaks.
    longest
        PDU that the caller takes, in bytes after its length field; 0 is without a bound.
    primitive
        All of it.
    """

    calling: str
    called: str
    version: int
    longest: int
    primitive: A_ASSOCIATE


@dataclass(frozen=True, slots=True)
class Context:
    """An accepted presentation context: abstract syntax (a SOP class) and transfer syntax."""

    sop_class: uid.UID
    syntax: uid.UID


def supported_contexts() -> list[PresentationContext]:
    """Give what is accepted: verification, and chest films in every syntax that is decoded."""
    syntaxes: list[str | uid.UID] = [*_FIRST, *sorted(SYNTAXES - set(_FIRST))]
    return [build_context(VERIFICATION, syntaxes[:4]), *(build_context(each, syntaxes) for each in FILM_CLASSES)]


def read_request(body: memoryview) -> Request:
    """Decode an A-ASSOCIATE-RQ.

    Parameters
    ----------
    body
        What follows its length field.

    Raises
    ------
    Ended
        It is none.
    """
    whole = bytes([Pdu.ASSOCIATE_RQ, 0]) + len(body).to_bytes(4, "big") + bytes(body)
    pdu = A_ASSOCIATE_RQ()
    try:
        pdu.decode(whole)
        primitive = pdu.to_primitive()
        longest = primitive.maximum_length_received
    except Exception as error:  # hostile bytes make the decoders raise anything, failed assertions too
        raise violation() from error
    longest = _NO_LIMIT if longest is None else int(longest)
    if longest != _NO_LIMIT and longest < _LEAST_LENGTH:
        raise violation()  # an answer would be sent byte by byte
    calling, called = (str(title).strip() for title in (pdu.calling_ae_title, pdu.called_ae_title))
    return Request(calling, called, int(pdu.protocol_version), longest, primitive)


def refusal_of(request: Request, config: ReceiveConfig) -> CallRefusal | None:
    """Why a request is refused whoever else is there, or None."""
    if not request.version & 1:
        return CallRefusal.VERSION
    if request.primitive.application_context_name != _CONTEXT_NAME:
        return CallRefusal.CONTEXT_NAME
    if request.called != config.ae_title:
        return CallRefusal.CALLED_TITLE
    known = not config.calling_titles or request.calling in config.calling_titles
    return None if known and _TITLE.fullmatch(request.calling) else CallRefusal.CALLING_TITLE


def accept(request: Request, supported: list[PresentationContext]) -> tuple[bytes, dict[int, Context]]:
    """Answer a request.

    Returns
    -------
    (bytes, dict)
        The A-ASSOCIATE-AC, and the accepted contexts by their number.
    """
    try:
        asked = request.primitive.presentation_context_definition_list
        results, _ = negotiate_as_acceptor(asked, supported)
        answer = A_ASSOCIATE()
        answer.application_context_name = uid.UID(_CONTEXT_NAME)
        answer.calling_ae_title, answer.called_ae_title = request.calling, request.called
        answer.result, answer.result_source = 0, 1
        answer.presentation_context_definition_results_list = results
        answer.user_information = _ourselves()
        encoded = A_ASSOCIATE_AC(answer).encode()
    except Exception as error:  # the same for what the decoders let pass
        raise violation() from error
    return encoded, {
        each.context_id: Context(each.abstract_syntax, each.transfer_syntax[0])
        for each in results
        if each.result == 0 and each.context_id is not None and each.abstract_syntax is not None
    }


def rejection(reason: CallRefusal) -> bytes:
    """Give the A-ASSOCIATE-RJ for a reason; those that pass with time are transient."""
    return bytes([Pdu.ASSOCIATE_RJ, 0, 0, 0, 0, 4, 0, *_REJECTIONS[reason]])


def abort(reason: Abort) -> bytes:
    """Give the A-ABORT of the service provider."""
    return bytes([Pdu.ABORT, 0, 0, 0, 0, 4, 0, 0, 2, reason])


RELEASED: Final = bytes([Pdu.RELEASE_RP, 0, 0, 0, 0, 4, 0, 0, 0, 0])
"""A-RELEASE-RP."""


def _ourselves() -> list[Any]:
    longest, name, version = (
        MaximumLengthNotification(),
        ImplementationClassUIDNotification(),
        ImplementationVersionNameNotification(),
    )
    longest.maximum_length_received = LONGEST_PDU
    name.implementation_class_uid = uid.UID(IMPLEMENTATION_UID)
    version.implementation_version_name = IMPLEMENTATION_NAME
    return [longest, name, version]
