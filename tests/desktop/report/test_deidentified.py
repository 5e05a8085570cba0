"""Exports that name nobody: nothing that identifies the patient is in any byte of them."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest

from cxr_desktop.batch import score_all
from cxr_desktop.inference.kinds import Wanted
from cxr_desktop.inference.verdict import Scored
from cxr_desktop.intake.pool import MakePool, Pool
from cxr_desktop.report import Worklist
from cxr_desktop.report.deidentify import deidentified
from cxr_desktop.report.dicom.export import write_dicom
from cxr_desktop.report.film_page import Reading
from cxr_desktop.report.pseudonyms import PseudonymKeyError, Pseudonyms, site_pseudonyms
from cxr_desktop.reports import PIXELS_WARNING, Remarks, Reports
from cxr_shared.bundle import Bundle

pytest.importorskip("PySide6")

Change = Callable[..., Path]
_SECRETS = {
    "PatientName": "Müller-Çelik^Änne^^Dr.",
    "PatientID": "SECRET-4711",
    "PatientBirthDate": "19510203",
    "PatientAge": "073Y",
    "AccessionNumber": "ACC998877",
    "StudyID": "STUDY55",
    "StudyDate": "20240517",
    "StudyTime": "131415",
    "AcquisitionDate": "20240518",
    "AcquisitionTime": "091011",
    "ReferringPhysicianName": "Hausarzt^Otto",
    "StudyDescription": "Thorax wegen Husten",
    "InstitutionName": "Klinikum Nirgendwo",
    "StationName": "RAUM3",
    "DeviceSerialNumber": "SER-0815",
    "PatientComments": "Frau des Hausmeisters",
}
_WORDS = ("Müller", "Änne", "nne^", "Otto", "Hausmeister", "mueller_aenne", "2024-05-1", *_SECRETS.values())


@pytest.fixture
def secret(change: Change) -> Path:
    return change("mueller_aenne.dcm", **_SECRETS)


@pytest.fixture
def secret_worklist(secret: Path, report_bundle: Bundle, warm_pools: MakePool) -> Worklist:
    return score_all([secret], report_bundle, wanted=Wanted.CPU, thumbnails=True, make_pool=warm_pools)


def _identifiers(secret: Path) -> list[bytes]:
    film = pydicom.dcmread(secret)
    uids = [film.StudyInstanceUID, film.SeriesInstanceUID, film.SOPInstanceUID]
    return [
        form for word in (*_WORDS, *uids) for form in (word.encode(), word.encode("latin-1"), word.encode("utf-16-be"))
    ]


def _bytes(path: Path) -> bytes:
    """A file's bytes, and those of the deflated streams of a PDF."""
    data = path.read_bytes()
    streams = re.findall(rb"stream\r?\n(.*?)endstream", data, re.DOTALL) if data.startswith(b"%PDF") else []
    inflated = []
    for stream in streams:
        try:
            inflated.append(zlib.decompress(stream))
        except zlib.error:
            continue
    return b"\n".join([data, *inflated])


