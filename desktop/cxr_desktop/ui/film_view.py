"""What is shown of one film and how: presentation, inversion, zoom, pan, pose. No Qt."""

from __future__ import annotations

from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from cxr_desktop.intake.prepared import DisplayFilm
from cxr_desktop.ui.geometry import UPRIGHT, EdgeLetters, Pose, edge_letters
from cxr_desktop.ui.presets import Preset, Values
from cxr_desktop.ui.rendering import Pyramid, dragged, window_lut
from cxr_desktop.ui.transform import Transform, fitted, least_scale
from cxr_shared.film import Window

_BRIGHTER_STEP: Final = 15.0
"""Screen pixels of a drag that one key press stands for."""


class FilmView:
    """A film in a rectangle of the screen; sizes are (rows, columns), positions in the widget's own pixels.

    Parameters
    ----------
    pyramid
        The film.
    screen
        Size of the rectangle.
    inverted
        Dense tissue dark.
    """

    def __init__(self, pyramid: Pyramid, screen: tuple[int, int], *, inverted: bool = False) -> None:
        self.pyramid = pyramid
        self.inverted = inverted
        self.window: Window | None = None
        """The window in use; None while one of the film's own presentations is shown."""
        self.presentation = 0
        """Which of the film's own, while `window` is None."""
        self.fits = True
        """Whether the whole film is shown, and stays so when the screen changes."""
        self._screen = screen
        self.transform = fitted(self.shape, screen)

    @property
    def film(self) -> DisplayFilm:
        """The film."""
        return self.pyramid.film

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the film."""
        return self.pyramid.shape

    @property
    def screen(self) -> tuple[int, int]:
        """Size of the rectangle."""
        return self._screen

    @property
    def pose(self) -> Pose:
        """How the film is turned and mirrored."""
        return self.transform.pose

    @property
    def shown_window(self) -> Window:
        """The window in use, or from which a drag would start."""
        return self.window or self.film.presentations[self.presentation].window

    @property
    def letters(self) -> EdgeLetters | None:
        """Letters of the edges as the film is laid; None where its file does not say how it lies."""
        orientation = self.film.facts.orientation
        return edge_letters(orientation, self.pose) if orientation else None

    @cached_property
    def values(self) -> Values:
        """How its values are distributed."""
        return Values(self.film, self.pyramid.smallest)

    # The greys.

    def lut(self) -> npt.NDArray[np.uint8]:
        """Make the lookup table of levels, (65536,) uint8."""
        return window_lut(self.film, self.window, invert=self.inverted, presentation=self.presentation)

    def use_own(self, presentation: int = 0) -> None:
        """Show one of the film's own presentations, counted around the ends."""
        self.window, self.presentation = None, presentation % len(self.film.presentations)

    def use_preset(self, preset: Preset) -> None:
        """Show a preset's window."""
        self.window = self.values.window(preset)

    def drag_window(self, start: Window, across: float, down: float) -> None:
        """Change a window by a drag in screen pixels."""
        self.window = dragged(start, across, down, film=self.film)

    def step_window(self, *, wider: int = 0, darker: int = 0) -> None:
        """Change the window by steps of a key."""
        self.drag_window(self.shown_window, wider * _BRIGHTER_STEP, darker * _BRIGHTER_STEP)

    # The place.

    def resize(self, screen: tuple[int, int]) -> None:
        """Take another rectangle; a film that was fitted stays so."""
        self._screen = screen
        if self.fits:
            self.fit()
        else:
            self.place(self.transform)

    def fit(self) -> None:
        """Show the whole film."""
        self.fits = True
        self.transform = fitted(self.shape, self._screen, self.pose)

    def place(self, transform: Transform) -> None:
        """Show it elsewhere, but never out of sight."""
        self.fits = False
        self.transform = transform.kept_in_sight(self.shape, self._screen)

    def zoom(self, factor: float, at: tuple[float, float] | None = None) -> None:
        """Zoom around a position, by default the middle."""
        least = least_scale(self.shape, self._screen, self.pose)
        self.place(self.transform.zoomed(factor, *(at or self._middle()), least=least))

    def one_to_one(self, ratio: float) -> None:
        """Show one film pixel on one of the screen's own pixels, `ratio` to each of the widget's."""
        self.place(self.transform.scaled(1 / ratio, *self._middle()))

    def pan(self, across: float, down: float) -> None:
        """Move by screen pixels."""
        self.place(self.transform.panned(across, down))

    def lay(self, pose: Pose) -> None:
        """Turn or mirror; what is in the middle stays there."""
        self.transform = self.transform.posed(pose, *self._middle())
        if self.fits:
            self.fit()
        else:
            self.place(self.transform)

    def lay_upright(self) -> None:
        """Lay it as its file does."""
        self.lay(UPRIGHT)

    # The words.

    def lines(self, ratio: float, cursor: tuple[float, float] | None) -> list[str]:
        """Say what is shown.

        Parameters
        ----------
        ratio
            The screen's own pixels for each of the widget's.
        cursor
            Where the cursor is, for the value under it.
        """
        window = self.shown_window
        said = [f"W {window.width:.0f}  L {window.center:.0f}  ({self._presented()})"]
        turned = f"  turned {self.pose.degrees}°" if self.pose.degrees else ""
        inverted = "  inverted" if self.inverted else ""
        said.append(f"{self.transform.scale * ratio:.0%}{turned}{inverted}")
        if cursor is not None:
            x, y = (int(value // 1) for value in self.transform.to_film(*cursor))
            if 0 <= x < self.shape[1] and 0 <= y < self.shape[0]:
                said.append(f"{x}, {y}: {self.film.value(y, x):.0f}")
        return said

    def _presented(self) -> str:
        if self.window is not None:
            return self.window.explanation or "by hand"
        return f"film's own: {self.film.presentations[self.presentation].name}"

    def _middle(self) -> tuple[float, float]:
        return self._screen[1] / 2, self._screen[0] / 2
