"""Reading one frontal chest film from PNG, JPEG or DICOM."""

from cxr_shared.film.film import (
    Film,
    Identity,
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

__all__ = [
    "Film",
    "Identity",
    "PixelSpacing",
    "Refusal",
    "RefusalKind",
    "SpacingOrigin",
    "ViewPosition",
    "Voi",
    "VoiFunction",
    "VoiLut",
    "Window",
]
