"""The attributes that are asked for, and answers that may say anything, read within bounds."""

from __future__ import annotations

import re
from dataclasses import replace
from enum import StrEnum
from typing import Final

from pydicom.dataset import Dataset

from cxr_desktop.pacs.query.model import Found, Query
from cxr_shared.film.identity import iso_time
from cxr_shared.film.tags import integer, text

_UID: Final = re.compile(r"\d+(\.\d+)*")
_UID_LENGTH: Final = 64
_LENGTH: Final = 256
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_UNICODE: Final = "ISO_IR 192"


class Level(StrEnum):
    """Query/Retrieve Level (0008,0052)."""

    STUDY = "STUDY"
    SERIES = "SERIES"
    IMAGE = "IMAGE"


_ASKED: Final = {
    Level.STUDY: (
        "StudyInstanceUID",
        "StudyDate",
        "StudyTime",
        "StudyDescription",
        "AccessionNumber",
        "ModalitiesInStudy",
        "PatientID",
        "IssuerOfPatientID",
        "PatientName",
        "PatientBirthDate",
        "PatientSex",
        "NumberOfStudyRelatedInstances",
    ),
    Level.SERIES: (
        "SeriesInstanceUID",
        "Modality",
        "SeriesDescription",
        "BodyPartExamined",
        "ProtocolName",
        "NumberOfSeriesRelatedInstances",
    ),
    Level.IMAGE: ("SOPInstanceUID", "SOPClassUID", "NumberOfFrames"),
}


def asked(level: Level) -> tuple[str, ...]:
    """Keywords of what is asked for at a level."""
    return _ASKED[level]


def study_keys(query: Query, modality: str) -> Dataset:
    """Write the keys of a study query for one modality; an empty one stands for any."""
    keys = _keys(Level.STUDY)
    keys.StudyDate = query.dates
    keys.PatientID, keys.AccessionNumber = query.patient_id, query.accession_number
    keys.ModalitiesInStudy = modality
    if query.issuer:
        keys.IssuerOfPatientID = query.issuer
    if not f"{query.patient_id}{query.accession_number}{query.issuer}".isascii():
        keys.SpecificCharacterSet = _UNICODE
    return keys


def series_keys(study_uid: str) -> Dataset:
    """Write the keys for all series of a study."""
    keys = _keys(Level.SERIES)
    keys.StudyInstanceUID = study_uid
    return keys


def instance_keys(study_uid: str, series_uid: str) -> Dataset:
    """Write the keys for all instances of a series."""
    keys = _keys(Level.IMAGE)
    keys.StudyInstanceUID, keys.SeriesInstanceUID = study_uid, series_uid
    return keys


def uid_in(answer: Dataset, keyword: str) -> str:
    """Give a UID, PS3.5 9.1; empty where it is absent or anything else, a path for instance."""
    uid = text(answer, keyword)
    return uid if len(uid) <= _UID_LENGTH and _UID.fullmatch(uid) else ""


def found_in(answer: Dataset, peer: str, wanted: tuple[str, ...]) -> Found | None:
    """Read a study's answer; None where it has no study UID to fetch it by."""
    uid = uid_in(answer, "StudyInstanceUID")
    if not uid:
        return None
    return Found(
        peer=peer,
        study_uid=uid,
        wanted=wanted,
        patient_id=_line(answer, "PatientID"),
        issuer=_line(answer, "IssuerOfPatientID"),
        patient_name=_line(answer, "PatientName"),
        birth_date=iso_time(text(answer, "PatientBirthDate")),
        sex=_line(answer, "PatientSex"),
        acquired=iso_time(text(answer, "StudyDate"), text(answer, "StudyTime")),
        description=_line(answer, "StudyDescription"),
        body_part=_line(answer, "BodyPartExamined"),
        accession_number=_line(answer, "AccessionNumber"),
        modalities=modalities_in(answer),
        instances=count_in(answer, "NumberOfStudyRelatedInstances"),
    )


def with_series(found: Found, answers: list[Dataset]) -> Found:
    """Add what a study's series, those that are films, say."""
    counts = [count_in(answer, "NumberOfSeriesRelatedInstances") for answer in answers]
    parts = {part for answer in answers if (part := _line(answer, "BodyPartExamined"))}
    described = next(filter(None, (_line(answer, "SeriesDescription") for answer in answers)), "")
    return replace(
        found,
        series=tuple(uid_in(answer, "SeriesInstanceUID") for answer in answers),
        modalities=found.modalities or tuple(sorted({_line(each, "Modality").upper() for each in answers} - {""})),
        description=found.description or described,
        body_part=", ".join(sorted(parts)) or found.body_part,
        instances=None if None in counts else sum(count or 0 for count in counts),
    )


def modalities_in(answer: Dataset) -> tuple[str, ...]:
    """Give the modalities of a study; empty where it does not say."""
    return tuple(filter(None, (each.strip() for each in _line(answer, "ModalitiesInStudy").upper().split("\\"))))


def count_in(answer: Dataset, keyword: str) -> int | None:
    """Give a number of instances; None where it is absent or cannot be one."""
    count = integer(answer, keyword)
    return count if count is not None and count >= 0 else None


def _keys(level: Level) -> Dataset:
    keys = Dataset()
    keys.QueryRetrieveLevel = level.value
    for keyword in _ASKED[level]:
        setattr(keys, keyword, None if keyword.startswith("NumberOf") else "")
    return keys


def _line(answer: Dataset, keyword: str) -> str:
    """Give a text as one short line."""
    return _CONTROL.sub(" ", text(answer, keyword)[:_LENGTH]).strip()
