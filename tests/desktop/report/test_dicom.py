"""DICOM objects about a film: valid, in its study, and saying what the verdict says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from cxr_desktop.batch import score_all
from cxr_desktop.inference.heatmap import film_map
from cxr_desktop.inference.kinds import Wanted
from cxr_desktop.inference.verdict import Scored
from cxr_desktop.intake.pool import MakePool, Pool
from cxr_desktop.report import Worklist
from cxr_desktop.report.dicom.export import DicomExport, write_dicom
from cxr_desktop.report.dicom.source import NoStudyError, read_source
from cxr_shared.bundle import Bundle
from cxr_shared.findings import Target

Change = Callable[..., Path]
Faults = Callable[[Path], list[str]]


@pytest.fixture(scope="session")
def written(
    scored: Worklist, report_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory, warm_pools: MakePool
) -> list[Path]:
    pool = warm_pools(workers=1)
    return write_dicom(tmp_path_factory.mktemp("dicom"), scored, report_bundle.manifest, pool=pool).written


def _kind(path: Path) -> str:
    return path.name.partition("-")[0]


def _first(paths: list[Path], kind: str) -> Dataset:
    return pydicom.dcmread(next(path for path in paths if _kind(path) == kind))


def _verdict(scored: Worklist, dataset: Dataset) -> Scored:
    for verdict in scored.verdicts:
        assert isinstance(verdict, Scored)
        if verdict.facts.identity.study_uid == dataset.StudyInstanceUID:
            return verdict
    raise AssertionError("the object is in no film's study")


def _export(path: Path, bundle: Bundle, make_pool: MakePool, out: Path) -> DicomExport:
    worklist = score_all([path], bundle, wanted=Wanted.CPU, make_pool=make_pool)
    assert isinstance(worklist.verdicts[0], Scored)
    return write_dicom(out, worklist, bundle.manifest, pool=make_pool(workers=1))


def test_every_object_is_valid(written: list[Path], faults: Faults) -> None:
    assert {_kind(path) for path in written} == {"SR", "SC", "SEG"}
    assert {path.name: faults(path) for path in written} == {path.name: [] for path in written}


def test_objects_join_the_films_study_in_series_of_their_own(written: list[Path], phantoms: tuple[Path, ...]) -> None:
    films = {film.StudyInstanceUID: film for film in map(pydicom.dcmread, phantoms)}
    for path in written:
        made = pydicom.dcmread(path)
        film = films[made.StudyInstanceUID]
        assert path.parent.name == made.StudyInstanceUID
        assert made.SeriesInstanceUID != film.SeriesInstanceUID
        for keyword in ("PatientID", "PatientName", "PatientSex", "StudyDate", "StudyTime", "AccessionNumber"):
            assert made[keyword].value == film[keyword].value, keyword
        makers = {item.ManufacturerModelName for item in made.ContributingEquipmentSequence}
        assert {"cxr-desktop", "cxr_shared.phantom"} <= makers
        assert "NOT FOR CLINICAL USE" in made.SeriesDescription


def test_the_report_says_what_the_verdict_says(written: list[Path], scored: Worklist) -> None:
    made = _first(written, "SR")
    verdict = _verdict(scored, made)
    report = highdicom.sr.ComprehensiveSR.from_dataset(made)
    groups = report.content.get_image_measurement_groups()
    found = {}
    for group in groups:
        figures = {each.name.value: each.value for each in group.get_measurements()}
        (result,) = group.get_qualitative_evaluations()
        assert {each.unit.value for each in group.get_measurements()} == {"1"}
        found[group.tracking_identifier] = (figures, result.value.value)
        assert [image.referenced_sop_instance_uid for image in group.source_images] == [verdict.facts.identity.sop_uid]
    assert list(found) == ["anomaly", "edema", "hernia"]
    for score in verdict.scores.values():
        figures, result = found[score.target.slug]
        assert figures["PROBABILITY"] == pytest.approx(score.probability, abs=1e-6)
        assert figures["OPERATING_POINT"] == 0.6
        assert figures["LOGIT"] == pytest.approx(score.logit, abs=1e-6)
        assert result == ("POSITIVE" if score.positive else "NEGATIVE")
    assert {group.finding_type.value for group in groups} == {"ANOMALY", "19242006", "HERNIA"}


def test_the_report_is_a_devices_preliminary_and_unverified_one(written: list[Path], report_bundle: Bundle) -> None:
    made = _first(written, "SR")
    assert (made.VerificationFlag, made.CompletionFlag, made.PreliminaryFlag) == (
        "UNVERIFIED",
        "COMPLETE",
        "PRELIMINARY",
    )
    content = made.ContentSequence
    observer = next(item for item in content if item.ConceptNameCodeSequence[0].CodeValue == "121005")
    assert observer.ConceptCodeSequence[0].CodeValue == "121007"
    texts = [str(item.TextValue) for item in content if item.ValueType == "TEXT"]
    assert any("NOT FOR CLINICAL USE" in text for text in texts)
    assert any(report_bundle.sha256[:16] in text for text in texts)
    assert report_bundle.sha256 in made.to_json()


def _processing_equipment(made: Dataset) -> dict[str, Dataset]:
    """Items of Contributing Equipment Sequence that this program wrote, by model name."""
    items = [item for item in made.ContributingEquipmentSequence if item.Manufacturer == "cxr-triage"]
    assert {item.PurposeOfReferenceCodeSequence[0].CodeValue for item in items} == {"109102"}
    return {item.ManufacturerModelName: item for item in items}


def test_each_model_is_named_as_processing_equipment_with_a_device_uid(
    written: list[Path], scored: Worklist, report_bundle: Bundle
) -> None:
    for path in written:
        made = pydicom.dcmread(path)
        equipment = _processing_equipment(made)
        models = {name: item for name, item in equipment.items() if name != "cxr-desktop"}
        verdict = _verdict(scored, made)
        expected = {
            "SR": set(verdict.scores),
            "SEG": set(verdict.urgency.positive),
            "SC": {each for each in verdict.scores if each.display in made.get("DerivationDescription", "")},
        }[_kind(path)]
        assert set(models) == {f"{report_bundle.manifest.name}: {target.slug}" for target in expected}
        assert {item.SoftwareVersions for item in models.values()} == {f"bundle {report_bundle.sha256[:16]}"}
        uids = {item.DeviceUID for item in equipment.values()}
        assert len(uids) == len(equipment)
        assert all(uid.is_valid for uid in uids)


def test_the_report_and_its_equipment_name_the_same_algorithms(written: list[Path]) -> None:
    made = _first(written, "SR")
    equipment = _processing_equipment(made)
    observer = {
        item.ConceptNameCodeSequence[0].CodeValue: item.get("TextValue", item.get("UID"))
        for item in made.ContentSequence
    }
    program = equipment["cxr-desktop"]
    assert observer["121012"] == program.DeviceUID
    assert observer["121014"] == program.Manufacturer
    assert observer["121015"] == program.ManufacturerModelName
    groups = highdicom.sr.ComprehensiveSR.from_dataset(made).content.get_image_measurement_groups()
    named = set()
    for group in groups:
        algorithm = {
            item.ConceptNameCodeSequence[0].CodeValue: item.TextValue
            for item in group[0].ContentSequence
            if item.ValueType == "TEXT"
        }
        assert equipment[algorithm["111001"]].SoftwareVersions == algorithm["111003"]
        named.add(algorithm["111001"])
    assert named == set(equipment) - {"cxr-desktop"}


def test_the_report_names_the_procedure_that_was_analysed(written: list[Path]) -> None:
    content = _first(written, "SR").ContentSequence
    (item,) = [each for each in content if each.ConceptNameCodeSequence[0].CodeValue == "121058"]
    assert item.ConceptCodeSequence[0].CodeMeaning == "Plain X-ray of chest"


def test_a_bundles_missing_model_makes_the_report_partial(
    scored: Worklist, report_bundle: Bundle, pool: Pool, tmp_path: Path
) -> None:
    import dataclasses

    verdict = scored.verdicts[0]
    assert isinstance(verdict, Scored)
    fewer = {target: score for target, score in verdict.scores.items() if target is not Target.HERNIA}
    worklist = dataclasses.replace(scored, verdicts=[dataclasses.replace(verdict, scores=fewer)])
    export = write_dicom(tmp_path, worklist, report_bundle.manifest, pool=pool)
    assert _first(export.written, "SR").CompletionFlag == "PARTIAL"


def test_a_capture_is_the_film_with_its_legend_below(written: list[Path], scored: Worklist) -> None:
    made = _first(written, "SC")
    verdict = _verdict(scored, made)
    assert made.PhotometricInterpretation == "RGB"
    assert made.BurnedInAnnotation == "NO"
    assert made.SourceImageSequence[0].ReferencedSOPInstanceUID == verdict.facts.identity.sop_uid
    assert "not an anatomical outline" in made.DerivationDescription
    pixels = made.pixel_array
    rows, columns = verdict.facts.shape
    assert pixels.shape[1] == columns == 1024
    assert rows < pixels.shape[0] < rows + 250
    legend = pixels[rows:]
    assert legend.max() > 200
    assert (legend[..., 0].astype(int) - legend[..., 2] > 100).any(), "the scale is coloured"


def test_segments_lie_where_the_maps_reach_their_points(
    written: list[Path], scored: Worklist, report_bundle: Bundle
) -> None:
    made = _first(written, "SEG")
    verdict = _verdict(scored, made)
    pixels = made.pixel_array.reshape(-1, made.Rows, made.Columns)
    labels = [segment.TrackingID for segment in made.SegmentSequence]
    assert (made.Rows, made.Columns) == verdict.facts.shape
    assert set(labels) == {target.slug for target in verdict.urgency.positive}
    for label, region in zip(labels, pixels, strict=True):
        target = next(each for each in verdict.scores if each.slug == label)
        laid = film_map(
            verdict.maps[target], report_bundle.manifest.input, film=verdict.facts.shape, out=verdict.facts.shape
        )
        # A calibrated 0.6 is the logit ln(0.6 / 0.4) / 0.8.
        np.testing.assert_array_equal(region.astype(bool), laid >= np.float32(np.log(1.5) / 0.8))


def test_the_same_verdict_overwrites_and_another_does_not(
    scored: Worklist,
    report_bundle: Bundle,
    pool: Pool,
    tmp_path: Path,
    phantoms: tuple[Path, ...],
    warm_pools: MakePool,
) -> None:
    import dataclasses

    first = write_dicom(tmp_path, scored, report_bundle.manifest, pool=pool).written
    again = score_all(phantoms, report_bundle, wanted=Wanted.CPU, make_pool=warm_pools)
    assert write_dicom(tmp_path, again, report_bundle.manifest, pool=pool).written == first
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(first)
    verdict = scored.verdicts[0]
    assert isinstance(verdict, Scored)
    other = dataclasses.replace(verdict, provenance=dataclasses.replace(verdict.provenance, bundle_sha256="f" * 64))
    worklist = dataclasses.replace(scored, verdicts=[other])
    assert not set(write_dicom(tmp_path, worklist, report_bundle.manifest, pool=pool).written) & set(first)


def test_films_without_a_study_are_left_out_one_by_one(
    phantoms: tuple[Path, ...],
    report_bundle: Bundle,
    pool: Pool,
    tmp_path: Path,
    write_film: Callable[..., Path],
    warm_pools: MakePool,
) -> None:
    png = write_film(tmp_path / "scan.png", grey=128)
    (tmp_path / "broken.png").write_text("no film")
    worklist = score_all(
        [png, phantoms[0], tmp_path / "broken.png"], report_bundle, wanted=Wanted.CPU, make_pool=warm_pools
    )
    export = write_dicom(tmp_path / "out", worklist, report_bundle.manifest, pool=pool)
    assert export.films == 1
    assert export.skipped == [
        "scan.png is no DICOM file, so there is no study to add DICOM objects to; export it as PDF or JSON."
    ]
    assert next(iter(export.summary())) == f"DICOM: {len(export.written)} objects about 1 films, 1 films left out."


def test_headers_that_do_not_keep_to_the_standard_still_give_valid_objects(
    change: Change, report_bundle: Bundle, warm_pools: MakePool, tmp_path: Path, faults: Faults
) -> None:
    with pydicom.config.disable_value_validation():
        odd = change(
            PatientAge="62",
            PatientSex="X",
            PatientName="Only-one-component",
            StudyDate="17.5.24",
            PatientOrientation=None,
            ImagerPixelSpacing=None,
            BurnedInAnnotation=None,
            AccessionNumber=None,
            Manufacturer=None,
        )
    export = _export(odd, report_bundle, warm_pools, tmp_path / "out")
    assert len(export.written) >= 3
    assert [faults(path) for path in export.written] == [[] for _ in export.written]
    made = _first(export.written, "SR")
    assert made.PatientName == "Only-one-component"
    assert (made.PatientSex, made.StudyDate) == ("", "")
    assert "PatientAge" not in made


@pytest.mark.parametrize(
    ("stated", "written"),
    [(["L", "F"], ["L", "F"]), (["LA", "F"], ["LA", "F"]), (["L", "R"], None), (["L"], None), (None, None)],
)
def test_every_object_says_of_the_films_orientation_what_the_viewer_shows(
    change: Change,
    report_bundle: Bundle,
    warm_pools: MakePool,
    tmp_path: Path,
    stated: list[str] | None,
    written: list[str] | None,
) -> None:
    export = _export(change(PatientOrientation=stated), report_bundle, warm_pools, tmp_path / "out")
    for kind in ("SC", "SEG"):
        assert (_first(export.written, kind).get("PatientOrientation") or None) == written
    library = str(_first(export.written, "SR"))
    assert ("Patient Orientation Row" in library) == (written is not None)


def test_names_in_other_scripts_survive(
    change: Change, report_bundle: Bundle, warm_pools: MakePool, tmp_path: Path, faults: Faults
) -> None:
    name = "Yamada^Tarou=山田^太郎=やまだ^たろう"
    film = change(SpecificCharacterSet="ISO_IR 192", PatientName=name)
    export = _export(film, report_bundle, warm_pools, tmp_path / "out")
    for path in export.written:
        assert str(pydicom.dcmread(path).PatientName) == name
        assert faults(path) == []


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SOPInstanceUID"])
def test_a_film_without_a_uid_has_no_study(change: Change, keyword: str) -> None:
    film = change(**{keyword: None})
    with pytest.raises(NoStudyError, match=f"has no valid {keyword}"):
        read_source(film, "film")


def test_a_file_that_is_gone_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(NoStudyError, match="could not be read again"):
        read_source(tmp_path / "gone.dcm", "film")


@pytest.mark.realdata
def test_a_real_film_gives_valid_objects(
    real_material: Path, report_bundle: Bundle, warm_pools: MakePool, tmp_path: Path, faults: Faults
) -> None:
    (film,) = (real_material / "dicom").glob("*.dcm")
    export = _export(film, report_bundle, warm_pools, tmp_path)
    assert export.written
    assert [faults(path) for path in export.written] == [[] for _ in export.written]
