"""Reading one frontal chest film from PNG, JPEG or DICOM."""

from cxr_shared.film.film import (
    Film,
    Identity,
    PatientOrientation,
    PixelSpacing,
    Refusal,
    RefusalKind,
    SpacingOrigin,
    ViewPosition,
    Voi,
    VoiFunction,
    VoiLut,
    Window,
)
from cxr_shared.film.presentation import default_window, present
from cxr_shared.film.read import read_film

__all__ = [
    "Film",
    "Identity",
    "PatientOrientation",
    "PixelSpacing",
    "Refusal",
    "RefusalKind",
    "SpacingOrigin",
    "ViewPosition",
    "Voi",
    "VoiFunction",
    "VoiLut",
    "Window",
    "default_window",
    "present",
    "read_film",
]
