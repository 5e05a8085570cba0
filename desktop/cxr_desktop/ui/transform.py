"""Where a film lies on the screen: zoom and pan. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LARGEST_SCALE: Final = 32.0
_VISIBLE: Final = 40.0


@dataclass(frozen=True, slots=True)
class Transform:
    """Screen = film · scale + offset.

    Attributes
    ----------
    scale
        Screen pixels for one film pixel, > 0.
    x, y
        Screen position of the film's top left corner.
    """

    scale: float
    x: float
    y: float

    def to_film(self, x: float, y: float) -> tuple[float, float]:
        """Film position of a screen position."""
        return (x - self.x) / self.scale, (y - self.y) / self.scale

    def to_screen(self, x: float, y: float) -> tuple[float, float]:
        """Screen position of a film position."""
        return x * self.scale + self.x, y * self.scale + self.y

    def zoomed(self, factor: float, x: float, y: float, *, least: float) -> Transform:
        """Zoom so that the film position under the screen position (x, y) stays there."""
        scale = min(max(self.scale * factor, least), LARGEST_SCALE)
        film_x, film_y = self.to_film(x, y)
        return Transform(scale, x - film_x * scale, y - film_y * scale)

    def panned(self, across: float, down: float) -> Transform:
        """Move by screen pixels."""
        return Transform(self.scale, self.x + across, self.y + down)

    def kept_in_sight(self, film: tuple[int, int], screen: tuple[int, int]) -> Transform:
        """Move back so that a strip of the film stays on the screen; sizes are (rows, columns)."""
        height, width = film[0] * self.scale, film[1] * self.scale
        x = min(max(self.x, _VISIBLE - width), screen[1] - _VISIBLE)
        y = min(max(self.y, _VISIBLE - height), screen[0] - _VISIBLE)
        return Transform(self.scale, x, y)

    def in_device_pixels(self, ratio: float) -> Transform:
        """Return the same place on a screen with `ratio` device pixels for one of these."""
        return Transform(self.scale * ratio, self.x * ratio, self.y * ratio)


def fitted(film: tuple[int, int], screen: tuple[int, int]) -> Transform:
    """Centre a whole film on a screen; sizes are (rows, columns)."""
    scale = max(min(screen[0] / film[0], screen[1] / film[1]), 1e-4)
    return Transform(scale, (screen[1] - film[1] * scale) / 2, (screen[0] - film[0] * scale) / 2)
