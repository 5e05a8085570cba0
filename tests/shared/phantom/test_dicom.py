"""Phantoms as DICOM files."""

import csv

import numpy as np
import pydicom
import pytest

from cxr_shared.film.film import ViewPosition
from cxr_shared.findings import Target
from cxr_shared.phantom import write_phantoms
from cxr_shared.phantom.dicom import encode
from cxr_shared.phantom.plan import PlannedFilm
from cxr_shared.phantom.render import compose, describe, photograph


@pytest.fixture(scope="module")
def drawn():
    scene = compose(5, grades={Target.MASS: 0.5}, patient=5, view=ViewPosition.AP)
    grey = photograph(scene)
    pixels = np.round(grey * np.float32(255)).astype(np.uint8)
    return describe(scene, pixels=pixels, grades={Target.MASS: 0.5}, age=61), grey


def _dataset(drawn, seed, index=7):
    film = PlannedFilm(
        index=index,
        patient=12,
        follow_up=3,
        patient_seed=5,
        seed=seed,
        age=61,
        view=ViewPosition.AP,
        findings=(Target.MASS,),
    )
    data = encode(*drawn, film=film, set_seed=1)
    return pydicom.dcmread(pydicom.filebase.DicomBytesIO(data)), data


def _shown(dataset):
    """Apply the window as PS3.3 C.11.2.1.2.1 says, then the polarity."""
    center, width = float(dataset.WindowCenter), float(dataset.WindowWidth)
    shown = np.clip((dataset.pixel_array - (center - 0.5)) / (width - 1) + 0.5, 0, 1)
    return 1 - shown if dataset.PhotometricInterpretation == "MONOCHROME1" else shown


def test_the_tags_are_truthful(drawn):
    phantom, _ = drawn
    dataset, _ = _dataset(drawn, seed=0)
    assert dataset.Modality in {"DX", "CR"}
    assert dataset.BodyPartExamined == "CHEST"
    assert dataset.ViewPosition == "AP"
    assert list(dataset.PatientOrientation) == ["L", "F"]
    assert list(dataset.ImagerPixelSpacing) == [phantom.mm_per_pixel] * 2
    assert str(dataset.PatientName).startswith("Phantom^")
    assert (dataset.PatientAge, dataset.PatientSex) == ("061Y", phantom.sex)
    assert "synthetic" in dataset.Manufacturer
    assert dataset.BurnedInAnnotation == "NO"
    assert (dataset.BitsStored, dataset.HighBit, dataset.BitsAllocated) == (12, 11, 16)
    assert (dataset.Rows, dataset.Columns) == (1024, 1024)


def test_both_storage_classes_and_polarities_occur_and_show_the_same_picture(drawn):
    phantom, _ = drawn
    kinds = set()
    for seed in range(16):
        dataset, _ = _dataset(drawn, seed)
        kinds.add((dataset.Modality, dataset.PhotometricInterpretation))
        assert dataset.pixel_array.max() < 4096
        assert np.abs(_shown(dataset) * 255 - phantom.pixels).max() < 0.6
        assert dataset.PresentationLUTShape == (
            "INVERSE" if dataset.PhotometricInterpretation == "MONOCHROME1" else "IDENTITY"
        )
        assert (dataset.Modality == "DX") == (dataset.get("PresentationIntentType") == "FOR PRESENTATION")
    assert {modality for modality, _ in kinds} == {"DX", "CR"}
    assert {polarity for _, polarity in kinds} == {"MONOCHROME1", "MONOCHROME2"}


def test_uids_are_valid_deterministic_and_distinct(drawn):
    first, data = _dataset(drawn, seed=0)
    _, again = _dataset(drawn, seed=0)
    other, _ = _dataset(drawn, seed=0, index=8)
    assert data == again
    uids = [first.SOPInstanceUID, first.SeriesInstanceUID, first.StudyInstanceUID]
    uids += [other.SOPInstanceUID, other.SeriesInstanceUID, other.StudyInstanceUID]
    assert len(set(uids)) == 6
    assert all(uid.is_valid and uid.startswith("2.25.") for uid in uids)


def test_a_set_of_dicom_files_names_them_in_its_label_table(tmp_path):
    result = write_phantoms(tmp_path, films=2, seed=3, dicom=True, workers=1)
    rows = list(csv.reader(result.labels.open()))[1:]
    for row, path in zip(rows, result.images, strict=True):
        assert path.name == row[0]
        dataset = pydicom.dcmread(path)
        assert dataset.PatientID == f"{int(row[3]):08d}"
        assert dataset.PatientSex == row[5]
        assert dataset.ViewPosition == row[6]
        assert float(dataset.ImagerPixelSpacing[0]) == float(row[9])
