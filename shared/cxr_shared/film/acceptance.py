"""Whether a DICOM object is one frontal chest film, by its attributes.

Accepted are the modalities CR, DX and RG where nothing names another part of the body (many devices leave
Body Part Examined empty), and OT or SC, as screens are captured, where something names the chest.
"""

from __future__ import annotations

import re
from typing import Final

from pydicom.dataset import Dataset

from cxr_shared.film.film import RefusalKind, ViewPosition
from cxr_shared.film.refusals import FilmRefusedError
from cxr_shared.film.tags import code, code_meaning, integer, text

_FILM_MODALITIES: Final = frozenset({"CR", "DX", "RG"})
_CAPTURE_MODALITIES: Final = frozenset({"OT", "SC"})
_MODALITY_OF_CLASS: Final = {
    "1.2.840.10008.5.1.4.1.1.1": "CR",
    "1.2.840.10008.5.1.4.1.1.1.1": "DX",
    "1.2.840.10008.5.1.4.1.1.1.1.1": "DX",
    "1.2.840.10008.5.1.4.1.1.7": "SC",
}
_UNSPECIFIC_PARTS: Final = frozenset({"", "UNKNOWN", "UNSPECIFIED", "OTHER", "NONE", "NA", "N/A", "DEFAULT"})

_CHEST: Final = re.compile(r"CHEST|THORA|TORAC|TORAX|LUNG|PULMO|POUMON|PECHO|\bCXR\b")
_LATERAL: Final = re.compile(r"\bLAT(ERAL)?\b|\bDECUB\w*|\bOBL(IQUE)?\b|\b[LR]L\b|\b[LR]L[DO]\b")
_FRONTAL: Final = {
    ViewPosition.PA: re.compile(r"\bPA\b|\bPOSTERO ?ANTERIOR\b"),
    ViewPosition.AP: re.compile(r"\bAP\b|\bANTERO ?POSTERIOR\b"),
}
_PLAIN_CODE: Final = re.compile(r"[A-Z0-9 _]{1,16}")


def check_chest_film(dataset: Dataset) -> None:
    """Refuse what is not one still radiograph of a chest.

    Raises
    ------
    FilmRefusedError
        NOT_A_CHEST_FILM or MULTI_FRAME.
    """
    modality = code(dataset, "Modality") or _MODALITY_OF_CLASS.get(text(dataset, "SOPClassUID"), "")
    if modality not in _FILM_MODALITIES | _CAPTURE_MODALITIES:
        raise _not_chest(f"The modality is {_named(modality)}; films are radiographs (CR, DX or RG).")
    frames = integer(dataset, "NumberOfFrames", 1)
    if frames is not None and frames > 1:
        raise FilmRefusedError(
            RefusalKind.MULTI_FRAME,
            f"This file holds {frames} frames; a film has one. Export the frame you need.",
        )
    _check_body_part(dataset, needs_evidence=modality in _CAPTURE_MODALITIES)
    if code(dataset, "PresentationIntentType") == "FOR PROCESSING":
        raise _not_chest(
            "This is the detector's raw image (Presentation Intent Type FOR PROCESSING), whose contrast is "
            "not that of a film. Send the image FOR PRESENTATION of the same exposure."
        )


def names_chest(dataset: Dataset) -> bool | None:
    """Whether attributes name the chest, or another part of the body; None where they name neither.

    Body Part Examined and Anatomic Region decide; without them the words of the descriptions can only say that it is
    the chest. An archive's answer to a query will do as well as a film.
    """
    named = _named_part(dataset)
    if named:
        return bool(_CHEST.search(named))
    return True if _described_as_chest(dataset) else None


def view_of(dataset: Dataset) -> ViewPosition:
    """Tell the projection of a film.

    The most explicit statement decides: View Position (0018,5101), then View Code Sequence (0054,0220),
    then Patient Orientation (0020,0020), and only without these the words of the descriptions. Words that
    name both a frontal and a lateral view describe the whole study, and say nothing.
    """
    for statement in (code(dataset, "ViewPosition"), code_meaning(dataset, "ViewCodeSequence").upper()):
        view = _view_in(statement)
        if view is not None:
            return view
        if _LATERAL.search(_words(statement)):
            return ViewPosition.LATERAL
    rows_and_columns = code(dataset, "PatientOrientation").split("\\")
    if any(direction.startswith(("A", "P")) for direction in rows_and_columns):
        return ViewPosition.LATERAL
    described = f"{code(dataset, 'SeriesDescription')} {code(dataset, 'ProtocolName')}"
    view = _view_in(described)
    if view is None and _LATERAL.search(_words(described)) and not _frontal_words(described):
        return ViewPosition.LATERAL
    return view or ViewPosition.UNKNOWN


def check_frontal(view: ViewPosition) -> None:
    """Refuse a view that is not frontal.

    Raises
    ------
    FilmRefusedError
        LATERAL.
    """
    if view is ViewPosition.LATERAL:
        raise FilmRefusedError(
            RefusalKind.LATERAL,
            "This is a lateral, oblique or decubitus view; only frontal films (PA or AP) are scored. "
            "Choose the frontal film of the same study.",
        )


def _view_in(statement: str) -> ViewPosition | None:
    """Give PA or AP where exactly one of them is named and no other view is."""
    words = _words(statement)
    named = [view for view, pattern in _FRONTAL.items() if pattern.search(words)]
    return named[0] if len(named) == 1 and not _LATERAL.search(words) else None


def _frontal_words(statement: str) -> bool:
    words = _words(statement)
    return "FRONTAL" in words.split() or any(pattern.search(words) for pattern in _FRONTAL.values())


def _words(statement: str) -> str:
    """Separate words, so that ``PA_LAT`` and ``postero-anterior`` are found."""
    return re.sub(r"[^A-Z0-9]+", " ", statement.upper())


def _check_body_part(dataset: Dataset, *, needs_evidence: bool) -> None:
    named = _named_part(dataset)
    if named and not _CHEST.search(named):
        raise _not_chest(f"The part of the body is {_named(named)}, not the chest.")
    if needs_evidence and not named and not _described_as_chest(dataset):
        raise _not_chest("This is a captured screen or document; no attribute says that it shows a chest.")


def _named_part(dataset: Dataset) -> str:
    """Give the part of the body that is named first, in capitals; empty where none is."""
    parts = code(dataset, "BodyPartExamined"), code_meaning(dataset, "AnatomicRegionSequence").upper()
    return next((part for part in parts if part not in _UNSPECIFIC_PARTS), "")


def _described_as_chest(dataset: Dataset) -> bool:
    keywords = ("SeriesDescription", "StudyDescription", "ProtocolName")
    return any(_CHEST.search(code(dataset, keyword)) for keyword in keywords)


def _named(value: str) -> str:
    """Quote a code of the standard; anything else might be patient data written in the wrong place."""
    if not value:
        return "not given"
    return f"'{value}'" if _PLAIN_CODE.fullmatch(value) else "not one that the standard knows"


def _not_chest(message: str) -> FilmRefusedError:
    return FilmRefusedError(RefusalKind.NOT_A_CHEST_FILM, message)
