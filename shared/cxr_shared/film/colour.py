"""Colour images of grey films: exports and screen captures often hold three equal channels."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from cxr_shared.film.film import RefusalKind
from cxr_shared.film.refusals import FilmRefusedError

GREY_TOLERANCE: Final = 6 / 255
"""Largest difference between channels, as a part of full scale: what lossy chroma leaves of grey."""

COLOURED_PART: Final = 0.001
"""Largest part of the pixels that may exceed the tolerance."""

Samples = npt.NDArray[Any]


def grey_of_rgb(samples: Samples, *, full_scale: int) -> Samples:
    """Give the one grey channel of (H, W, 3) red, green and blue samples.

    Raises
    ------
    FilmRefusedError
        COLOUR: the channels differ by more than lossy compression explains.
    """
    red, green, blue = samples[..., 0], samples[..., 1], samples[..., 2]
    high = np.maximum(np.maximum(red, green), blue)
    high -= np.minimum(np.minimum(red, green), blue)
    _refuse_colour(high > GREY_TOLERANCE * full_scale)
    return np.ascontiguousarray(green)


def grey_of_ybr(samples: Samples, *, full_scale: int) -> Samples:
    """Give the luminance of (H, W, 3) YBR_FULL samples, PS3.3 C.7.6.3.1.2; refuse colour as `grey_of_rgb`."""
    neutral = (full_scale + 1) // 2
    limit = GREY_TOLERANCE * full_scale / 2  # a chroma step moves a channel by up to 1.77
    chroma = samples[..., 1:].astype(np.int32) - neutral
    _refuse_colour(np.abs(chroma).max(axis=-1) > limit)
    return np.ascontiguousarray(samples[..., 0])


def _refuse_colour(coloured: npt.NDArray[np.bool_]) -> None:
    if np.count_nonzero(coloured) > COLOURED_PART * coloured.size:
        raise FilmRefusedError(
            RefusalKind.COLOUR,
            "This is a colour image, so it is no X-ray film. Choose the film without coloured overlays.",
        )
