"""The one pixel path: from a film to what a model sees.

The trainer's cache, the exporter's calibration films and the desktop all call `model_input`, so that a model
is asked about what it was taught.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from cxr_shared.bundle.parts import InputSpec
from cxr_shared.film import Film
from cxr_shared.film.presentation import present_grey
from cxr_shared.opencv import cv2

PIXEL_PATH_VERSION: Final = 1
"""Raised whenever `model_input` would give other pixels for the same film."""

GreyImage = npt.NDArray[np.uint8]


def model_input(film: Film, spec: InputSpec) -> GreyImage:
    """Give the pixels a model takes.

    The film's default presentation is rounded to 256 grey levels, as NIH's PNGs hold it, before it is
    reduced by area interpolation: a PNG and the DICOM it was made from then give the same input.

    Parameters
    ----------
    film
        A film as read.
    spec
        Side S in pixels, and whether the aspect is kept by padding the shorter side with black.

    Returns
    -------
    (S, S) uint8, dense tissue bright.
    """
    grey = present_grey(film)
    if not spec.keep_aspect:
        return _resized(grey, rows=spec.size, columns=spec.size)
    rows, columns = grey.shape
    scale = spec.size / max(rows, columns)
    inner = _resized(grey, rows=max(1, round(rows * scale)), columns=max(1, round(columns * scale)))
    return _centred(inner, spec.size)


def _resized(grey: GreyImage, *, rows: int, columns: int) -> GreyImage:
    return np.asarray(cv2.resize(grey, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)


def _centred(inner: GreyImage, size: int) -> GreyImage:
    framed = np.zeros((size, size), np.uint8)
    top, left = (size - inner.shape[0]) // 2, (size - inner.shape[1]) // 2
    framed[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    return framed
