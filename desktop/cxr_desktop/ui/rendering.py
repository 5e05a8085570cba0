"""Grey levels on the screen: a pyramid of the film, what the screen shows of it, and a lookup table. No Qt.

A drag of the window costs what the screen holds, not what the film holds: the film's levels are sampled at the
screen's pixels once for each zoom and pan, and a drag only rebuilds the lookup table and applies it to them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from cxr_desktop.intake.prepared import LEVELS, DisplayFilm, FilmFacts, Presentation
from cxr_desktop.intake.reading import presentation_lut
from cxr_desktop.ui.transform import Transform
from cxr_shared.film import Identity, ViewPosition, Window
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

    @property
    def smallest(self) -> npt.NDArray[np.uint16]:
        """The film at its smallest size, (h, w) uint16."""
        return self._levels[-1]

    def sample(self, transform: Transform, screen: tuple[int, int], *, smooth: bool = True) -> Piece:
        """Sample the film at the screen's pixels from a level at most twice as fine.

        Parameters
        ----------
        transform
            Where the film lies, in device pixels.
        screen
            Rows and columns of the screen, in device pixels.
        smooth
            Bilinearly; else each screen pixel shows the film's pixel under it.
        """
        left, top, right, bottom = transform.bounds(self.shape)
        left, right = _covered(left, right, screen[1])
        top, bottom = _covered(top, bottom, screen[0])
        if right <= left or bottom <= top:
            return Piece(np.empty((0, 0), np.uint16), 0, 0)
        index = min(len(self._levels) - 1, max(0, math.floor(-math.log2(transform.scale))))
        level = self._levels[index]
        down, across = level.shape[0] / self.shape[0], level.shape[1] / self.shape[1]
        # Pixel centres, from the piece to the level: film position of (p + left + ½), times the level's size, − ½.
        pose = transform.pose
        x, y = transform.to_film(left + 0.5, top + 0.5)
        inverse = np.array(
            [
                [pose.xx * across / transform.scale, pose.yx * across / transform.scale, x * across - 0.5],
                [pose.xy * down / transform.scale, pose.yy * down / transform.scale, y * down - 0.5],
            ]
        )
        sampled = cv2.warpAffine(
            level,
            inverse,
            (right - left, bottom - top),
            flags=(cv2.INTER_LINEAR if smooth else cv2.INTER_NEAREST) | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return Piece(np.asarray(sampled, np.uint16), left, top)


def window_lut(
    film: DisplayFilm, window: Window | None, *, invert: bool, presentation: int = 0
) -> npt.NDArray[np.uint8]:
    """Make the lookup table of a film's levels.

    Parameters
    ----------
    film
        The film.
    window
        A window in the film's units; None is one of the film's own presentations, which may be a VOI LUT.
    invert
        Dense tissue dark.
    presentation
        Which of the film's own, where `window` is None.

    Returns
    -------
    ndarray
        (65536,) uint8.
    """
    own = film.presentations[presentation].lut
    lut = own if window is None else presentation_lut(window, first=film.first, step=film.step)
    return 255 - lut if invert else lut


def apply_lut(lut: npt.NDArray[np.uint8], levels: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint8]:
    """Look levels (h, w) up in a (65536,) table; five times as fast where OpenCV knows tables of 16 bits (5.0)."""
    if _OPENCV_LOOKS_UP:
        return np.asarray(cv2.LUT(levels, lut), np.uint8)
    return lut.take(levels)


def _opencv_looks_up() -> bool:
    try:
        found = cv2.LUT(np.full((1, 1), 65535, np.uint16), np.arange(65536, dtype=np.uint16).astype(np.uint8))
    except cv2.error:
        return False
    return bool(found.dtype == np.uint8 and found.item() == 255)


_OPENCV_LOOKS_UP: Final = _opencv_looks_up()


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


def model_input_film(pixels: npt.NDArray[np.uint8], source: Path) -> Pyramid:
    """Make a film of a model's input (S, S), so that the viewer shows the very pixels, black to white as they are.

    Parameters
    ----------
    pixels
        The model's input.
    source
        File of the film it was made from; the made film has another name, so that measurements are not mixed.
    """
    rows, columns = pixels.shape
    identity = np.minimum(np.arange(LEVELS), 255).astype(np.uint8)
    return Pyramid(
        DisplayFilm(
            source=source.with_name(f"{source.name} as the model saw it"),
            facts=FilmFacts(
                shape=(rows, columns),
                view=ViewPosition.UNKNOWN,
                spacing=None,
                identity=Identity(),
                bits=8,
                transfer_syntax="",
            ),
            levels=pixels.astype(np.uint16),
            first=0.0,
            step=1.0,
            presentations=(Presentation("as the model takes it", Window(127.5, 255.0), identity),),
        )
    )
