"""Finding and fetching films: one suite for every way to every archive."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from itertools import islice
from pathlib import Path

import pydicom
import pytest

pytest.importorskip("pynetdicom")
pytest.importorskip("dicomweb_client")

from pydicom.dataset import Dataset

from cxr_desktop.pacs.config import DimsePeer, NetworkConfig, Peer, Quotas, ReceiveConfig
from cxr_desktop.pacs.query import Archive, LeftOut, Progress, Query, TooManyFound, archive_for
from cxr_desktop.pacs.query.model import Found, QueryImpossible
from cxr_desktop.pacs.receive import Receiver
from cxr_desktop.pacs.spool import Spool, origin_of
from cxr_shared.film import Identity, read_film

from .archives import MUELLER, TODAY, collection, running_dcmqrscp, store, uid_of
from .peers_orthanc import running_orthanc

pytestmark = [pytest.mark.waiting, pytest.mark.peer, pytest.mark.xdist_group("pacs-archives")]
CONFIG = NetworkConfig()


@dataclass
class Filled:
    """An archive with a collection in it."""

    archive: Archive
    studies: dict[str, list[Dataset]]
    origin: str
    tells: bool = True
    """Whether it knows a study's modalities and numbers, and a series' part of the body; dcmqrscp does not."""

    def find(self, query: Query) -> set[str]:
        return {found.study_uid for found in self.archive.search(query)}

    def one(self, name: str) -> Found:
        (wanted,) = uid_of(self.studies, name)
        day = date.fromisoformat(
            f"{self.studies[name][0].StudyDate:.4}-{self.studies[name][0].StudyDate[4:6]}-"
            f"{self.studies[name][0].StudyDate[6:]}"
        )
        return next(found for found in self.archive.search(Query.of_day(day)) if found.study_uid == wanted)


@pytest.fixture(scope="module")
def orthanc_filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Peer, Peer, dict[str, list[Dataset]]]]:
    studies = collection()
    with running_orthanc(tmp_path_factory.mktemp("orthanc")) as running:
        store(running.dimse, [each for study in studies.values() for each in study])
        yield running.peer(dimse=True), running.peer(web=True), studies


@pytest.fixture(scope="module")
def dcmtk_filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Peer, dict[str, list[Dataset]]]]:
    studies = collection(compressed=False)
    with running_dcmqrscp(tmp_path_factory.mktemp("dcmtk")) as dimse:
        store(dimse, [each for study in studies.values() for each in study])
        yield Peer(name="dcmtk", dimse=dimse), studies


@pytest.fixture(scope="module", params=["orthanc by DIMSE", "orthanc by DICOMweb", "dcmtk by DIMSE"])
def filled(request: pytest.FixtureRequest) -> Filled:
    if request.param == "dcmtk by DIMSE":
        peer, studies = request.getfixturevalue("dcmtk_filled")
        return Filled(archive_for(peer, CONFIG), studies, "QRSCP", tells=False)
    by_dimse, by_web, studies = request.getfixturevalue("orthanc_filled")
    if request.param == "orthanc by DIMSE":
        return Filled(archive_for(by_dimse, CONFIG), studies, "ORTHANC")
    return Filled(archive_for(by_web, CONFIG), studies, "orthanc")


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", Quotas(free_gigabytes=0))


def test_it_hears(filled: Filled) -> None:
    assert "answered" in filled.archive.check()


def test_todays_chest_films_are_found_and_other_films_left_out(filled: Filled) -> None:
    left_out: Counter[LeftOut] = Counter()
    found = list(filled.archive.search(Query.of_day(TODAY), left_out=lambda why: left_out.update([why])))
    expected = ("chest", "part", "silent", "both") if filled.tells else ("chest", "part", "silent", "both", "ankle")
    assert {each.study_uid for each in found} == uid_of(filled.studies, *expected)
    assert left_out == ({LeftOut.NOT_CHEST: 1} if filled.tells else {LeftOut.OTHER_MODALITY: 1})
    assert len(found) == len(expected), "each once"


def test_what_is_found_says_whose_it_is(filled: Filled) -> None:
    found = filled.one("chest")
    assert (found.patient_id, found.patient_name, found.birth_date, found.sex) == ("P1", "Doe^Jane", "1960-01-02", "F")
    assert (found.acquired, found.description, found.accession_number) == ("2026-03-14T10:15:00", "CHEST PA", "A1")
    by_part = filled.one("part")
    assert by_part.patient_name == MUELLER
    assert found.modalities == ("CR",)
    if filled.tells:
        assert (found.instances, by_part.body_part, by_part.instances) == (2, "CHEST", 1)
    assert "P1" not in repr(found)
    assert "Doe" not in repr(found)


def test_a_search_narrows_by_patient_accession_and_date(filled: Filled) -> None:
    studies = filled.studies
    assert filled.find(Query(patient_id="P1")) == uid_of(studies, "chest", "prior", "older", "later")
    assert filled.find(Query(accession_number="A1")) == uid_of(studies, "chest")
    assert filled.find(Query(patient_id="P1", until=TODAY)) == uid_of(studies, "chest", "prior", "older")
    assert filled.find(Query(patient_id="P1", since=TODAY)) == uid_of(studies, "chest", "later")
    assert filled.find(Query(patient_id="P1", modalities=("CR",))) == uid_of(studies, "chest", "older")
    assert filled.find(Query(patient_id="nobody")) == set()


def test_more_than_were_asked_for_are_said_to_be_too_many(filled: Filled) -> None:
    answers = filled.archive.search(Query(since=TODAY, until=TODAY, limit=2))
    assert len(list(islice(answers, 2))) == 2
    with pytest.raises(TooManyFound, match="more than 2 answers"):
        next(answers)


def test_priors_are_the_same_patients_earlier_films_the_latest_first(filled: Filled) -> None:
    chest = filled.studies["chest"][0]
    of = Identity(patient_id="P1", study_uid=str(chest.StudyInstanceUID), acquired="2026-03-14T10:15:00")
    found = [each.study_uid for each in filled.archive.priors(of)]
    assert found == [str(filled.studies[name][0].StudyInstanceUID) for name in ("prior", "older")]
    assert list(filled.archive.priors(Identity())) == []


def test_fetched_films_are_what_the_archive_holds(filled: Filled, spool: Spool) -> None:
    seen: list[Progress] = []
    fetched = filled.archive.fetch(filled.one("chest"), into=spool, progress=seen.append)
    assert (len(fetched.kept), fetched.refused, fetched.complete, fetched.trouble) == (2, (), True, None)
    kept = {str(dataset.SOPInstanceUID): dataset for dataset in map(pydicom.dcmread, fetched.kept)}
    assert set(kept) == {str(each.SOPInstanceUID) for each in filled.studies["chest"]}
    for each in filled.studies["chest"]:
        assert kept[str(each.SOPInstanceUID)].PixelData == each.PixelData
    assert {origin_of(path) for path in fetched.kept} == {filled.origin}
    assert (seen[-1].done, seen[-1].expected) == (2, 2)
    assert seen[-1].bytes > sum(len(each.PixelData) for each in filled.studies["chest"])
    assert not list(spool.incoming.iterdir())


def test_a_film_fetched_again_is_kept_once(filled: Filled, spool: Spool) -> None:
    found = filled.one("chest")
    first = filled.archive.fetch(found, into=spool)
    again = filled.archive.fetch(found, into=spool)
    assert (again.kept, set(again.known)) == ((), set(first.kept))


def test_a_compressed_film_comes_as_it_is_kept_and_opens(filled: Filled, spool: Spool) -> None:
    (path,) = filled.archive.fetch(filled.one("part"), into=spool).kept
    if filled.tells:  # dcmqrscp cannot send compressed films where it may send others too
        assert pydicom.dcmread(path).file_meta.TransferSyntaxUID == pydicom.uid.JPEGLSLossless
    assert read_film(path).pixels.shape == (128, 128)


def test_of_a_study_with_a_ct_only_the_films_are_fetched(filled: Filled, spool: Spool) -> None:
    fetched = filled.archive.fetch(filled.one("both"), into=spool)
    assert [pydicom.dcmread(path).Modality for path in fetched.kept] == ["DX"]


def test_a_stop_before_anything_came_keeps_nothing(filled: Filled, spool: Spool) -> None:
    fetched = filled.archive.fetch(filled.one("chest"), into=spool, stopped=lambda: True)
    assert (fetched.kept, fetched.complete) == ((), False)
    assert not list(spool.films())


def test_an_object_that_is_too_large_is_not_taken(filled: Filled, spool: Spool) -> None:
    archive = Archive(filled.archive.peer, filled.archive._link, origin="X", object_bytes=20_000)
    found = filled.one("chest")
    fetched = archive.fetch(found, into=spool)
    assert [each[:21] for each in fetched.refused] == ["It is larger than 0 M"] * 2
    assert fetched.kept == ()
    assert not list(spool.films())
    assert not list(spool.incoming.iterdir())


@pytest.mark.parametrize(
    "make",
    [
        lambda: Query(since=TODAY, until=date(2020, 1, 1)),
        lambda: Query(patient_id="a\\b"),
        lambda: Query(patient_id="x" * 65),
        lambda: Query(accession_number="x" * 17),
    ],
)
def test_what_cannot_be_asked_is_said_before_it_is_sent(make: Callable[[], Query]) -> None:
    with pytest.raises(QueryImpossible):
        make()


def moving(peer: DimsePeer) -> Peer:
    return Peer(name="mover", dimse=peer.model_copy(update={"retrieve": "move"}))


@pytest.mark.parametrize("which", ["orthanc", "dcmtk"])
def test_films_that_are_moved_arrive_at_the_receiver(which: str, tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", Quotas(free_gigabytes=0))
    arrived: list[Path] = []
    films = collection(compressed=False)["chest"]
    with Receiver(ReceiveConfig(port=0), spool, on_film=arrived.append) as receiver, ExitStack() as stack:
        if which == "dcmtk":
            dimse = stack.enter_context(running_dcmqrscp(tmp_path / "peer", knows={"CXRTRIAGE": receiver.port}))
        else:
            knows = {"CXRTRIAGE": ("127.0.0.1", receiver.port)}
            dimse = stack.enter_context(running_orthanc(tmp_path / "peer", modalities=knows)).dimse
        store(dimse, films)
        seen: list[Progress] = []
        archive = archive_for(moving(dimse), CONFIG, moves_arrive_at="CXRTRIAGE")
        (found,) = archive.search(Query(patient_id="P1"))
        fetched = archive.fetch(found, into=spool, progress=seen.append)
    assert (fetched.moved, fetched.kept, fetched.refused, fetched.complete) == (2, (), (), True)
    assert {str(pydicom.dcmread(path).SOPInstanceUID) for path in arrived} == {
        str(each.SOPInstanceUID) for each in films
    }
    assert (seen[-1].done, seen[-1].expected) == (2, 2)
