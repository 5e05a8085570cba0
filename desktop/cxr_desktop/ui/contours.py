"""Iso-lines of a heat map at fixed logit levels. No Qt."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from contourpy import LineType, contour_generator

from cxr_shared.heat_map import FloatMap

Points = npt.NDArray[np.float64]

_STEPS: Final = (2.0, 5.0, 10.0, 20.0)
_MOST_LINES: Final = 8
"""More could not be told apart, nor their numbers read."""
_NEAR: Final = 0.5
"""A line closer to the operating point's than this is left out, in logits."""


@dataclass(frozen=True, slots=True, eq=False)
class IsoLine:
    """One line at one level.

    Attributes
    ----------
    level
        In logits.
    points
        (n, 2) float64 film positions, x and y in film pixels.
    """

    level: float
    points: Points


def contour_step(low: float, high: float) -> float:
    """Logits between the lines of a model whose colour scale has these ends."""
    return next((step for step in _STEPS if high - low <= step * _MOST_LINES), _STEPS[-1])


def contour_levels(low: float, high: float) -> list[float]:
    """Levels of a model's lines: its operating point, then multiples of `contour_step` up to its colour scale's end.

    They depend on the model alone, so that a line means the same on every film.

    Parameters
    ----------
    low, high
        Ends of the model's colour scale in logits (`colour_range`).
    """
    step = contour_step(low, high)
    first = math.ceil((low + _NEAR) / step)
    return [low, *(step * number for number in range(first, math.floor(high / step) + 1))]


def iso_lines(laid: FloatMap, *, low: float, high: float, film: tuple[int, int]) -> list[IsoLine]:
    """Find the lines of a map that was laid over a film.

    Parameters
    ----------
    laid
        (h, w) float32 in logits, covering the whole film: entry (r, c) is at its own cell's centre.
    low, high
        Ends of the model's colour scale in logits.
    film
        Rows and columns of the film.
    """
    rows, columns = laid.shape
    x = (np.arange(columns) + 0.5) / columns * film[1]
    y = (np.arange(rows) + 0.5) / rows * film[0]
    generator = contour_generator(x=x, y=y, z=laid, line_type=LineType.Separate)
    return [
        IsoLine(level, np.asarray(points, np.float64))
        for level in contour_levels(low, high)
        for points in generator.lines(level)
        if len(points) > 1
    ]
