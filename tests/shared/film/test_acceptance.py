"""What is a frontal chest film by its tags, and what its tags tell."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from cxr_shared.film import Film, PixelSpacing, RefusalKind, SpacingOrigin, ViewPosition


def _coded(meaning):
    item = Dataset()
    item.CodeMeaning = meaning
    return Sequence([item])


@pytest.mark.parametrize(
    "attributes",
    [
        {"Modality": "CR"},
        {"Modality": "DX"},
        {"Modality": "RG"},
        {"Modality": "OT"},
        {"Modality": "SC"},
        {"Modality": "CR", "BodyPartExamined": ""},
        {"Modality": "DX", "BodyPartExamined": "UNKNOWN"},
        {"Modality": "DX", "BodyPartExamined": "PORT CHEST"},
        {"Modality": "DX", "BodyPartExamined": "THORAX"},
        {"Modality": "OT", "BodyPartExamined": "", "StudyDescription": "Chest X-ray"},
        {"Modality": "DX", "BodyPartExamined": "", "AnatomicRegionSequence": _coded("Chest")},
        {"Modality": "", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.1"},
        {"NumberOfFrames": 1},
        {"PresentationIntentType": "FOR PRESENTATION"},
    ],
    ids=str,
)
def test_chest_films_are_read(make_dicom, film_of, smooth, attributes):
    assert film_of(make_dicom(smooth, **attributes)).shape == smooth.shape


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"Modality": "CT"}, "CT"),
        ({"Modality": "MR"}, "MR"),
        ({"Modality": "US"}, "US"),
        ({"Modality": "MG"}, "MG"),
        ({"Modality": "RF"}, "RF"),
        ({"Modality": "", "SOPClassUID": "1.2.3"}, "not given"),
        ({"BodyPartExamined": "HAND"}, "HAND"),
        ({"BodyPartExamined": "ABDOMEN"}, "ABDOMEN"),
        ({"BodyPartExamined": "", "AnatomicRegionSequence": _coded("Knee")}, "KNEE"),
        ({"Modality": "OT", "BodyPartExamined": ""}, "no attribute says"),
        ({"PresentationIntentType": "FOR PROCESSING"}, "FOR PRESENTATION"),
    ],
    ids=str,
)
def test_other_objects_are_refused_by_name(make_dicom, refusal_of, smooth, attributes, said):
    refusal = refusal_of(make_dicom(smooth, **attributes))
    assert refusal.kind is RefusalKind.NOT_A_CHEST_FILM
    assert said in refusal.message


@pytest.mark.filterwarnings("ignore:Invalid value")
def test_patient_data_in_a_wrong_tag_is_not_repeated(make_dicom, refusal_of, smooth):
    refusal = refusal_of(make_dicom(smooth, BodyPartExamined="Doe^Jane"))
    assert "DOE" not in refusal.message.upper()


@pytest.mark.parametrize("frames", [2, 30])
def test_several_frames_are_refused(make_dicom, refusal_of, smooth, frames):
    refusal = refusal_of(make_dicom(smooth, NumberOfFrames=frames))
    assert refusal.kind is RefusalKind.MULTI_FRAME
    assert str(frames) in refusal.message


@pytest.mark.parametrize(
    "attributes",
    [
        *({"ViewPosition": view} for view in ("LL", "RL", "LLD", "RLD", "LLO", "RLO", "LAT", "LATERAL")),
        {"ViewPosition": "LEFT LATERAL"},
        {"ViewPosition": "OBLIQUE"},
        {"ViewPosition": "", "ViewCodeSequence": _coded("left lateral")},
        {"ViewPosition": "", "PatientOrientation": ["A", "F"]},
        {"ViewPosition": "", "PatientOrientation": ["P", "F"]},
        {"ViewPosition": "", "PatientOrientation": ["PR", "F"]},
        {"ViewPosition": "", "SeriesDescription": "view: LATERAL"},
        {"ViewPosition": "", "SeriesDescription": "W033 Thorax lat."},
        {"ViewPosition": "", "ProtocolName": "Chest_LAT"},
    ],
    ids=str,
)
def test_lateral_views_are_refused(make_dicom, refusal_of, smooth, attributes):
    assert refusal_of(make_dicom(smooth, **attributes)).kind is RefusalKind.LATERAL


@pytest.mark.parametrize(
    ("attributes", "view"),
    [
        ({"ViewPosition": "PA"}, ViewPosition.PA),
        ({"ViewPosition": "AP"}, ViewPosition.AP),
        ({"ViewPosition": "AP SUPINE"}, ViewPosition.AP),
        ({"ViewPosition": "PA", "SeriesDescription": "LATERAL"}, ViewPosition.PA),
        ({"ViewPosition": ""}, ViewPosition.UNKNOWN),
        ({"ViewPosition": "", "ViewCodeSequence": _coded("postero-anterior")}, ViewPosition.PA),
        ({"ViewPosition": "", "ViewCodeSequence": _coded("antero-posterior")}, ViewPosition.AP),
        ({"ViewPosition": "", "PatientOrientation": ["L", "F"]}, ViewPosition.UNKNOWN),
        ({"ViewPosition": "", "SeriesDescription": "view: PA"}, ViewPosition.PA),
        ({"ViewPosition": "", "SeriesDescription": "Chest PA and LAT"}, ViewPosition.UNKNOWN),
        ({"ViewPosition": "", "SeriesDescription": "bilateral infiltrates"}, ViewPosition.UNKNOWN),
        ({"ViewPosition": "", "SeriesDescription": "Chest AP/PA"}, ViewPosition.UNKNOWN),
    ],
    ids=str,
)
def test_frontal_views_are_told(make_dicom, film_of, smooth, attributes, view):
    assert film_of(make_dicom(smooth, **attributes)).view is view


@pytest.mark.parametrize(
    ("attributes", "spacing"),
    [
        ({"PixelSpacing": [0.14, 0.15]}, PixelSpacing(0.14, 0.15, SpacingOrigin.PIXEL_SPACING)),
        ({"ImagerPixelSpacing": [0.2, 0.2]}, PixelSpacing(0.2, 0.2, SpacingOrigin.IMAGER_PIXEL_SPACING)),
        (
            {"PixelSpacing": [0.1, 0.1], "ImagerPixelSpacing": [0.2, 0.2]},
            PixelSpacing(0.1, 0.1, SpacingOrigin.PIXEL_SPACING),
        ),
        (
            {"PixelSpacing": [0, 0], "ImagerPixelSpacing": [0.2, 0.2]},
            PixelSpacing(0.2, 0.2, SpacingOrigin.IMAGER_PIXEL_SPACING),
        ),
        ({"PixelSpacing": 0.1}, None),
        ({}, None),
    ],
    ids=str,
)
def test_spacing_names_its_origin(make_dicom, film_of, smooth, attributes, spacing):
    assert film_of(make_dicom(smooth, **attributes)).spacing == spacing


@pytest.mark.parametrize(
    ("attributes", "acquired"),
    [
        ({"AcquisitionDateTime": "20240229123456.789+0100"}, "2024-02-29T12:34:56"),
        ({"AcquisitionDate": "20200101", "AcquisitionTime": "0102"}, "2020-01-01"),
        ({"AcquisitionDate": "20200101", "AcquisitionTime": "010203.5"}, "2020-01-01T01:02:03"),
        ({"ContentDate": "20200102", "StudyDate": "20200101"}, "2020-01-02"),
        ({"AcquisitionDate": "20201399", "StudyDate": "20200101", "StudyTime": ""}, "2020-01-01"),
        ({"StudyDate": "2020.03.04"}, "2020-03-04"),
        ({}, ""),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:Invalid value")
def test_the_time_is_that_of_the_exposure(make_dicom, film_of, smooth, attributes, acquired):
    assert film_of(make_dicom(smooth, **attributes)).identity.acquired == acquired


def test_identifiers_are_read(make_dicom, film_of, smooth):
    film: Film = film_of(
        make_dicom(
            smooth,
            PatientID="42",
            PatientName="Müller^Änne",
            SpecificCharacterSet="ISO_IR 192",
            PatientAge="058Y",
            PatientSex="F",
            AccessionNumber="A1",
            StudyInstanceUID="1.2",
            SeriesInstanceUID="1.3",
        )
    )
    identity = film.identity
    assert (identity.patient_id, identity.patient_name) == ("42", "Müller^Änne")
    assert (identity.patient_age, identity.patient_sex, identity.accession_number) == ("058Y", "F", "A1")
    assert (identity.study_uid, identity.series_uid, identity.sop_uid) == ("1.2", "1.3", "1.2.3.4")
    assert film.bits == 16
    assert np.isfinite(film.pixels).all()


def test_a_film_without_preamble_or_meta_information_is_read(make_dicom, film_of, smooth):
    data = make_dicom(smooth)
    body = data[data.index(b"\x08\x00\x16\x00") :]
    assert np.array_equal(film_of(body).pixels, smooth)
    assert np.array_equal(film_of(data[132:]).pixels, smooth)
