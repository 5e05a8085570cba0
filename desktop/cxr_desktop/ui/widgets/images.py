"""Arrays as Qt images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PySide6.QtGui import QImage

from cxr_desktop.inference.heatmap import colour_range, coloured_map, scale_colours
from cxr_desktop.inference.verdict import Scored
from cxr_shared.bundle import InputSpec
from cxr_shared.findings import Target

_HEAT_SIDE: Final = 512
"""Side of a heat map's image: a map has tens of cells, and Qt enlarges it smoothly."""


@dataclass(frozen=True, slots=True, eq=False)
class HeatMap:
    """A heat map as an image of the whole film, and what its legend says.

    Attributes
    ----------
    image
        RGBA, any size: it is stretched over the film.
    title
        The target's name.
    low, high
        Logits at the ends of the colour scale.
    """

    image: QImage
    title: str
    low: float
    high: float


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


def heat_map(verdict: Scored, target: Target, spec: InputSpec) -> HeatMap:
    """Colour one target's map for one film."""
    low, high = colour_range(verdict.scores[target])
    rgba = coloured_map(verdict, target, spec, out=(_HEAT_SIDE, _HEAT_SIDE))
    return HeatMap(rgba_image(rgba), target.display, low, high)


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