def test_no_report_holds_an_identifier(
    secret: Path, secret_worklist: Worklist, report_bundle: Bundle, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    reports = Reports(
        json=out / "w.json", csv=out / "w.csv", html=out / "w.html", pdf=out / "w.pdf", dicom=out, deidentified=True
    )
    said: list[str] = []
    reading = Reading("Read", ("Edema: agree",), "Frau Müller klagt")
    reports.check()
    reports.write(secret_worklist, report_bundle, readings={secret: reading}, remarks=Remarks(said.append))
    files = [path for path in out.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".json", ".csv", ".html", ".pdf", ".dcm"}
    for path in files:
        data = _bytes(path)
        assert [word for word in _identifiers(secret) if word in data] == [], path.name
    named = " ".join(str(path.relative_to(tmp_path)) for path in files) + " ".join(said)
    assert [word for word in _identifiers(secret) if word in named.encode()] == []
    assert PIXELS_WARNING in said


def test_the_same_search_finds_identifiers_in_usual_reports(
    secret: Path, secret_worklist: Worklist, report_bundle: Bundle, tmp_path: Path
) -> None:
    Reports(json=tmp_path / "w.json", dicom=tmp_path / "out").write(secret_worklist, report_bundle)
    for path in (tmp_path / "w.json", *(tmp_path / "out").rglob("*.dcm")):
        assert [word for word in _identifiers(secret) if word in _bytes(path)]


def test_deidentified_objects_are_valid_and_say_so(
    secret_worklist: Worklist,
    report_bundle: Bundle,
    pool: Pool,
    names: Pseudonyms,
    tmp_path: Path,
    faults: Callable[[Path], list[str]],
) -> None:
    export = write_dicom(tmp_path, secret_worklist, report_bundle.manifest, pool=pool, pseudonyms=names)
    studies = set()
    for path in export.written:
        assert faults(path) == []
        made = pydicom.dcmread(path)
        assert made.PatientIdentityRemoved == "YES"
        assert made.DeidentificationMethodCodeSequence[0].CodeValue == "113100"
        assert made.LongitudinalTemporalInformationModified == "REMOVED"
        assert made.PatientID == names.patient("SECRET-4711")
        assert not [element for element in made.iterall() if element.tag.is_private]
        studies.add(made.StudyInstanceUID)
    verdict = secret_worklist.verdicts[0]
    assert studies == {names.uid(verdict.identity.study_uid)}


def test_one_key_keeps_patients_together_and_another_does_not(names: Pseudonyms) -> None:
    assert names.patient("A") == Pseudonyms(b"k" * 32).patient("A") != names.patient("B")
    assert names.patient("A") != Pseudonyms(b"l" * 32).patient("A")
    assert names.uid("1.2.3") != names.uid("1.2.4")
    assert pydicom.uid.UID(names.uid("1.2.3")).is_valid
    assert len(names.uid("1.2.3")) <= 64
    assert (names.patient(""), names.uid(""), names.content("")) == ("", "", "")


def test_the_sites_key_is_made_once_and_is_private(own_key: Path) -> None:
    first = site_pseudonyms()
    assert site_pseudonyms() == first
    assert own_key.stat().st_mode & 0o077 == 0
    assert str(own_key.read_bytes()) not in repr(first)


def test_a_damaged_key_is_no_new_one(own_key: Path) -> None:
    own_key.write_bytes(b"short")
    with pytest.raises(PseudonymKeyError, match="Restore it from a backup"):
        Reports(deidentified=True).check()


def test_the_worklist_keeps_order_scores_and_lanes(scored: Worklist, names: Pseudonyms) -> None:
    hidden = deidentified(scored, names)
    pairs = list(zip(scored.ordered(), hidden.ordered(), strict=True))
    assert [verdict.source.name for _, verdict in pairs] == ["film-0001", "film-0002", "film-0003"]
    for before, after in pairs:
        assert isinstance(before, Scored)
        assert isinstance(after, Scored)
        assert after.scores == before.scores
        assert hidden.lane(after) is scored.lane(before)
        assert after.identity.acquired == after.identity.patient_age == ""
        assert after.sha256 not in ("", before.sha256)


def test_a_film_that_says_that_text_is_burned_in_is_not_pictured(
    change: Change, report_bundle: Bundle, pool: Pool, names: Pseudonyms, tmp_path: Path, warm_pools: MakePool
) -> None:
    film = change(BurnedInAnnotation="YES")
    worklist = score_all([film], report_bundle, wanted=Wanted.CPU, thumbnails=True, make_pool=warm_pools)
    export = write_dicom(tmp_path / "out", worklist, report_bundle.manifest, pool=pool, pseudonyms=names)
    assert not [path for path in export.written if path.name.startswith("SC")]
    assert export.warnings == ["film-0001 says that text is burned into it: its picture was left out."]
    (hidden,) = deidentified(worklist, names).verdicts
    assert isinstance(hidden, Scored)
    assert hidden.thumbnail is None
    usual = write_dicom(tmp_path / "usual", worklist, report_bundle.manifest, pool=pool)
    captures = [pydicom.dcmread(path) for path in usual.written if path.name.startswith("SC")]
    assert {capture.BurnedInAnnotation for capture in captures} == {"YES"}


def test_burned_in_text_is_heeded_where_the_film_belongs_to_no_series(
    change: Change, report_bundle: Bundle, names: Pseudonyms, warm_pools: MakePool
) -> None:
    film = change(BurnedInAnnotation="YES", SeriesInstanceUID=None)
    worklist = score_all([film], report_bundle, wanted=Wanted.CPU, thumbnails=True, make_pool=warm_pools)
    (hidden,) = deidentified(worklist, names).verdicts
    assert isinstance(hidden, Scored)
    assert hidden.thumbnail is None


def test_a_film_whose_header_no_object_can_be_made_from_costs_itself(
    change: Change, phantoms: tuple[Path, ...], report_bundle: Bundle, pool: Pool, tmp_path: Path, warm_pools: MakePool
) -> None:
    odd = change("odd.dcm", ImagerPixelSpacing="0.143", PixelSpacing=None, PatientOrientation=["L", "F"])
    worklist = score_all([odd, phantoms[1]], report_bundle, wanted=Wanted.CPU, make_pool=warm_pools)
    export = write_dicom(tmp_path / "out", worklist, report_bundle.manifest, pool=pool)
    assert export.films + len(export.skipped) == 2
    assert export.films >= 1
    assert all(sentence.startswith("odd.dcm") for sentence in export.skipped)


def test_a_film_that_does_not_say_so_is_warned_about(
    change: Change, report_bundle: Bundle, pool: Pool, names: Pseudonyms, tmp_path: Path, warm_pools: MakePool
) -> None:
    worklist = score_all([change(BurnedInAnnotation=None)], report_bundle, wanted=Wanted.CPU, make_pool=warm_pools)
    export = write_dicom(tmp_path / "out", worklist, report_bundle.manifest, pool=pool, pseudonyms=names)
    assert export.warnings == ["film-0001 does not say whether text is burned into it: look at its pictures."]
