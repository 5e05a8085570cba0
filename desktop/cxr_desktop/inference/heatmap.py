"""From a model's map to places and colours on the film.

Where cells look is `cxr_shared.heat_map`'s. Colours are absolute: with one model, the same logit looks the same on
every film. They end where the maps of films with the finding usually end, which the bundle's ``map_peak`` says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from cxr_desktop.inference.verdict import Peak, Score, Scored
from cxr_shared.bundle import InputSpec
from cxr_shared.findings import Target
from cxr_shared.heat_map import EVEN, CellGrid, FloatMap, lay_map, pixel_fractions, scale_end
from cxr_shared.opencv import cv2

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
    values: FloatMap, spec: InputSpec, *, film: tuple[int, int], out: tuple[int, int], grid: CellGrid = EVEN
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
    grid
        Where the model's cells look.

    Returns
    -------
    ndarray
        `out` float32 in logit units; outside the outermost cell centres the nearest cell's value.
    """
    box = content_box(spec, film)
    rows = pixel_fractions(out[0], start=box.top, length=box.height)
    columns = pixel_fractions(out[1], start=box.left, length=box.width)
    return lay_map(values, grid, rows=rows, columns=columns)


def find_peak(values: FloatMap, spec: InputSpec, film: tuple[int, int], *, grid: CellGrid = EVEN) -> Peak:
    """Centre of what the map's highest cell looks at, in film pixels, kept inside the film.

    A bilinear surface is highest at a cell's centre, so interpolation would find no better place.
    """
    row, column = np.unravel_index(int(np.argmax(values)), values.shape)
    box = content_box(spec, film)
    y = (grid.fraction(int(row), values.shape[0]) - box.top) / box.height * film[0]
    x = (grid.fraction(int(column), values.shape[1]) - box.left) / box.width * film[1]
    return Peak(
        x=min(max(x, 0.0), float(film[1])),
        y=min(max(y, 0.0), float(film[0])),
        logit=float(values[row, column]),
    )


def coloured_map(verdict: Scored, target: Target, spec: InputSpec, *, out: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """A target's map of a film, (rows, columns, 4) uint8 RGBA of the size `out`, not premultiplied."""
    score = verdict.scores[target]
    low, high = colour_range(score)
    laid = film_map(verdict.maps[target], spec, film=verdict.facts.shape, out=out, grid=score.grid)
    return colour(laid, low=low, high=high)


def colour_range(score: Score) -> tuple[float, float]:
    """Ends of a model's colour scale in logits: its operating point, and what maps of its finding usually rise to.

    A map is in the model's own logits, so the operating point is taken there from its calibrated probability.
    """
    zero = min(max(score.threshold_logit, -_FARTHEST), _FARTHEST)
    return zero, scale_end(zero, score.map_peak)


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
