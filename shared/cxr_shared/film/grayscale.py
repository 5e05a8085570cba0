"""Stored values → modality transform → VOI transforms → polarity, DICOM PS3.3 C.11.1, C.11.2 and C.7.6.3.1.2.

Polarity is normalised by mirroring the values at the middle of their range, ``x → lowest + highest − x``,
and the VOI transforms with them, so that nothing behind the readers has to know of MONOCHROME1.

A film is inverted, once, where Photometric Interpretation (0028,0004) is MONOCHROME1 or Presentation LUT
Shape (2050,0020) is INVERSE. The standard ties each to the other (C.8.11.3: INVERSE shall be used with
MONOCHROME1, IDENTITY with MONOCHROME2), so both together are still one inversion. Where a file contradicts
itself, the attribute that a device does not write by default decides: MONOCHROME1 with IDENTITY is known of
real DX objects whose shape is wrong, and INVERSE with MONOCHROME2 is, by C.11.6, to be inverted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from cxr_shared.film.film import FloatImage, RefusalKind, Voi, VoiFunction, VoiLut, Window
from cxr_shared.film.lut import Lut, read_lut
from cxr_shared.film.presentation import as_exact
from cxr_shared.film.refusals import FilmRefusedError
from cxr_shared.film.tags import code, items, numbers, text, value_of

Samples = npt.NDArray[Any]

_LARGEST_VALUE: Final = 1e9


@dataclass(frozen=True, slots=True)
class Grey:
    """Normalised values of a film and the VOI transforms in their units."""

    pixels: FloatImage
    vois: tuple[Voi, ...]


@dataclass(frozen=True, slots=True)
class _Values:
    """Values after the modality transform, ``scale · stored + offset``, and the range they can have."""

    stored: Samples
    scale: float
    offset: float
    lowest: float
    highest: float


def normalise(stored: Samples, dataset: Dataset, *, bits: int, signed: bool) -> Grey:
    """Apply the modality transform and normalise polarity and padding.

    Parameters
    ----------
    stored
        (H, W) integers as stored, unused bits removed.
    dataset
        The data set they belong to.
    bits
        Bits Stored (0028,0101).
    signed
        Pixel Representation (0028,0103) is 1.

    Raises
    ------
    FilmRefusedError
        BLANK where every valid pixel has one value, UNDECODABLE where the rescale is not usable.
    """
    padding = padding_mask(stored, dataset, signed=signed)
    values = _modality(stored, dataset, bits=bits, signed=signed)
    inverted = is_inverted(dataset)
    mirror = values.lowest + values.highest if inverted else None
    pixels = _as_float(values, mirror)
    if padding is not None:
        _darken(pixels, padding)
    refuse_blank(pixels)
    return Grey(pixels, tuple(_mirrored(voi, mirror) for voi in read_vois(dataset, lowest=values.lowest)))


def is_inverted(dataset: Dataset) -> bool:
    """Whether the smallest value is shown white; the module's text gives the rule."""
    return (
        code(dataset, "PhotometricInterpretation") == "MONOCHROME1"
        or code(dataset, "PresentationLUTShape") == "INVERSE"
    )


def refuse_blank(pixels: FloatImage) -> None:
    """Refuse a film whose pixels all have the same value."""
    if float(pixels.min()) == float(pixels.max()):
        raise FilmRefusedError(
            RefusalKind.BLANK,
            "Every pixel of this image has the same value, so it shows nothing. Export it again.",
        )


def padding_mask(stored: Samples, dataset: Dataset, *, signed: bool) -> npt.NDArray[np.bool_] | None:
    """Mark pixels between Pixel Padding Value and Range Limit, PS3.3 C.7.5.1.1.2; None where none are."""
    bounds = [
        found
        for keyword in ("PixelPaddingValue", "PixelPaddingRangeLimit")
        if (found := _stored_number(dataset, keyword, signed=signed)) is not None
    ]
    if not bounds or value_of(dataset, "PixelPaddingValue") is None:
        return None
    low, high = min(bounds), max(bounds)
    mask: npt.NDArray[np.bool_] = (stored == low) if low == high else (stored >= low) & (stored <= high)
    return mask if mask.any() else None


