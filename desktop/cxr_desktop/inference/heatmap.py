"""From a model's map to places and colours on the film.

A map (h, w) covers the model's square, but what a cell sees is not centred on it: each stride of a network that pads on
the right alone moves it on, and pools that do not pad draw it to the middle. Cell j of w looks at
(w/2 + s + (j + ½ − w/2)·p) / w of the square's side, with s the bundle's ``cell_shift`` and p its ``cell_pitch``.
Its colours are absolute: with one model, the same logit looks the same on every film. They end where the maps of
films with the finding usually end, which the bundle's ``map_peak`` says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from cxr_desktop.inference.verdict import FloatMap, Peak, Score, to_logit
from cxr_shared.bundle import InputSpec
from cxr_shared.opencv import cv2

USUAL_SPAN: Final = 6.0
"""Logits from the operating point to the colour scale's end, where the bundle does not say how high maps rise."""

LEAST_SPAN: Final = 1.0
"""A scale is never shorter, or noise would glow."""

CAPTION: Final = "Contribution to the logit (mean = logit); not an anatomical outline"

_FARTHEST: Final = 20.0
"""Logit of a threshold of 0 or 1, which has none of its own."""

_FIRST_COLOUR: Final = 80
"""The dark end of the colour map is left out: over a film it would read as a shadow."""


@dataclass(frozen=True, slots=True)
class ContentBox:
    """The part of the model's square that the film fills, as fractions 0..1 of the square's side."""

    left: float
    top: float
    width: float
    height: float


def content_box(spec: InputSpec, shape: tuple[int, int]) -> ContentBox:
    """Where a film of `shape` (rows, columns) lies in the model's square.

    Stretched, it fills the square; with its aspect kept, it is centred between black borders.
    """
    if not spec.keep_aspect:
        return ContentBox(0.0, 0.0, 1.0, 1.0)
    rows, columns = shape
    scale = spec.size / max(rows, columns)
    height, width = (max(1, round(side * scale)) for side in shape)
    top, left = (spec.size - height) // 2, (spec.size - width) // 2
    return ContentBox(left / spec.size, top / spec.size, width / spec.size, height / spec.size)


def film_map(
    values: FloatMap,
    spec: InputSpec,
    *,
    film: tuple[int, int],
    out: tuple[int, int],
    shift: float = 0.0,
    pitch: float = 1.0,
) -> FloatMap:
    """Lay a map over a film, bilinearly.

    Parameters
    ----------
    values
        (h, w) float32 in logit units.
    spec
        The bundle's input.
    film
        Rows and columns of the film.
    out
        Rows and columns to return; the film's own, or fewer.
    shift, pitch
        The model's ``cell_shift`` and ``cell_pitch``, in cells.

    Returns
    -------
    ndarray
        `out` float32 in logit units; outside the outermost cell centres the nearest cell's value.
    """
    top, height, left, width = _span(spec, film)
    rows = _cells(_fractions(out[0], top, height), values.shape[0], shift=shift, pitch=pitch)
    columns = _cells(_fractions(out[1], left, width), values.shape[1], shift=shift, pitch=pitch)
    grid_x, grid_y = np.meshgrid(columns, rows)
    laid = cv2.remap(
        np.ascontiguousarray(values, np.float32),
        grid_x,
        grid_y,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(laid, np.float32)


def find_peak(
    values: FloatMap, spec: InputSpec, film: tuple[int, int], *, shift: float = 0.0, pitch: float = 1.0
) -> Peak:
    """Centre of what the map's highest cell looks at, in film pixels, kept inside the film.

    `shift` and `pitch` are the model's ``cell_shift`` and ``cell_pitch``. A bilinear surface is highest at a cell's
    centre, so interpolation would find no better place.
    """
    row, column = np.unravel_index(int(np.argmax(values)), values.shape)
    box = content_box(spec, film)
    y = (_fraction(int(row), values.shape[0], shift=shift, pitch=pitch) - box.top) / box.height * film[0]
    x = (_fraction(int(column), values.shape[1], shift=shift, pitch=pitch) - box.left) / box.width * film[1]
    return Peak(
        x=min(max(x, 0.0), float(film[1])),
        y=min(max(y, 0.0), float(film[0])),
        logit=float(values[row, column]),
    )


def colour_range(score: Score) -> tuple[float, float]:
    """Ends of a model's colour scale in logits: its operating point, and what maps of its finding usually rise to."""
    zero = min(max(to_logit(score.threshold), -_FARTHEST), _FARTHEST)
    if score.map_peak is None:
        return zero, zero + USUAL_SPAN
    return zero, max(score.map_peak, zero + LEAST_SPAN)


def colour(values: FloatMap, *, low: float, high: float) -> npt.NDArray[np.uint8]:
    """Colour a map in the inferno scale.

    Parameters
    ----------
    values
        (H, W) float32 in logit units.
    low, high
        Ends of the scale in logits (`colour_range`); at `low` and below the colour is transparent.

    Returns
    -------
    ndarray
        (H, W, 4) uint8 RGBA, not premultiplied; opacity grows over the first quarter of the scale.
    """
    height = np.clip((values - np.float32(low)) / np.float32(high - low), 0.0, 1.0)
    rgba = np.empty((*values.shape, 4), np.uint8)
    rgba[..., :3] = scale_colours()[np.rint(height * 255).astype(np.uint8)]
    rgba[..., 3] = np.rint(np.clip(height * 4.0, 0.0, 1.0) * 255)
    return rgba


def scale_colours() -> npt.NDArray[np.uint8]:
    """Return the colour scale, (256, 3) uint8 RGB from the operating point to its end."""
    levels = np.linspace(_FIRST_COLOUR, 255, 256).round().astype(np.uint8).reshape(-1, 1)
    bgr = cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO).reshape(-1, 3)
    return np.asarray(bgr[:, ::-1], np.uint8)


def _span(spec: InputSpec, film: tuple[int, int]) -> tuple[float, float, float, float]:
    box = content_box(spec, film)
    return box.top, box.height, box.left, box.width


def _fraction(cell: int, cells: int, *, shift: float, pitch: float) -> float:
    """Where a cell looks, as a fraction of the square's side."""
    return 0.5 + (shift + (cell + 0.5 - cells / 2) * pitch) / cells


def _cells(fractions: npt.NDArray[np.float64], cells: int, *, shift: float, pitch: float) -> npt.NDArray[np.float32]:
    """Map coordinates of places along one side: the inverse of `_fraction`."""
    return (((fractions - 0.5) * cells - shift) / pitch + cells / 2 - 0.5).astype(np.float32)


def _fractions(count: int, start: float, length: float) -> npt.NDArray[np.float64]:
    """Place of `count` pixel centres along one side, as fractions of the square's."""
    return start + (np.arange(count) + 0.5) / count * length
