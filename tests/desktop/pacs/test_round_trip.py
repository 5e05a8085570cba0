"""The round trip with real archives: a film goes in, what is said of it comes back, valid and whole."""

from __future__ import annotations

import io
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pydicom
import pytest

pytest.importorskip("pynetdicom")
pytest.importorskip("dicomweb_client")

from cxr_desktop.inference.verdict import Scored
from cxr_desktop.intake.decoding import DecodePool
from cxr_desktop.pacs.config import DimsePeer, NetworkConfig, Peer, ReturnConfig
from cxr_desktop.pacs.send.destination import destination_for
from cxr_desktop.pacs.send.entries import State
from cxr_desktop.pacs.send.outbox import Outbox
from cxr_desktop.pacs.send.results import Queued, queue_results
from cxr_desktop.pacs.send.sender import Sender
from cxr_desktop.report import Worklist
from cxr_shared.bundle import Bundle

from .material import QUICK, outgoing, small_object, wait_until
from .peers_dcmtk import program
from .peers_orthanc import Orthanc
from .ports import free_port

Faults = Callable[[Path], list[str]]
pytestmark = [pytest.mark.waiting, pytest.mark.peer, pytest.mark.xdist_group("pacs-round-trip")]
by_protocol = pytest.mark.parametrize("protocol", ["dimse", "web"])


def verdict_of(scored: Worklist, number: int = 0) -> Scored:
    verdict = scored.verdicts[number]
    assert isinstance(verdict, Scored)
    return verdict


def returned(
    outbox: Outbox, peer: Peer, verdict: Scored, bundle: Bundle, pool: DecodePool, kinds: tuple[str, ...]
) -> Queued:
    """Queue a film's results and wait until all are sent."""
    config = NetworkConfig(peers=(peer,), returns=ReturnConfig(to=peer.name, objects=kinds))  # type: ignore[arg-type]
    queued = queue_results(outbox, config, verdict, bundle.manifest, pool)
    sender = Sender(outbox, config, on_event=lambda event: None)
    sender.start()
    try:
        wait_until(lambda: outbox.unfinished(verdict.sha256) == 0, 60)
    finally:
        sender.close()
    return queued


def plain(dataset: pydicom.Dataset) -> dict[str, object]:
    found: dict[str, object] = dataset.to_json_dict()
    return found


@by_protocol
def test_results_come_back_from_orthanc_whole_and_valid(
    orthanc: Orthanc,
    protocol: str,
    scored: Worklist,
    report_bundle: Bundle,
    pool: DecodePool,
    faults: Faults,
    tmp_path: Path,
) -> None:
    verdict = verdict_of(scored, 0 if protocol == "dimse" else 1)
    film = verdict.source.read_bytes()
    orthanc.post("/instances", film)
    peer = orthanc.peer(dimse=protocol == "dimse", web=protocol == "web")
    with Outbox(tmp_path / "outbox", backoff=QUICK) as outbox:
        kept: dict[str, bytes] = {}
        config = NetworkConfig(peers=(peer,), returns=ReturnConfig(to=peer.name))
        queued = queue_results(outbox, config, verdict, report_bundle.manifest, pool)
        for entry in outbox.entries():
            found = outbox.outgoing(entry)
            assert found is not None
            kept[entry.uid] = found.path.read_bytes()
        assert queued == Queued(peer.name, len(kept))
        again = returned(outbox, peer, verdict, report_bundle, pool, ("SR", "SC", "SEG"))
        assert again.added == 0, "the same verdict is not queued twice"
        assert {entry.state for entry in outbox.entries()} == {State.SENT}
        assert {entry.kind for entry in outbox.entries()} == {"SR", "SC", "SEG"}
    source = pydicom.dcmread(io.BytesIO(film), stop_before_pixels=True)
    for uid, sent in kept.items():
        stored = tmp_path / f"{uid}.dcm"
        stored.write_bytes(orthanc.file(uid))
        back, before = pydicom.dcmread(stored), pydicom.dcmread(io.BytesIO(sent))
        assert plain(back) == plain(before)
        assert back.StudyInstanceUID == source.StudyInstanceUID
        assert back.PatientID == source.PatientID
        assert faults(stored) == []


