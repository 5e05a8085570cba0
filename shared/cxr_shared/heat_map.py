"""Where the cells of a heat map look, and how far its colours reach: the same in a report and in the desktop.

A map (h, w) covers the model's square, but what a cell sees is not centred on it: each stride of a network that pads on
the right alone moves it on, and pools that do not pad draw it to the middle.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from cxr_shared.opencv import cv2

FloatMap = npt.NDArray[np.float32]

USUAL_SPAN: Final = 6.0
"""Logits from the operating point to the colour scale's end, where it is not known how high maps rise."""
LEAST_SPAN: Final = 1.0
"""A scale is never shorter, or noise would glow."""


class CellGrid(NamedTuple):
    """Where the cells of a map look: cell j of w at ``(w/2 + shift + (j + ½ - w/2)·pitch) / w`` of the square's side.

    Attributes
    ----------
    shift
        How far what the map sees is centred right of and below the square's middle, in cells.
    pitch
        Distance between what neighbouring cells look at, in cells; 1 where they tile the square evenly.
    """

    shift: float = 0.0
    pitch: float = 1.0

    def fraction(self, cell: int, cells: int) -> float:
        """Where cell `cell` of `cells` looks, as a fraction of the square's side."""
        return 0.5 + (self.shift + (cell + 0.5 - cells / 2) * self.pitch) / cells

    def coordinates(self, fractions: npt.NDArray[np.float64], cells: int) -> npt.NDArray[np.float32]:
        """Map coordinates of places along one side: the inverse of `fraction`."""
        return (((fractions - 0.5) * cells - self.shift) / self.pitch + cells / 2 - 0.5).astype(np.float32)


EVEN: Final = CellGrid()
"""Cells that look where they lie."""


def lay_map(
    values: FloatMap, grid: CellGrid, *, rows: npt.NDArray[np.float64], columns: npt.NDArray[np.float64]
) -> FloatMap:
    """Read a map between its cells, bilinearly.

    Parameters
    ----------
    values
        (h, w) float32.
    grid
        Where its cells look.
    rows, columns
        (m,) and (n,): places as fractions 0..1 of the square's side.

    Returns
    -------
    ndarray
        (m, n) float32; outside the outermost cells' centres the nearest cell's value.
    """
    x, y = np.meshgrid(grid.coordinates(columns, values.shape[1]), grid.coordinates(rows, values.shape[0]))
    laid = cv2.remap(np.ascontiguousarray(values, np.float32), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(laid, np.float32)


def pixel_fractions(count: int, *, start: float = 0.0, length: float = 1.0) -> npt.NDArray[np.float64]:
    """Centres of `count` pixels that fill `length` of a side from `start` on, as fractions of it."""
    return start + (np.arange(count) + 0.5) / count * length


def scale_end(zero: float, map_peak: float | None) -> float:
    """Logit at which the colours of a model's maps end.

    Parameters
    ----------
    zero
        The operating point as a logit, where they begin.
    map_peak
        How high the maps of films with the finding usually rise; None: not known.
    """
    return zero + USUAL_SPAN if map_peak is None else max(map_peak, zero + LEAST_SPAN)
