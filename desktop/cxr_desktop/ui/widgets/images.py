"""Arrays as Qt images."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt
from PySide6.QtGui import QImage

from cxr_desktop.inference.heatmap import colour, colour_range, film_map, scale_colours
from cxr_desktop.inference.verdict import Scored
from cxr_desktop.ui.contours import IsoLine, iso_lines
from cxr_shared.bundle import InputSpec
from cxr_shared.findings import Target

_HEAT_SIDE: Final = 512
"""Side of a heat map's image: a map has tens of cells, and it is enlarged smoothly."""


@dataclass(frozen=True, slots=True, eq=False)
class HeatMap:
    """A heat map of a whole film, and what its legend says.

    Attributes
    ----------
    image
        Premultiplied ARGB, any size: it is stretched over the film.
    title
        The target's name.
    low, high
        Logits at the ends of the colour scale.
    lines
        Iso-lines in film positions.
    """

    image: QImage
    title: str
    low: float
    high: float
    lines: tuple[IsoLine, ...] = ()


def grey_image(grey: npt.NDArray[np.uint8]) -> QImage:
    """Wrap (h, w) uint8; the image holds its own copy."""
    rows, columns = grey.shape
    packed = np.ascontiguousarray(grey)
    return QImage(packed.data, columns, rows, columns, QImage.Format.Format_Grayscale8).copy()


def rgba_image(rgba: npt.NDArray[np.uint8]) -> QImage:
    """Wrap (h, w, 4) uint8; the image holds its own copy."""
    rows, columns, _ = rgba.shape
    packed = np.ascontiguousarray(rgba)
    return QImage(packed.data, columns, rows, 4 * columns, QImage.Format.Format_RGBA8888).copy()


def premultiplied_image(rgba: npt.NDArray[np.uint8]) -> QImage:
    """As `rgba_image`, in the format that Qt blends several times as fast."""
    return rgba_image(rgba).convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)


def heat_map(verdict: Scored, target: Target, spec: InputSpec) -> HeatMap:
    """Colour one target's map for one film, and find its lines."""
    score, shape = verdict.scores[target], verdict.facts.shape
    low, high = colour_range(score)
    laid = film_map(verdict.maps[target], spec, film=shape, out=(_HEAT_SIDE, _HEAT_SIDE), grid=score.grid)
    image = premultiplied_image(colour(laid, low=low, high=high))
    return HeatMap(image, target.display, low, high, tuple(iso_lines(laid, low=low, high=high, film=shape)))


@cache
def scale_image() -> QImage:
    """Return the colour scale as an image of 256 × 1 pixels, low on the left."""
    rgba = np.full((1, 256, 4), 255, np.uint8)
    rgba[0, :, :3] = scale_colours()
    return rgba_image(rgba)


def rgb_image(rgb: npt.NDArray[np.uint8]) -> QImage:
    """Wrap (h, w, 3) uint8; the image holds its own copy."""
    rows, columns, _ = rgb.shape
    packed = np.ascontiguousarray(rgb)
    return QImage(packed.data, columns, rows, 3 * columns, QImage.Format.Format_RGB888).copy()