def read_vois(dataset: Dataset, *, lowest: float) -> list[Voi]:
    """Read VOI LUTs, then windows, PS3.3 C.11.2, in the units after the modality transform.

    A LUT comes first because a device that writes one means it; its window is the approximation.

    Parameters
    ----------
    dataset
        The film's data set.
    lowest
        Smallest value possible after the modality transform, which tells how a LUT's first value is signed.
    """
    luts = [read_lut(item, signed=lowest < 0) for item in items(dataset, "VOILUTSequence")]
    found: list[Voi] = [lut.as_voi() for lut in luts if lut is not None]
    centers, widths = numbers(dataset, "WindowCenter"), numbers(dataset, "WindowWidth")
    explanations = text(dataset, "WindowCenterWidthExplanation").split("\\")
    function = _voi_function(dataset)
    for number, (center, width) in enumerate(zip(centers, widths, strict=False)):
        if width >= 1.0 if function is VoiFunction.LINEAR else width > 0.0:
            explanation = explanations[number] if number < len(explanations) else ""
            found.append(as_exact(Window(center, width, function, explanation)))
    return found


def _voi_function(dataset: Dataset) -> VoiFunction:
    name = code(dataset, "VOILUTFunction")
    return VoiFunction(name) if name in VoiFunction.__members__ else VoiFunction.LINEAR


def _stored_number(dataset: Dataset, keyword: str, *, signed: bool) -> int | None:
    """Give a US-or-SS attribute as a stored value, whichever of the two it was written as."""
    found = numbers(dataset, keyword)
    if not found:
        return None
    value = int(found[0]) & 0xFFFF
    return value - 0x10000 if signed and value >= 0x8000 else value


def _modality(stored: Samples, dataset: Dataset, *, bits: int, signed: bool) -> _Values:
    tables = [read_lut(item, signed=signed) for item in items(dataset, "ModalityLUTSequence")]
    if tables and tables[0] is not None:
        return _through_lut(stored, tables[0])
    scale = next(iter(numbers(dataset, "RescaleSlope")), 1.0) or 1.0
    offset = next(iter(numbers(dataset, "RescaleIntercept")), 0.0)
    first = -(2 ** (bits - 1)) if signed else 0
    ends = [scale * value + offset for value in (first, first + 2**bits - 1)]
    if max(abs(end) for end in ends) > _LARGEST_VALUE:
        raise FilmRefusedError(
            RefusalKind.UNDECODABLE,
            "Rescale Slope or Intercept (0028,1053/1052) is beyond any film. Export the film again.",
        )
    return _Values(stored, scale, offset, min(ends), max(ends))


def _through_lut(stored: Samples, lut: Lut) -> _Values:
    index = np.clip(stored.astype(np.int32) - lut.first, 0, len(lut.entries) - 1)
    return _Values(np.take(lut.entries, index), 1.0, 0.0, 0.0, float(2**lut.bits - 1))


def _as_float(values: _Values, mirror: float | None) -> FloatImage:
    """Convert once and in place: a film of 36 million pixels has few copies to spare."""
    scale = values.scale if mirror is None else -values.scale
    offset = values.offset if mirror is None else mirror - values.offset
    pixels = values.stored.astype(np.float32)
    if scale != 1.0:
        pixels *= np.float32(scale)
    if offset != 0.0:
        pixels += np.float32(offset)
    return pixels


def _darken(pixels: FloatImage, padding: npt.NDArray[np.bool_]) -> None:
    if padding.all():
        pixels.fill(0.0)
        return
    pixels[padding] = pixels.min(where=~padding, initial=np.inf)


def _mirrored(voi: Voi, mirror: float | None) -> Voi:
    if mirror is None:
        return voi
    if isinstance(voi, Window):
        return Window(mirror - voi.center, voi.width, voi.function, voi.explanation)
    last = voi.first + len(voi.table) - 1
    return VoiLut(mirror - last, np.ascontiguousarray(1.0 - voi.table[::-1]), voi.explanation)
