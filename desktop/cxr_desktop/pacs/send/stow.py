"""Sending by STOW-RS (PS3.18 10.5), and asking by QIDO-RS (10.6) and for metadata (10.4)."""

from __future__ import annotations

import io
import logging
import ssl
from collections.abc import Generator, Iterator, Sequence
from typing import Any, Final

import requests
from dicomweb_client import DICOMwebClient
from pydicom import dcmread
from pydicom.dataset import Dataset
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from cxr_desktop.pacs.config import WebPeer
from cxr_desktop.pacs.credentials import close_session, web_session
from cxr_desktop.pacs.errors import PeerRefused, PeerUnreachable
from cxr_desktop.pacs.send.destination import BeforeSending, outcome_of
from cxr_desktop.pacs.send.entries import Outcome, Outgoing, State

for _name in ("dicomweb_client", "urllib3", "requests"):
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)  # their records hold what is asked for and answered

_JSON: Final = "application/dicom+json"
_ONE_PIECE: Final = 1 << 40
"""Bytes from which the client would use chunked transfer encoding, which not every server takes."""
_ANSWER_BYTES: Final = 1 << 23

_CREDENTIALS: Final = (401, 403, 407)
_NO_SERVICE: Final = (404, 405, 501)
_BUSY: Final = (429, 503)
_UNCLEAR: Final = "the peer's answer cannot be understood"
_NO_ANSWER: Final = "the connection broke before the peer answered"
_NOT_SENT: Final = (NewConnectionError, ConnectTimeoutError, ssl.SSLCertVerificationError)


class WebDestination:
    """An archive that takes STOW-RS: one object a request, over one connection.

    One object a request, so that an answer, or none, is about that object alone, and no limit for a whole request is
    met. The client's own repeating is off: it would send again what may have been stored.

    Parameters
    ----------
    name
        What the peer is called in messages.
    peer
        From the network file.

    Raises
    ------
    PeerUnreachable
        A file that the network file names, such as the token's, cannot be read.
    """

    def __init__(self, name: str, peer: WebPeer) -> None:
        self._name = name
        self._session = web_session(peer)
        self._session.headers["Accept"] = _JSON
        self._client = DICOMwebClient(
            peer.url.rstrip("/"),
            session=self._session,
            callback=_bounded,
            chunk_size=_ONE_PIECE,
            timeout=peer.timeout_seconds,
        )
        self._client.set_http_retry_params(retry=False)

    def send(self, objects: Sequence[Outgoing], before: BeforeSending) -> Generator[Outcome, None, None]:
        """See `Destination.send`."""
        for each in objects:
            dataset = dcmread(each.path)
            before(each)
            yield self._store(dataset, each)

    def _store(self, dataset: Dataset, each: Outgoing) -> Outcome:
        try:
            answer = self._client.store_instances([dataset])
        except requests.HTTPError as error:
            if error.response is None:
                return Outcome(each.number, State.UNCONFIRMED, _UNCLEAR)
            return self._refusal(each, error.response)
        except requests.TooManyRedirects as error:
            raise PeerRefused(
                f"The peer {self._name!r} sends elsewhere, where nothing is sent after it. Correct its url."
            ) from error
        except requests.RequestException as error:
            if any(isinstance(cause, _NOT_SENT) for cause in _causes(error)):
                raise PeerUnreachable(
                    f"The peer {self._name!r} cannot be reached over DICOMweb. See whether it runs and whether the "
                    "network file has its url and authorities right."
                ) from error
            return Outcome(each.number, State.UNCONFIRMED, _NO_ANSWER)
        except Exception:  # noqa: BLE001  (a hostile answer can make a parser raise anything)
            return Outcome(each.number, State.UNCONFIRMED, _UNCLEAR)
        return _said(answer, each) or Outcome(each.number, State.UNCONFIRMED, "the peer's answer leaves it out")

    def _refusal(self, each: Outgoing, response: requests.Response) -> Outcome:
        code = response.status_code
        if code in _CREDENTIALS:
            raise PeerRefused(f"The peer {self._name!r} wants other credentials (HTTP {code}). Correct them.")
        if code in _NO_SERVICE:
            raise PeerRefused(f"The peer {self._name!r} offers no STOW-RS at its url (HTTP {code}). Correct it.")
        if code in _BUSY:
            raise PeerRefused(f"The peer {self._name!r} is busy (HTTP {code}). It is tried again.")
        if code >= 500 or code == 408:  # a server, or a gateway before it, that failed may have stored it first
            return Outcome(each.number, State.UNCONFIRMED, f"HTTP {code}: the peer failed while it took the object")
        try:
            said = _said(Dataset.from_json(response.json()), each)
        except Exception:  # noqa: BLE001  (as above)
            said = None
        return said or Outcome(each.number, State.REFUSED, f"HTTP {code}: the peer does not take the object")

    def holds(self, each: Outgoing) -> bool | None:
        """See `Destination.holds`. Only an answered search says no: a server without one may answer 404 to all."""
        try:
            found = dcmread(each.path, stop_before_pixels=True, specific_tags=["StudyInstanceUID", "SeriesInstanceUID"])
            study, series = str(found.StudyInstanceUID), str(found.SeriesInstanceUID)
        except Exception:  # noqa: BLE001  (a damaged file of our own)
            return None
        searched = self._search(study, each.uid)
        return True if searched or self._described(study, series, each.uid) else searched

    def _search(self, study: str, uid: str) -> bool | None:
        try:
            answers = self._client.search_for_instances(study, search_filters={"SOPInstanceUID": uid})
            return any(Dataset.from_json(answer).get("SOPInstanceUID") == uid for answer in answers)
        except Exception:  # noqa: BLE001  (as above)
            return None

    def _described(self, study: str, series: str, uid: str) -> bool:
        try:
            answer: Any = self._client.retrieve_instance_metadata(study, series, uid)
            first = answer[0] if isinstance(answer, list) else answer
            return bool(Dataset.from_json(first).SOPInstanceUID == uid)
        except Exception:  # noqa: BLE001  (as above)
            return False

    def abort(self) -> None:
        """See `Destination.abort`; a request that waits for its answer ends with the peer's timeout."""
        close_session(self._session)

    def close(self) -> None:
        """See `Destination.close`."""
        close_session(self._session)