@by_protocol
def test_orthanc_is_asked_what_it_holds(orthanc: Orthanc, protocol: str, tmp_path: Path) -> None:
    held, lost = outgoing(tmp_path, [small_object(), small_object()])
    orthanc.post("/instances", held.path.read_bytes())
    way = destination_for(orthanc.peer(dimse=protocol == "dimse", web=protocol == "web"), "CXRTRIAGE")
    assert way.holds(held) is True
    assert way.holds(lost) is False
    way.close()


@by_protocol
def test_what_orthanc_stored_before_a_crash_is_not_sent_again(orthanc: Orthanc, protocol: str, tmp_path: Path) -> None:
    objects = [small_object(), small_object()]
    peer = orthanc.peer(dimse=protocol == "dimse", web=protocol == "web")
    with Outbox(tmp_path / "outbox", backoff=QUICK) as outbox:
        outbox.add(objects, to=peer.name, film="f" * 64)
        outbox.begin(1), outbox.begin(2)
        first = outbox.outgoing(next(outbox.entries()))
        assert first is not None
        orthanc.post("/instances", first.path.read_bytes())
    with Outbox(tmp_path / "outbox", backoff=QUICK) as outbox:
        sender = Sender(outbox, NetworkConfig(peers=(peer,)), on_event=lambda event: None)
        sender.start()
        wait_until(lambda: outbox.counts()[State.SENT] == 2)
        sender.close()
        assert [entry.reason for entry in outbox.entries()] == ["no answer came, but the peer holds it", ""]
    assert [len(orthanc.find(str(made.SOPInstanceUID))) for _, made in objects] == [1, 1]


@by_protocol
def test_orthanc_refuses_what_is_no_object(orthanc: Orthanc, protocol: str, tmp_path: Path) -> None:
    (each,) = outgoing(tmp_path, [small_object()])
    dataset = pydicom.dcmread(each.path)
    for keyword in ("PatientID", "StudyInstanceUID", "SeriesInstanceUID"):
        delattr(dataset, keyword)
    dataset.save_as(each.path)
    way = destination_for(orthanc.peer(dimse=protocol == "dimse", web=protocol == "web"), "CXRTRIAGE")
    (outcome,) = way.send([each], lambda each: None)
    way.close()
    assert outcome.state in (State.REFUSED, State.WAITING)
    assert orthanc.find(each.uid) == []


@contextmanager
def running_storescp(folder: Path, *options: str) -> Iterator[DimsePeer]:
    """DCMTK's storescp, writing to a folder."""
    found = program("storescp")
    if found is None:
        pytest.skip("DCMTK's storescp is not installed: apt-get install dcmtk")
    folder.mkdir()
    port = free_port()
    with (folder.parent / "storescp.log").open("wb") as log:
        process = subprocess.Popen(
            [found, "-aet", "DCMTK", "-od", str(folder), *options, str(port)], stdout=log, stderr=log
        )
        try:
            peer = DimsePeer(ae_title="DCMTK", host="127.0.0.1", port=port, timeout_seconds=10)
            yield peer
        finally:
            process.kill()
            process.wait()


def test_dcmtk_takes_all_objects_but_cannot_be_asked(
    scored: Worklist, report_bundle: Bundle, pool: DecodePool, faults: Faults, tmp_path: Path
) -> None:
    with (
        running_storescp(tmp_path / "stored") as dimse,
        Outbox(tmp_path / "outbox", backoff=QUICK) as outbox,
    ):
        peer = Peer(name="dcmtk", dimse=dimse)
        queued = returned(outbox, peer, verdict_of(scored), report_bundle, pool, ("SR", "SC", "SEG"))
        stored = sorted((tmp_path / "stored").iterdir())
        assert len(stored) == queued.added >= 3
        assert {pydicom.dcmread(path, force=True).SOPInstanceUID for path in stored} == {
            entry.uid for entry in outbox.entries()
        }
        way = destination_for(peer, "CXRTRIAGE")
        assert way.holds(outgoing(tmp_path, [small_object()])[0]) is None


def test_dcmtk_that_aborts_while_storing_leaves_the_object_unconfirmed(tmp_path: Path) -> None:
    (each,) = outgoing(tmp_path, [small_object()])
    with running_storescp(tmp_path / "stored", "--abort-during") as dimse:
        way = destination_for(Peer(name="dcmtk", dimse=dimse), "CXRTRIAGE")
        wait_until(lambda: _open(dimse))
        (outcome,) = way.send([each], lambda each: None)
    assert outcome.state is State.UNCONFIRMED


def _open(dimse: DimsePeer) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((dimse.host, dimse.port)) == 0
