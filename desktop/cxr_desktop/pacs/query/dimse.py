"""An archive by DIMSE: C-FIND at the study root, C-GET, or C-MOVE to this program's own receiver, PS3.4 Annex C."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydicom.dataset import Dataset

from cxr_desktop.pacs.config import DimsePeer
from cxr_desktop.pacs.errors import NetworkError, PeerRefused
from cxr_desktop.pacs.query.answers import Level
from cxr_desktop.pacs.query.association import Watched, dimse
from cxr_desktop.pacs.query.keeper import Keeper
from cxr_desktop.pacs.query.link import Finder, Stopped, never

if TYPE_CHECKING:
    from pynetdicom.association import Association
    from pynetdicom.presentation import PresentationContext

_VERIFICATION: Final = "1.2.840.10008.1.1"
_FIND: Final = "1.2.840.10008.5.1.4.1.2.2.1"
_MOVE: Final = "1.2.840.10008.5.1.4.1.2.2.2"
_GET: Final = "1.2.840.10008.5.1.4.1.2.2.3"
_FILMS: Final = (
    "1.2.840.10008.5.1.4.1.1.1",
    "1.2.840.10008.5.1.4.1.1.1.1",
    "1.2.840.10008.5.1.4.1.1.7",
)
"""Computed Radiography, Digital X-Ray for presentation, Secondary Capture Image Storage."""
_SYNTAXES: Final = (
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.51",
    "1.2.840.10008.1.2.4.57",
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.81",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.4.201",
    "1.2.840.10008.1.2.4.202",
    "1.2.840.10008.1.2.4.203",
    "1.2.840.10008.1.2.5",
)
"""What `cxr_shared.film` decodes."""
_PLAIN: Final = _SYNTAXES[:2]
_PENDING: Final = (0xFF00, 0xFF01)
_ANSWER_BYTES: Final = 1 << 20
_MESSAGE: Final = 1
_FAILED: Final = 1000
_PIECE: Final = 1 << 20
_SUCCESS, _OUT_OF_RESOURCES, _CANNOT_UNDERSTAND = 0x0000, 0xA700, 0xC000


@dataclass(frozen=True, slots=True)
class DimseLink:
    """The way to an archive that speaks DIMSE.

    Attributes
    ----------
    peer, name
        The archive, and what a person calls it.
    calling
        This program's AE title.
    moves_arrive_at
        AE title of the running receiver; empty where none runs.
    """

    peer: DimsePeer
    name: str
    calling: str
    moves_arrive_at: str = ""

    def check(self) -> str:
        """Send a C-ECHO."""
        watched = self._watched(never, _ANSWER_BYTES)
        with watched.open(self.calling, [_context(_VERIFICATION)]) as association:
            self._require(association, _VERIFICATION, "C-ECHO")
            watched.check_status(_status(association.send_c_echo()))
        return f"{self.name} answered C-ECHO."

    @contextmanager
    def finding(self, stopped: Stopped) -> Iterator[Finder]:
        """Open an association for C-FIND."""
        watched = self._watched(stopped, _ANSWER_BYTES)
        with watched.open(self.calling, [_context(_FIND)]) as association:
            self._require(association, _FIND, "C-FIND")
            yield _Finder(watched, association)

    def retrieve(self, study_uid: str, series: tuple[str, ...], keeper: Keeper) -> None:
        """Have the series sent: over the same association (C-GET), or to the receiver (C-MOVE)."""
        if self.peer.retrieve == "move":
            self._move(study_uid, series, keeper)
        else:
            self._get(study_uid, series, keeper)

    def _get(self, study_uid: str, series: tuple[str, ...], keeper: Keeper) -> None:
        pynetdicom = dimse()
        watched = self._watched(keeper.stopped, keeper.limit, waiting=1)
        contexts = [_context(_GET), *(_context(film, syntax) for film in _FILMS for syntax in _SYNTAXES)]
        roles = [pynetdicom.build_role(film, scp_role=True) for film in _FILMS]
        handlers = [
            (pynetdicom.evt.EVT_C_STORE, _store, [keeper]),
            (pynetdicom.evt.EVT_DATA_RECV, lambda event: keeper.received(len(event.data))),
        ]
        with watched.open(self.calling, contexts, roles=roles, handlers=handlers) as association:
            self._require(association, _GET, "C-GET")
            for uid in series:
                responses = association.send_c_get(_series(study_uid, uid), _GET, msg_id=_MESSAGE)
                self._follow(responses, watched, keeper, _GET)
                if keeper.stopped():
                    return

    def _move(self, study_uid: str, series: tuple[str, ...], keeper: Keeper) -> None:
        if not self.moves_arrive_at:
            raise PeerRefused(
                f'{self.name} sends films to this program\'s receiver (retrieve = "move"), which does not run. Turn on '
                "receiving first."
            )
        watched = self._watched(keeper.stopped, _ANSWER_BYTES)
        before = 0
        with watched.open(self.calling, [_context(_MOVE)]) as association:
            self._require(association, _MOVE, "C-MOVE")
            for uid in series:
                responses = association.send_c_move(
                    _series(study_uid, uid), self.moves_arrive_at, _MOVE, msg_id=_MESSAGE
                )
                before += self._follow(responses, watched, keeper, _MOVE, before)
                if keeper.stopped():
                    return

    def _follow(
        self, responses: Iterator[tuple[Dataset, Any]], watched: Watched, keeper: Keeper, model: str, before: int = 0
    ) -> int:
        """Follow an operation's responses to the last; returns how many instances the archive says it sent."""
        association = watched.association
        watched.during(lambda: association.send_c_cancel(_MESSAGE, query_model=model))
        status, sent, failed, refused = None, 0, 0, keeper.refusals
        for response, _ in responses:
            status = _status(response)
            if status is None:
                break
            sent = _count(response, "Completed") + _count(response, "Warning")
            failed = _count(response, "Failed")
            keeper.guess(before + sent + failed + _count(response, "Remaining"))
            if model == _MOVE:
                keeper.moved(before + sent)
        if association.is_established:
            watched.finished()
        if keeper.trouble is None:
            watched.check_status(status)
        for _ in range(min(failed - (keeper.refusals - refused), _FAILED)):
            keeper.refuse("The archive could not send it.")
        return sent

    def _watched(self, stopped: Stopped, message_bytes: int, *, waiting: int = 128) -> Watched:
        return Watched(self.peer, self.name, stopped=stopped, message_bytes=message_bytes, waiting=waiting)

    def _require(self, association: Association, model: str, what: str) -> None:
        if model not in {context.abstract_syntax for context in association.accepted_contexts}:
            raise PeerRefused(f"{self.name} does not offer {what} to {self.calling}.")


