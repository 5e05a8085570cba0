"""The film's own header, as far as what is written about the film needs it.

Files from anywhere do not keep to the standard, and what is copied from them must: an attribute is taken only where
its value is valid for its value representation, and those of type 2 (PS3.5 7.4.3) are empty where the file has none.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Final

from pydicom import config
from pydicom.dataset import Dataset
from pydicom.uid import UID
from pydicom.valuerep import validate_value

from cxr_shared.errors import CxrError
from cxr_shared.film.header import is_dicom, read_header
from cxr_shared.film.identity import read_orientation
from cxr_shared.film.refusals import FilmRefusedError
from cxr_shared.film.tags import integer, text, value_of

UTF8: Final = "ISO_IR 192"
"""Specific Character Set of all that is written (PS3.3 C.12.1.1.2)."""

EMPTY_IF_ABSENT: Final = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
)
_PATIENT_AND_STUDY: Final = (
    *EMPTY_IF_ABSENT,
    "IssuerOfPatientID",
    "PatientBirthTime",
    "PatientAge",
    "PatientSize",
    "PatientWeight",
    "StudyDescription",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
)
_IMAGE: Final = (
    "Modality",
    "PixelSpacing",
    "ImagerPixelSpacing",
    "BurnedInAnnotation",
    "AcquisitionDate",
    "AcquisitionTime",
)
_EQUIPMENT: Final = (
    "Manufacturer",
    "ManufacturerModelName",
    "DeviceSerialNumber",
    "StationName",
    "InstitutionName",
)
_SEXES: Final = ("M", "F", "O")


class NoStudyError(CxrError):
    """A film that belongs to no DICOM study, so that nothing can be added to one.

    Parameters
    ----------
    label
        What the person knows the film by.
    why
        What is missing, as the end of a sentence.
    """

    def __init__(self, label: str, why: str) -> None:
        super().__init__(f"{label} {why}, so there is no study to add DICOM objects to; export it as PDF or JSON.")


def read_source(path: Path, label: str) -> Dataset:
    """Read what objects about a film take from its file: patient, study, equipment and its UIDs.

    Parameters
    ----------
    path
        The film.
    label
        What it is called in an error.

    Returns
    -------
    Dataset
        Valid values only, text as Unicode; no sequence, no private attribute and no pixel data. Patient Orientation
        (0020,0020) is in it only where it is two possible directions.

    Raises
    ------
    NoStudyError
        It is no DICOM file, cannot be read, or lacks one of its UIDs.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # values are judged below
            return _read(path, label)
    except (OSError, FilmRefusedError) as error:
        raise NoStudyError(label, "could not be read again") from error


def _read(path: Path, label: str) -> Dataset:
    with path.open("rb") as stream:
        head = stream.read(132)
        stream.seek(0)
        if not is_dicom(head):
            raise NoStudyError(label, "is no DICOM file")
        try:
            header = read_header(stream).dataset
        except FilmRefusedError:
            raise
        except Exception as error:  # a hostile file can make a parser raise anything
            raise NoStudyError(label, f"has a damaged header ({type(error).__name__})") from error
    source = Dataset()
    source.SpecificCharacterSet = UTF8
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID"):
        uid = UID(text(header, keyword))
        if not uid or not uid.is_valid:
            raise NoStudyError(label, f"has no valid {keyword}")
        setattr(source, keyword, uid)
    for keyword in (*_PATIENT_AND_STUDY, *_IMAGE, *_EQUIPMENT):
        _copy(header, source, keyword)
    if read_orientation(header) is not None:
        source.PatientOrientation = value_of(header, "PatientOrientation")
    source.Rows, source.Columns = integer(header, "Rows", 0), integer(header, "Columns", 0)
    return source


def _copy(header: Dataset, source: Dataset, keyword: str) -> None:
    value = value_of(header, keyword)
    if value is None or not _valid(header, keyword) or (keyword == "PatientSex" and value not in _SEXES):
        value = ""
    if value == "" and keyword not in EMPTY_IF_ABSENT:
        return
    setattr(source, keyword, value)


def _valid(header: Dataset, keyword: str) -> bool:
    """Whether every value of an attribute fits its value representation."""
    try:
        element = header[keyword]
        values = element.value if element.VM > 1 else [element.value]
        for value in values:
            validate_value(element.VR, str(value), config.RAISE)
    except Exception:  # noqa: BLE001  (whatever a parser makes of a hostile value, it is not taken)
        return False
    return True


def burned_in(source: Dataset) -> bool | None:
    """Whether the film says that its pixels hold text that names the patient, (0028,0301); None: unsaid."""
    said = text(source, "BurnedInAnnotation").upper()
    return {"YES": True, "NO": False}.get(said)
