"""Sending by C-STORE (PS3.4 B), and asking by C-FIND at the IMAGE level of the Study Root (PS3.4 C.6.2)."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Generator, Iterator, Sequence
from typing import Any, Final

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind  # type: ignore[attr-defined]

from cxr_desktop.pacs.config import DimsePeer
from cxr_desktop.pacs.credentials import caller_context
from cxr_desktop.pacs.errors import PeerRefused, PeerUnreachable
from cxr_desktop.pacs.libraries import bound_connection
from cxr_desktop.pacs.send.destination import BeforeSending, outcome_of
from cxr_desktop.pacs.send.entries import Outcome, Outgoing, State

# Its records quote what messages hold.
logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)

_PENDING: Final = (0xFF00, 0xFF01)
_PDU_BYTES: Final = 1 << 20
_NOT_SUPPORTED: Final = (3, 4)
"""Results of a presentation context (PS3.8 9.3.3.2): its abstract, or its transfer syntaxes. Others may pass."""
_NO_ANSWER: Final = "the connection broke before the peer answered"
_ENCODINGS: Final = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]


class DimseDestination:
    """An archive that takes C-STORE: one association for all objects of a call.

    Parameters
    ----------
    name
        What the peer is called in messages.
    peer
        From the network file.
    own_title
        Calling AE title.
    """

    def __init__(self, name: str, peer: DimsePeer, own_title: str) -> None:
        self._name, self._peer, self._own_title = name, peer, own_title
        self._open: Association | None = None

    def send(self, objects: Sequence[Outgoing], before: BeforeSending) -> Generator[Outcome, None, None]:
        """See `Destination.send`."""
        classes = sorted({each.sop_class for each in objects})
        with self._associated(classes) as association:
            accepted = {context.abstract_syntax for context in association.accepted_contexts}
            broken = False
            for number, each in enumerate(objects):
                if each.sop_class not in accepted:
                    yield _not_negotiated(association, each)
                    continue
                if broken or not association.is_established:
                    raise PeerUnreachable(f"The peer {self._name!r} ended the association. It is tried again.")
                outcome = self._store(association, each, before, message=number % 65535 + 1)
                broken = outcome.state is State.UNCONFIRMED  # pynetdicom may not have noticed yet
                if broken:
                    association.abort()
                yield outcome

    def _store(self, association: Association, each: Outgoing, before: BeforeSending, *, message: int) -> Outcome:
        dataset = dcmread(each.path)
        before(each)
        try:
            status = association.send_c_store(dataset, msg_id=message)
        except ValueError:  # raised before anything is sent
            return Outcome(each.number, State.REFUSED, "it cannot be encoded as the peer wants it")
        except RuntimeError:  # the association ended since it was looked at
            return Outcome(each.number, State.WAITING, "the peer ended the association")
        if "Status" not in status:
            return Outcome(each.number, State.UNCONFIRMED, _NO_ANSWER)
        return outcome_of(each.number, int(status.Status))

    def holds(self, each: Outgoing) -> bool | None:
        """See `Destination.holds`."""
        find = str(StudyRootQueryRetrieveInformationModelFind)
        try:
            identifier = _identifier(each)
            with self._associated([find]) as association:
                if not association.accepted_contexts:
                    return None
                return _answered(association, identifier, find, each.uid)
        except (PeerUnreachable, PeerRefused, OSError, InvalidDicomError, AttributeError, ValueError, RuntimeError):
            return None

    def abort(self) -> None:
        """See `Destination.abort`."""
        association = self._open
        if association is not None and association.is_alive():
            association.abort()
            association.dimse.msg_queue.put((None, None))  # wakes who waits for an answer

    def close(self) -> None:
        """See `Destination.close`; an association lasts no longer than a call."""

    @contextlib.contextmanager
    def _associated(self, classes: Sequence[str]) -> Iterator[Association]:
        association = self._associate(classes)
        self._open = association
        try:
            yield association
        finally:
            self._open = None
            if association.is_established:
                association.release()
            if association.is_alive():
                association.join(self._peer.timeout_seconds)

    def _associate(self, classes: Sequence[str]) -> Association:
        peer = self._peer
        entity = AE(ae_title=self._own_title)
        entity.acse_timeout = entity.dimse_timeout = peer.timeout_seconds
        entity.network_timeout = entity.connection_timeout = peer.timeout_seconds
        for each in classes:
            entity.add_requested_context(each, _ENCODINGS)
        tls = (caller_context(peer.tls, self._name), peer.host) if peer.tls is not None else None
        association = entity.associate(
            peer.host,
            peer.port,
            ae_title=peer.ae_title,
            tls_args=tls,
            evt_handlers=[(evt.EVT_CONN_OPEN, _prepare)],
        )
        if association.is_established:
            return association
        if association.is_rejected:
            raise PeerRefused(
                f"The peer {self._name!r} rejected the association. Let it know this program's AE title "
                f"{self._own_title!r} and address, and check its title {peer.ae_title!r}."
            )
        if association.acceptor.primitive is not None and not association.accepted_contexts:
            return association  # it takes none of the classes, and aborted for that
        raise PeerUnreachable(
            f"The peer {self._name!r} did not answer at {peer.host}:{peer.port}. See whether it runs and whether the "
            "network file has its address and TLS right."
        )


def _not_negotiated(association: Association, each: Outgoing) -> Outcome:
    results = {str(context.abstract_syntax): context.result for context in association.rejected_contexts}
    if results.get(each.sop_class) in _NOT_SUPPORTED:
        return Outcome(each.number, State.REFUSED, "the peer does not take objects of this class")
    return Outcome(each.number, State.WAITING, "the peer does not take objects of this class now")


def _prepare(event: Any) -> None:  # noqa: ANN401  (pynetdicom's event)
    bound_connection(event, _PDU_BYTES)


def _identifier(each: Outgoing) -> Dataset:
    """Unique keys of all levels down to the image; the archive need not know more (PS3.4 C.4.1.2.1)."""
    found = dcmread(each.path, stop_before_pixels=True, specific_tags=["StudyInstanceUID", "SeriesInstanceUID"])
    identifier = Dataset()
    identifier.QueryRetrieveLevel = "IMAGE"
    identifier.StudyInstanceUID = found.StudyInstanceUID
    identifier.SeriesInstanceUID = found.SeriesInstanceUID
    identifier.SOPInstanceUID = each.uid
    return identifier


def _answered(association: Any, identifier: Dataset, find: str, uid: str) -> bool | None:  # noqa: ANN401
    """Whether an answer names the UID; None where the answers do not end well."""
    held = False
    for status, found in association.send_c_find(identifier, find):
        code = status.get("Status")
        if code in _PENDING:
            held = held or (found is not None and str(found.get("SOPInstanceUID", "")) == uid)
        elif code != 0x0000:
            return True if held else None
    return held
