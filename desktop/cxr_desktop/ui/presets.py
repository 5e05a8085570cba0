"""Windows that can be chosen: from the film's own values, since the units of CR and DX are arbitrary. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from cxr_desktop.intake.prepared import DisplayFilm
from cxr_shared.film import Window


@dataclass(frozen=True, slots=True)
class Preset:
    """A window between two percentiles of a film's values.

    Attributes
    ----------
    name
        What it is for; shown with its percentiles, since no unit stands behind it.
    low, high
        Percentiles at its black and its white end, 0 ≤ low < high ≤ 100.
    """

    name: str
    low: float
    high: float

    @property
    def label(self) -> str:
        """Name and percentiles."""
        return f"{self.name}, percentiles {self.low:g} to {self.high:g}"


AUTO: Final = Preset("auto", 1.0, 99.0)
LUNG: Final = Preset("lung contrast", 0.5, 70.0)
MEDIASTINUM: Final = Preset("mediastinum contrast", 40.0, 99.5)
BONE: Final = Preset("bone contrast", 55.0, 99.9)


class Values:
    """How a film's values are distributed, without the lowest one.

    Padding and collimated borders hold the lowest value and may be half of a film; they say nothing of the patient.

    Parameters
    ----------
    film
        The film.
    levels
        Its levels (h, w) uint16, or a reduced copy.
    """

    def __init__(self, film: DisplayFilm, levels: npt.NDArray[np.uint16]) -> None:
        self._film = film
        self._levels = levels

    @cached_property
    def _sorted(self) -> npt.NDArray[np.uint16]:
        seen = self._levels[self._levels > self._levels.min()]
        return np.sort(seen if seen.size else self._levels.reshape(-1))

    def percentile(self, percent: float) -> float:
        """Value, in the film's units, below which `percent` of the film's values lie."""
        place = percent / 100 * (self._sorted.size - 1)
        below = int(place)
        level = float(self._sorted[below])
        if below + 1 < self._sorted.size:
            level += (place - below) * (float(self._sorted[below + 1]) - level)
        return self._film.first + self._film.step * level

    def window(self, preset: Preset) -> Window:
        """Make the preset's window for this film; at least one level wide."""
        low, high = self.percentile(preset.low), self.percentile(preset.high)
        return Window((low + high) / 2, max(high - low, self._film.step), explanation=preset.label)


@dataclass(frozen=True, slots=True)
class RelativeWindow:
    """A window in terms of any film's own one: what is linked between two films."""

    shift: float
    stretch: float


def relative_window(window: Window, own: Window) -> RelativeWindow:
    """Say how a window differs from the film's own."""
    return RelativeWindow((window.center - own.center) / own.width, window.width / own.width)


def window_from_relative(relative: RelativeWindow, own: Window) -> Window:
    """Make the window that differs as much from another film's own."""
    return Window(own.center + relative.shift * own.width, own.width * relative.stretch)
