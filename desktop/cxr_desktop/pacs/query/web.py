"""An archive by DICOMweb: QIDO-RS and WADO-RS, PS3.18 10.6 and 10.4."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from pydicom.dataset import Dataset

from cxr_desktop.pacs.config import WebPeer
from cxr_desktop.pacs.errors import PeerRefused
from cxr_desktop.pacs.query.answers import Level, uid_in
from cxr_desktop.pacs.query.keeper import Keeper
from cxr_desktop.pacs.query.link import Finder, Stopped, never
from cxr_desktop.pacs.query.multipart import boundary_of, parts
from cxr_desktop.pacs.query.session import Conversation

_PAGE: Final = 5000
"""More than is asked for as a rule: Orthanc's plugin (1.7) gives nothing for an offset beside Modalities in Study."""
_ANSWER_BYTES: Final = 32 * 10**6
_CHUNK: Final = 1 << 18
_ACCEPT: Final = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_OWN: Final = {Level.STUDY: "StudyInstanceUID", Level.SERIES: "SeriesInstanceUID", Level.IMAGE: "SOPInstanceUID"}
_IN_PATH: Final = frozenset({"QueryRetrieveLevel", "SpecificCharacterSet", "StudyInstanceUID", "SeriesInstanceUID"})
_BAD_ANSWER: Final = (ValueError, TypeError, LookupError, AttributeError, NotImplementedError, RecursionError)


@dataclass(frozen=True, slots=True)
class WebLink:
    """The way to an archive that speaks DICOMweb.

    Attributes
    ----------
    peer, name
        The archive, and what a person calls it.
    """

    peer: WebPeer
    name: str

    def check(self) -> str:
        """Ask for one study."""
        with self._open(never, _ANSWER_BYTES) as conversation, _told(conversation):
            conversation.client.search_for_studies(limit=1)
        return f"{self.name} answered a question by QIDO-RS."

    @contextmanager
    def finding(self, stopped: Stopped) -> Iterator[Finder]:
        """Open a session for QIDO-RS."""
        with self._open(stopped, _ANSWER_BYTES) as conversation:
            yield _Finder(conversation)

    def retrieve(self, study_uid: str, series: tuple[str, ...], keeper: Keeper) -> None:
        """Get the series by WADO-RS, each object in the transfer syntax that the archive keeps it in."""
        from dicomweb_client.uri import URI

        with self._open(keeper.stopped, None) as conversation:
            for uid in series:
                if keeper.stopped():
                    return
                url = str(URI(self.peer.url.rstrip("/"), study_uid, uid))
                with _told(conversation), conversation.get(url, _ACCEPT) as response:
                    _keep_all(response, keeper)

    def _open(self, stopped: Stopped, body_bytes: int | None) -> Any:  # noqa: ANN401  (a context manager)
        return Conversation(self.peer, self.name, stopped=stopped, body_bytes=body_bytes).open()


class _Finder:
    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation

    def find(self, level: Level, keys: Dataset) -> Iterator[Dataset | None]:
        """Give answers page by page, until a page holds none that is new: not every archive minds the offset."""
        seen: set[str] = set()
        offset, partly = 0, False
        while not self._conversation.halted():
            page = self._page(level, keys, offset)
            fresh = False
            for answer in map(_read, page):
                uid = uid_in(answer, _OWN[level]) if answer is not None else ""
                if not uid or uid not in seen:
                    yield answer
                fresh = fresh or (bool(uid) and uid not in seen)
                seen.add(uid)
            if not fresh:
                break
            offset += len(page)
            partly = self._conversation.warned
        if partly and not self._conversation.halted():
            raise PeerRefused(f"{self._conversation.name} says that it gave a part of its answers. Narrow the search.")

    def _page(self, level: Level, keys: Dataset, offset: int) -> list[Any]:
        client: Any = self._conversation.client
        filters = {each.keyword: str(each.value) for each in keys if each.value and each.keyword not in _IN_PATH}
        fields = [each.keyword for each in keys if each.keyword not in _IN_PATH and not each.value]
        named: dict[str, Any] = {"limit": _PAGE, "offset": offset, "fields": fields, "search_filters": filters}
        with _told(self._conversation):
            if level is Level.STUDY:
                page = client.search_for_studies(**named)
            elif level is Level.SERIES:
                page = client.search_for_series(keys.StudyInstanceUID, **named)
            else:
                page = client.search_for_instances(keys.StudyInstanceUID, keys.SeriesInstanceUID, **named)
            if not isinstance(page, list):
                raise ValueError("the answer is no list")
            return page
        return []  # it was stopped


@contextmanager
def _told(conversation: Conversation) -> Iterator[None]:
    """Turn the faults of HTTP and of a body into one that a person can act on; a stop is none."""
    import requests

    try:
        yield
    except (requests.RequestException, OSError, ValueError, RecursionError) as error:
        if not conversation.halted():
            raise conversation.fault(error) from error


def _keep_all(response: Any, keeper: Keeper) -> None:  # noqa: ANN401  (requests' response)
    content_type = response.headers.get("Content-Type", "")
    boundary = boundary_of(content_type)
    chunks = response.iter_content(_CHUNK)
    if content_type.lower().startswith("application/dicom") and "json" not in content_type:
        keeper.keep_file(chunks)  # what some archives do with a single object
        return
    if not boundary:
        raise PeerRefused("The archive answered a retrieval with something that is no DICOM. Check its url.")
    for part in parts(chunks, boundary):
        keeper.keep_file(part)
        if keeper.stopped():
            return


def _read(answer: Any) -> Dataset | None:  # noqa: ANN401  (whatever the JSON holds)
    """Read one answer of DICOM JSON, PS3.18 F; None where it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Dataset.from_json(answer)
    except _BAD_ANSWER:
        return None
