"""Identifiers, time, pixel spacing and orientation of a DICOM film."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from pydicom.dataset import Dataset

from cxr_shared.film.film import Identity, PatientOrientation, PixelSpacing, SpacingOrigin
from cxr_shared.film.tags import code, numbers, text

_DATE_AND_TIME: Final = (
    ("AcquisitionDate", "AcquisitionTime"),
    ("ContentDate", "ContentTime"),
    ("StudyDate", "StudyTime"),
)
_AXES: Final = ("RL", "AP", "HF")
_DATE: Final = re.compile(r"(\d{4})\.?(\d\d)\.?(\d\d)")
_TIME: Final = re.compile(r"(\d\d):?(\d\d):?(\d\d)")


def read_identity(dataset: Dataset) -> Identity:
    """Read who and what the film shows; absent attributes stay empty."""
    return Identity(
        patient_id=text(dataset, "PatientID"),
        patient_name=text(dataset, "PatientName"),
        patient_age=text(dataset, "PatientAge"),
        patient_sex=text(dataset, "PatientSex"),
        accession_number=text(dataset, "AccessionNumber"),
        study_uid=text(dataset, "StudyInstanceUID"),
        series_uid=text(dataset, "SeriesInstanceUID"),
        sop_uid=text(dataset, "SOPInstanceUID"),
        acquired=_acquired(dataset),
    )


def read_spacing(dataset: Dataset) -> PixelSpacing | None:
    """Read the pixel spacing, PS3.3 10.7.1.3.

    Pixel Spacing (0028,0030) comes first: where it differs from Imager Pixel Spacing (0018,1164), which is
    measured at the detector, it was corrected for magnification.
    """
    for origin in SpacingOrigin:
        spacing = numbers(dataset, origin.value)
        if len(spacing) == 2 and min(spacing) > 0.0:
            return PixelSpacing(spacing[0], spacing[1], origin)
    return None


def read_orientation(dataset: Dataset) -> PatientOrientation | None:
    """Read Patient Orientation (0020,0020); None where it is absent or impossible, as two edges along one axis are."""
    directions = code(dataset, "PatientOrientation").split("\\")
    if len(directions) != 2:
        return None
    axes = [[_axis(letter) for letter in direction] for direction in directions]
    if any(None in each or not each or len(set(each)) < len(each) for each in axes) or axes[0][0] == axes[1][0]:
        return None
    return PatientOrientation(directions[0], directions[1])


def _axis(letter: str) -> str | None:
    return next((axis for axis in _AXES if letter in axis), None)


def _acquired(dataset: Dataset) -> str:
    """Give the time of exposure, else of the image, else of the study, in ISO 8601."""
    combined = text(dataset, "AcquisitionDateTime")
    if found := iso_time(combined[:8], combined[8:14]):
        return found
    candidates = (iso_time(text(dataset, date), text(dataset, time)) for date, time in _DATE_AND_TIME)
    return next((found for found in candidates if found), "")


def iso_time(date: str, time: str = "") -> str:
    """Write a DICOM date (DA), with a time (TM) where it can be read, in ISO 8601; empty where it is no date."""
    day = _DATE.match(date)
    if not day:
        return ""
    clock = _TIME.match(time)
    written = "-".join(day.groups()) + ("T" + ":".join(clock.groups()) if clock else "")
    try:
        datetime.fromisoformat(written)
    except ValueError:
        return ""
    return written
