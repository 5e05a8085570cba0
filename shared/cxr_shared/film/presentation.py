"""From a film's stored values to the grey levels a reader sees, DICOM PS3.3 C.11.2."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from cxr_shared.film.film import Film, FloatImage, Voi, VoiFunction, VoiLut, Window
from cxr_shared.opencv import cv2

PERCENTILES: Final = (0.5, 99.5)
"""The part of a film's values that is shown where the file gives no VOI transform."""

_MAX_SAMPLE: Final = 1_000_000
_MIN_WIDTH: Final = 1e-3
_STRIP: Final = 2**16
"""Pixels of a strip."""


def present(film: Film, voi: Voi | None = None) -> FloatImage:
    """Apply a VOI transform: what a reader would see, as light.

    Parameters
    ----------
    film
        The film; its pixels are not changed.
    voi
        A window or VOI LUT in the units of ``film.pixels``; the film's default presentation where None:
        its first VOI, else the full range of 8-bit films, which were presented when they were saved,
        else the range between two percentiles.

    Returns
    -------
    (H, W) float32 in 0..1, dense tissue bright.
    """
    return _shown(film.pixels, voi if voi is not None else _default_voi(film))


def present_grey(film: Film) -> npt.NDArray[np.uint8]:
    """Give the default presentation rounded to 256 grey levels.

    It is made in strips of rows that stay in the processor's cache, pixel for pixel what `present` gives; a film of 9
    million pixels would otherwise pass through memory six times.

    Returns
    -------
    (H, W) uint8, dense tissue bright.
    """
    voi = _default_voi(film)
    rows, columns = film.shape
    grey = np.empty((rows, columns), np.uint8)
    step = max(1, _STRIP // columns)
    for start in range(0, rows, step):
        shown = _shown(film.pixels[start : start + step], voi)
        cv2.convertScaleAbs(shown, dst=grey[start : start + step], alpha=255.0)
    return grey


def _shown(pixels: FloatImage, voi: Voi) -> FloatImage:
    if isinstance(voi, VoiLut):
        return _look_up(pixels, voi)
    window = as_exact(voi)
    shown = np.subtract(pixels, np.float32(window.center), dtype=np.float32)
    width = max(window.width, _MIN_WIDTH)
    if window.function is VoiFunction.SIGMOID:
        return _sigmoid(shown, width)
    shown *= np.float32(1.0 / width)
    shown += np.float32(0.5)
    return np.clip(shown, 0.0, 1.0, out=shown)


def default_window(film: Film) -> Window:
    """Give the linear window from which a viewer starts dragging.

    It is the file's first window (a sigmoid's has the same slope at its centre), else the span over which
    its VOI LUT rises, else the film's default range. Its function is LINEAR_EXACT.
    """
    for voi in film.vois:
        if isinstance(voi, Window):
            exact = as_exact(voi)
            return Window(exact.center, exact.width, explanation=voi.explanation)
    if film.vois and isinstance(film.vois[0], VoiLut):
        return _span(film.vois[0])
    return _range_window(film)


def as_exact(window: Window) -> Window:
    """Express a LINEAR window, whose formula is offset by half a value (PS3.3 C.11.2.1.2), as LINEAR_EXACT.

    Other windows are returned as they are.
    """
    if window.function is not VoiFunction.LINEAR:
        return window
    width = max(window.width - 1.0, _MIN_WIDTH)  # width 1 is a threshold: PS3.3 C.11.2.1.2.1
    return Window(window.center - 0.5, width, explanation=window.explanation)


def _default_voi(film: Film) -> Voi:
    return film.vois[0] if film.vois else _range_window(film)


def _range_window(film: Film) -> Window:
    if film.bits <= 8:
        top = float(2**film.bits - 1)
        if film.pixels.min() >= 0.0 and film.pixels.max() <= top:
            return _between(0.0, top)
    return _percentile_window(film.pixels)


def _percentile_window(pixels: FloatImage) -> Window:
    """Window between percentiles of a regular sample, without the lowest value.

    Padding and collimated borders hold the lowest value and may be half of a film; they say nothing of it.
    """
    step = max(1, int(np.ceil(np.sqrt(pixels.size / _MAX_SAMPLE))))
    sample = pixels[::step, ::step]
    seen = sample[sample > pixels.min()]
    if seen.size == 0:
        seen = pixels
    low, high = (float(value) for value in np.percentile(seen, PERCENTILES))
    if high <= low:
        low, high = float(pixels.min()), float(pixels.max())
    return _between(low, high)


def _between(low: float, high: float) -> Window:
    return Window((low + high) / 2, max(high - low, _MIN_WIDTH))


def _sigmoid(offset: FloatImage, width: float) -> FloatImage:
    """PS3.3 C.11.2.1.3.1, in place; the exponent is bounded so that it stays a float32."""
    offset *= np.float32(-4.0 / width)
    np.clip(offset, -80.0, 80.0, out=offset)
    np.exp(offset, out=offset)
    offset += np.float32(1.0)
    return np.reciprocal(offset, out=offset)


def _look_up(pixels: FloatImage, lut: VoiLut) -> FloatImage:
    index = np.subtract(pixels, np.float32(lut.first), dtype=np.float32)
    np.rint(index, out=index)
    np.clip(index, 0, len(lut.table) - 1, out=index)
    shown: FloatImage = np.take(lut.table, index.astype(np.int32))
    return shown


def _span(lut: VoiLut) -> Window:
    """Window over the part of a VOI LUT that lies between 2 % and 98 % of its rise."""
    low, high = float(lut.table.min()), float(lut.table.max())
    margin = 0.02 * (high - low)
    rising = np.flatnonzero((lut.table > low + margin) & (lut.table < high - margin))
    if rising.size == 0:
        return _between(lut.first, lut.first + len(lut.table) - 1)
    return _between(lut.first + float(rising[0]), lut.first + float(rising[-1]))
