"""Grey levels on the screen: a pyramid of the film, what the screen shows of it, and a lookup table. No Qt.

A drag of the window costs what the screen holds, not what the film holds: the film's levels are sampled at the
screen's pixels once for each zoom and pan, and a drag only rebuilds the lookup table and applies it to them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from cxr_desktop.intake.prepared import DisplayFilm
from cxr_desktop.intake.reading import presentation_lut
from cxr_desktop.ui.transform import Transform
from cxr_shared.film import Window
from cxr_shared.opencv import cv2

_SMALLEST: Final = 256
_LEAST_WIDTH: Final = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """What the screen shows of a film.

    Attributes
    ----------
    levels
        (h, w) uint16, one for each screen pixel that the film covers; may be empty.
    left, top
        Screen pixels left of it and above it.
    """

    levels: npt.NDArray[np.uint16]
    left: int
    top: int


class Pyramid:
    """A film at full size, half, a quarter and so on, each (h, w) uint16.

    Parameters
    ----------
    film
        The film; level 0 is its own array.
    """

    def __init__(self, film: DisplayFilm) -> None:
        self.film = film
        self._levels = [film.levels]
        while min(self._levels[-1].shape) > 2 * _SMALLEST:
            self._levels.append(_half(self._levels[-1]))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns at full size."""
        rows, columns = self.film.levels.shape
        return rows, columns

    def sample(self, transform: Transform, screen: tuple[int, int]) -> Piece:
        """Sample the film at the screen's pixels, bilinearly, from a level at most twice as fine.

        Parameters
        ----------
        transform
            Where the film lies, in device pixels.
        screen
            Rows and columns of the screen, in device pixels.
        """
        right, bottom = transform.to_screen(self.shape[1], self.shape[0])
        left, right = _covered(transform.x, right, screen[1])
        top, bottom = _covered(transform.y, bottom, screen[0])
        if right <= left or bottom <= top:
            return Piece(np.empty((0, 0), np.uint16), 0, 0)
        index = min(len(self._levels) - 1, max(0, math.floor(-math.log2(transform.scale))))
        level = self._levels[index]
        down, across = level.shape[0] / self.shape[0], level.shape[1] / self.shape[1]
        # Pixel centres, from the piece to the level: ((p + left + ½ − x) / scale) · across − ½.
        inverse = np.array(
            [
                [across / transform.scale, 0, (left + 0.5 - transform.x) / transform.scale * across - 0.5],
                [0, down / transform.scale, (top + 0.5 - transform.y) / transform.scale * down - 0.5],
            ]
        )
        sampled = cv2.warpAffine(
            level,
            inverse,
            (right - left, bottom - top),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return Piece(np.asarray(sampled, np.uint16), left, top)


def window_lut(film: DisplayFilm, window: Window | None, *, invert: bool) -> npt.NDArray[np.uint8]:
    """Make the lookup table of a film's levels.

    Parameters
    ----------
    film
        The film.
    window
        A window in the film's units; None is the film's own presentation, which may be a VOI LUT.
    invert
        Dense tissue dark.

    Returns
    -------
    ndarray
        (65536,) uint8.
    """
    lut = film.default_lut if window is None else presentation_lut(window, first=film.first, step=film.step)
    return 255 - lut if invert else lut


def dragged(start: Window, across: float, down: float, *, film: DisplayFilm) -> Window:
    """Move a window by a drag in screen pixels: to the right is wider, down is darker.

    A hundred pixels change centre and width by a third of the film's own window, whatever its units.
    """
    unit = max(film.window.width, _LEAST_WIDTH * film.step) / 300
    width = max(_LEAST_WIDTH * film.step, start.width + across * unit)
    return Window(center=start.center + down * unit, width=width)


def _half(level: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
    rows, columns = level.shape
    return np.asarray(cv2.resize(level, ((columns + 1) // 2, (rows + 1) // 2), interpolation=cv2.INTER_AREA), np.uint16)


def _covered(start: float, end: float, size: int) -> tuple[int, int]:
    """Screen pixels whose centre the film covers along one side."""
    return min(max(round(start), 0), size), min(max(round(end), 0), size)
