"""A header without identifiers, PS3.15 Annex E.

What is written about a film takes nothing from its file but what `source.read_source` copies. So the profile is applied
to that, before anything is made of it, and no object ever holds what was to be removed. Of the attributes of table
E.1-1 that are copied, by the basic profile:

* UIDs (U) are replaced by keyed hashes, the same in every export of a site;
* Patient's Name and Patient ID (Z) by a pseudonym, also a keyed hash;
* birth date, sex, study date and time, accession number, study ID and referring physician (Z) are emptied;
* all others that identify or are free text (X) are left out: age, size, weight, descriptions, dates of acquisition,
  station, institution and serial number.

Manufacturer and model of the acquisition equipment, geometry and Burned In Annotation, on which the profile does not
act, are kept. Pixels are not looked into: PS3.15 E.3.1 (clean pixel data) is not claimed.
"""

from __future__ import annotations

from typing import Final

from pydicom.dataset import Dataset

from cxr_desktop.report.dicom.source import EMPTY_IF_ABSENT
from cxr_desktop.report.pseudonyms import Pseudonyms

_REPLACED_UIDS: Final = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
_KEPT: Final = (
    "SpecificCharacterSet",
    "SOPClassUID",
    "Modality",
    "Rows",
    "Columns",
    "PatientOrientation",
    "PixelSpacing",
    "ImagerPixelSpacing",
    "BurnedInAnnotation",
    "Manufacturer",
    "ManufacturerModelName",
)


def without_identity(source: Dataset, names: Pseudonyms) -> Dataset:
    """Make the header from which objects of a de-identified export are made; `source` is left as it is."""
    clean = Dataset()
    for keyword in _KEPT:
        if keyword in source:
            setattr(clean, keyword, source[keyword].value)
    for keyword in _REPLACED_UIDS:
        setattr(clean, keyword, names.uid(source[keyword].value))
    for keyword in EMPTY_IF_ABSENT:
        setattr(clean, keyword, "")
    clean.PatientID = names.patient(str(source.PatientID))
    clean.PatientName = f"Pseudonym^{clean.PatientID}" if clean.PatientID else ""
    return clean