class _Finder:
    def __init__(self, watched: Watched, association: Association) -> None:
        self._watched, self._association = watched, association

    def find(self, level: Level, keys: Dataset) -> Iterator[Dataset | None]:  # noqa: ARG002  (the keys name it)
        association, watched = self._association, self._watched
        if watched.halted() or not association.is_established:
            return
        responses = association.send_c_find(keys, _FIND, msg_id=_MESSAGE)
        watched.during(lambda: association.send_c_cancel(_MESSAGE, query_model=_FIND))
        status = None
        for response, answer in responses:
            status = _status(response)
            if status in _PENDING:
                yield answer
        watched.finished()
        watched.check_status(status)


def _store(event: Any, keeper: Keeper) -> int:  # noqa: ANN401  (pynetdicom's event)
    """Keep one object of a C-GET, and say how that went; it is on the disk when this returns."""
    if keeper.stopped() or event.request.DataSet is None:
        return _OUT_OF_RESOURCES
    data = event.request.DataSet.getbuffer()
    try:
        kept = keeper.keep_dataset(event.file_meta, (data[at : at + _PIECE] for at in range(0, len(data), _PIECE)))
    except NetworkError:
        return _OUT_OF_RESOURCES
    return _SUCCESS if kept else _CANNOT_UNDERSTAND


def _context(abstract: str, syntax: str = "") -> PresentationContext:
    """Propose a service; films by one transfer syntax a context, so that each comes in the one it is kept in."""
    build: Any = dimse().build_context
    context: PresentationContext = build(abstract, [syntax] if syntax else list(_PLAIN))
    return context


def _series(study_uid: str, series_uid: str) -> Dataset:
    keys = Dataset()
    keys.QueryRetrieveLevel = Level.SERIES.value
    keys.StudyInstanceUID, keys.SeriesInstanceUID = study_uid, series_uid
    return keys


def _status(response: Dataset) -> int | None:
    status = response.get("Status")
    return None if status is None else int(status)


def _count(response: Dataset, which: str) -> int:
    return int(response.get(f"NumberOf{which}Suboperations") or 0)
