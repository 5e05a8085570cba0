"""What is asked of an archive, what it answers, and what became of a fetch."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

from cxr_desktop.pacs.errors import NetworkError

FILM_MODALITIES: Final = ("CR", "DX")
"""Computed and digital radiography: what a chest film is as a rule."""
LIMIT: Final = 1000
_TEXT: Final = re.compile(r"[^\x00-\x1f\\]{0,64}")
_ACCESSION_LENGTH: Final = 16


class TooManyFound(NetworkError):
    """More answers than were asked for; those that were given stand."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"The archive has more than {limit:,} answers to this. Narrow the search by date, patient or accession "
            "number."
        )


class QueryImpossible(NetworkError):
    """What was entered cannot be asked of an archive."""


class LeftOut(StrEnum):
    """Why an answer is not among what was found; the words are for a person."""

    NOT_CHEST = "of another part of the body"
    OTHER_ISSUER = "of another hospital's patient"
    OTHER_MODALITY = "of another modality"
    NO_UID = "without a valid identifier"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for; by default every radiograph of any date.

    Attributes
    ----------
    since, until
        Study dates, both inclusive; None is without a bound.
    patient_id, accession_number
        As the archive has them; ``*`` and ``?`` stand for any characters. Empty: any.
    modalities
        Modalities in Study (0008,0061), any of them.
    issuer
        Issuer of Patient ID (0010,0021), where it is known.
    limit
        Most studies to be found.

    Raises
    ------
    QueryImpossible
        A value cannot be one of DICOM's, or the dates are in the wrong order.
    """

    since: date | None = None
    until: date | None = None
    patient_id: str = ""
    accession_number: str = ""
    modalities: tuple[str, ...] = FILM_MODALITIES
    issuer: str = ""
    limit: int = LIMIT

    def __post_init__(self) -> None:
        if self.since and self.until and self.since > self.until:
            raise QueryImpossible("The first date is after the last one.")
        if not (_TEXT.fullmatch(self.patient_id) and _TEXT.fullmatch(self.issuer)):
            raise QueryImpossible("A patient's identifier has at most 64 characters and no backslash.")
        if not _TEXT.fullmatch(self.accession_number) or len(self.accession_number) > _ACCESSION_LENGTH:
            raise QueryImpossible("An accession number has at most 16 characters and no backslash.")

    @classmethod
    def of_day(cls, day: date) -> Query:
        """Ask for a day's films."""
        return cls(since=day, until=day)

    @property
    def dates(self) -> str:
        """The range as DICOM writes it, PS3.4 C.2.2.2.5.1; empty for any date."""
        since, until = (f"{each:%Y%m%d}" if each else "" for each in (self.since, self.until))
        if since == until:
            return since
        return f"{since}-{until}"


class Identified(Protocol):
    """Whose film it is, and when it was made; `cxr_shared.film.Identity` is one."""

    @property
    def patient_id(self) -> str:
        """As the film says."""

    @property
    def study_uid(self) -> str:
        """Of the film's own study."""

    @property
    def acquired(self) -> str:
        """ISO 8601 date, or date and time."""


@dataclass(frozen=True, slots=True)
class Found:
    """A study that probably holds chest films; texts are as the archive gives them, empty where it does not.

    Attributes
    ----------
    peer
        Name of the archive's peer.
    study_uid
        Study Instance UID (0020,000D), checked to be one.
    series
        The series that are films; empty where that was not asked yet.
    wanted
        The modalities that were asked for.
    patient_id, issuer, patient_name, birth_date, sex
        Patient data; the name as ``Family^Given``, the date as in ISO 8601.
    acquired
        Study date, or date and time, in ISO 8601.
    description, body_part, accession_number, modalities
        Of the study, its series' in the second.
    instances
        Number of its instances; None where the archive does not say.
    """

    peer: str
    study_uid: str
    series: tuple[str, ...] = ()
    wanted: tuple[str, ...] = FILM_MODALITIES
    patient_id: str = field(default="", repr=False)
    issuer: str = field(default="", repr=False)
    patient_name: str = field(default="", repr=False)
    birth_date: str = field(default="", repr=False)
    sex: str = field(default="", repr=False)
    acquired: str = field(default="", repr=False)
    description: str = field(default="", repr=False)
    body_part: str = field(default="", repr=False)
    accession_number: str = field(default="", repr=False)
    modalities: tuple[str, ...] = ()
    instances: int | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a fetch is.

    Attributes
    ----------
    done, expected
        Instances; None where the archive does not say how many there are.
    bytes
        Received so far; 0 where they go to the receiver (C-MOVE).
    """

    done: int
    expected: int | None
    bytes: int


@dataclass(frozen=True, slots=True)
class Fetched:
    """What became of one study's fetch.

    Attributes
    ----------
    kept
        New films in the spool.
    known
        Films that were in the spool already.
    moved
        Instances that the archive says it sent to the receiver (C-MOVE).
    refused
        A sentence for each instance that was not kept, without patient data.
    complete
        Whether the archive gave all that it has; False after a stop or a trouble.
    trouble
        What ended it early.
    """

    kept: tuple[Path, ...] = ()
    known: tuple[Path, ...] = ()
    moved: int = 0
    refused: tuple[str, ...] = ()
    complete: bool = True
    trouble: NetworkError | None = None
