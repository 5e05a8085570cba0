"""What a film is once read, and what a refusal is."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

FloatImage: TypeAlias = npt.NDArray[np.float32]


class ViewPosition(StrEnum):
    """Projection of a film, DICOM (0018,5101); `UNKNOWN` where the file does not say.

    `LATERAL` stands for oblique and decubitus views too; such a film can be looked at and is never scored.
    """

    PA = "PA"
    AP = "AP"
    UNKNOWN = "unknown"
    LATERAL = "lateral"


class VoiFunction(StrEnum):
    """VOI LUT Function (0028,1056), DICOM PS3.3 C.11.2.1.3."""

    LINEAR = "LINEAR"
    LINEAR_EXACT = "LINEAR_EXACT"
    SIGMOID = "SIGMOID"


@dataclass(frozen=True, slots=True)
class Window:
    """A window in the units of `Film.pixels` (after polarity was normalised); `width` > 0."""

    center: float
    width: float
    function: VoiFunction = VoiFunction.LINEAR_EXACT
    explanation: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class VoiLut:
    """A VOI LUT in the units of `Film.pixels`: value ``first + i`` maps to ``table[i]`` in 0..1.

    Values below `first` take the first entry, values above the last the last (PS3.3 C.11.2.1.1).
    """

    first: float
    table: FloatImage
    explanation: str = ""


Voi: TypeAlias = Window | VoiLut


class SpacingOrigin(StrEnum):
    """Where a film's pixel spacing was read: distances differ by the magnification."""

    PIXEL_SPACING = "PixelSpacing"
    IMAGER_PIXEL_SPACING = "ImagerPixelSpacing"


@dataclass(frozen=True, slots=True)
class PixelSpacing:
    """Distance between pixel centres in mm, between rows and between columns, and its origin."""

    row_mm: float
    column_mm: float
    origin: SpacingOrigin


@dataclass(frozen=True, slots=True)
class PatientOrientation:
    """Where a film's rows and columns run in the patient, Patient Orientation (0020,0020), PS3.3 C.7.6.1.1.1.

    Attributes
    ----------
    row, column
        Towards the right edge and towards the bottom edge: one to three of the letters R, L, A, P, H and F, the
        main direction first.
    """

    row: str
    column: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Who and what a film shows, as the file says; empty where it does not. Patient data: never log it."""

    patient_id: str = ""
    patient_name: str = ""
    patient_age: str = ""
    patient_sex: str = ""
    accession_number: str = ""
    study_uid: str = ""
    series_uid: str = ""
    sop_uid: str = ""
    acquired: str = ""
    """ISO 8601 date or date and time."""


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """One frontal chest film.

    Attributes
    ----------
    pixels
        (H, W) float32 in stored-value units after the modality transform, polarity normalised so that
        dense tissue is bright. Padding pixels hold the lowest valid value, as collimated borders do.
    vois
        The file's VOI transforms, its default first; empty where the file gives none.
    bits
        Significant bits of a stored value, 1..16.
    source
        The file it was read from.
    view
        PA, AP or unknown; lateral only where that was asked for.
    spacing
        Millimetres a pixel, or None where the file does not say.
    identity
        Identifiers of the patient and of the objects.
    burned_in
        Whether the file says that its pixels hold text that may name the patient, DICOM (0028,0301).
    transfer_syntax
        DICOM transfer syntax UID, or the container's name (``"PNG"``, ``"JPEG"``).
    orientation
        Where its edges lie in the patient, or None where the file does not say.
    """

    pixels: FloatImage
    vois: tuple[Voi, ...]
    bits: int
    source: Path
    view: ViewPosition = ViewPosition.UNKNOWN
    spacing: PixelSpacing | None = None
    identity: Identity = field(default_factory=Identity)
    transfer_syntax: str = ""
    burned_in: bool = False
    orientation: PatientOrientation | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = self.pixels.shape
        return int(rows), int(columns)


class RefusalKind(StrEnum):
    """Why a file is not scored; the value is stable and goes into reports."""

    UNREADABLE = "unreadable"
    NOT_AN_IMAGE = "not-an-image"
    NOT_A_CHEST_FILM = "not-a-chest-film"
    LATERAL = "lateral-view"
    MULTI_FRAME = "multi-frame"
    COLOUR = "colour"
    UNDECODABLE = "undecodable"
    TOO_LARGE = "too-large"
    TOO_SMALL = "too-small"
    BLANK = "blank"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that is no readable frontal chest film: a result, never an exception.

    Attributes
    ----------
    kind
        The reason as a stable word.
    message
        The reason as a sentence that says what to do; it holds no patient data.
    source
        The file.
    identity
        Who and what it shows, as far as the file could be read.
    """

    kind: RefusalKind
    message: str
    source: Path
    identity: Identity = field(default_factory=Identity)