def _bounded(response: requests.Response, *_: object, **__: object) -> requests.Response:
    """Read no more of an answer than one can sensibly hold."""
    body = bytearray()
    for piece in response.iter_content(1 << 16):
        body += piece
        if len(body) > _ANSWER_BYTES:
            response.close()
            raise requests.exceptions.ContentDecodingError("the answer is too long")
    if not body and response.status_code == requests.codes.ok and response.request.method == "GET":
        raise requests.exceptions.ContentDecodingError("the answer is empty")  # *nothing found* is 204, or a list
    read = requests.Response()
    read.status_code, read.headers, read.encoding = response.status_code, response.headers, response.encoding
    read.url, read.request, read.raw = response.url, response.request, io.BytesIO(bytes(body))
    return read


def _said(answer: Dataset, each: Outgoing) -> Outcome | None:
    """What the answer of STOW-RS (PS3.18 I.2) says of an object; None where it does not speak of it."""
    for item in answer.get("ReferencedSOPSequence") or ():
        if item.get("ReferencedSOPInstanceUID") == each.uid:
            return outcome_of(each.number, int(item.get("WarningReason") or 0))
    for item in answer.get("FailedSOPSequence") or ():
        if item.get("ReferencedSOPInstanceUID") == each.uid and item.get("FailureReason") is not None:
            return outcome_of(each.number, int(item.FailureReason))
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and all that lies behind it; urllib3 keeps some in `reason`, requests in its arguments."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        each = waiting.pop()
        if isinstance(each, BaseException) and id(each) not in seen:
            seen.add(id(each))
            yield each
            reason = getattr(each, "reason", None)
            waiting += [each.__cause__, each.__context__, *each.args, reason]
