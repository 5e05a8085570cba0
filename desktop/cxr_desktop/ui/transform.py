"""Where a film lies on the screen: zoom, pan, turned and mirrored. No Qt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from cxr_desktop.ui.geometry import UPRIGHT, Pose

LARGEST_SCALE: Final = 32.0
_VISIBLE: Final = 40.0
_LEAST_OF_FIT: Final = 0.25
_LEAST_SCALE: Final = 1e-4


@dataclass(frozen=True, slots=True)
class Transform:
    """Screen = pose(film) · scale + offset.

    Attributes
    ----------
    scale
        Screen pixels for one film pixel, > 0.
    x, y
        Screen position of the film's first corner, its top left where it is upright.
    pose
        How the film is turned and mirrored.
    """

    scale: float
    x: float
    y: float
    pose: Pose = UPRIGHT

    def to_film(self, x: float, y: float) -> tuple[float, float]:
        """Film position of a screen position."""
        return self.pose.undo((x - self.x) / self.scale, (y - self.y) / self.scale)

    def to_screen(self, x: float, y: float) -> tuple[float, float]:
        """Screen position of a film position."""
        across, down = self.pose.apply(x, y)
        return across * self.scale + self.x, down * self.scale + self.y

    def bounds(self, film: tuple[int, int]) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of a film of (rows, columns) on the screen."""
        one, other = self.to_screen(0, 0), self.to_screen(film[1], film[0])
        return min(one[0], other[0]), min(one[1], other[1]), max(one[0], other[0]), max(one[1], other[1])

    def zoomed(self, factor: float, x: float, y: float, *, least: float) -> Transform:
        """Zoom so that the film position under the screen position (x, y) stays there."""
        return self.scaled(min(max(self.scale * factor, least), LARGEST_SCALE), x, y)

    def scaled(self, scale: float, x: float, y: float) -> Transform:
        """Take a scale so that the film position under the screen position (x, y) stays there."""
        part = scale / self.scale
        return replace(self, scale=scale, x=x - (x - self.x) * part, y=y - (y - self.y) * part)

    def panned(self, across: float, down: float) -> Transform:
        """Move by screen pixels."""
        return replace(self, x=self.x + across, y=self.y + down)

    def posed(self, pose: Pose, x: float, y: float) -> Transform:
        """Turn or mirror around the film position under the screen position (x, y), which stays there."""
        return replace(self, pose=pose).with_film_at(self.to_film(x, y), x, y)

    def with_film_at(self, film: tuple[float, float], x: float, y: float) -> Transform:
        """Move so that a film position comes to the screen position (x, y)."""
        across, down = self.to_screen(*film)
        return self.panned(x - across, y - down)

    def kept_in_sight(self, film: tuple[int, int], screen: tuple[int, int]) -> Transform:
        """Move back so that a strip of the film stays on the screen; sizes are (rows, columns)."""
        left, top, right, bottom = self.bounds(film)
        across = max(_VISIBLE - right, 0.0) or min(screen[1] - _VISIBLE - left, 0.0)
        down = max(_VISIBLE - bottom, 0.0) or min(screen[0] - _VISIBLE - top, 0.0)
        return self.panned(across, down)

    def in_device_pixels(self, ratio: float) -> Transform:
        """Return the same place on a screen with `ratio` device pixels for one of these."""
        return replace(self, scale=self.scale * ratio, x=self.x * ratio, y=self.y * ratio)


def fitted(film: tuple[int, int], screen: tuple[int, int], pose: Pose = UPRIGHT) -> Transform:
    """Centre a whole film on a screen; sizes are (rows, columns)."""
    rows, columns = pose.size(film)
    scale = max(min(screen[0] / rows, screen[1] / columns), _LEAST_SCALE)
    centre = film[1] / 2, film[0] / 2
    return Transform(scale, 0.0, 0.0, pose).with_film_at(centre, screen[1] / 2, screen[0] / 2)


def least_scale(film: tuple[int, int], screen: tuple[int, int], pose: Pose = UPRIGHT) -> float:
    """Smallest scale to zoom out to: a quarter of the whole film's."""
    return fitted(film, screen, pose).scale * _LEAST_OF_FIT


@dataclass(frozen=True, slots=True)
class RelativeView:
    """A view in terms of any film: what is linked between two films of different sizes.

    Attributes
    ----------
    zoom
        Scale over that of the whole film.
    x, y
        What is at the screen's middle, as fractions of the film's width and height.
    """

    zoom: float
    x: float
    y: float


def relative_view(transform: Transform, film: tuple[int, int], screen: tuple[int, int]) -> RelativeView:
    """Say what is shown in terms of the film; sizes are (rows, columns)."""
    x, y = transform.to_film(screen[1] / 2, screen[0] / 2)
    return RelativeView(transform.scale / fitted(film, screen, transform.pose).scale, x / film[1], y / film[0])


def from_relative(view: RelativeView, film: tuple[int, int], screen: tuple[int, int], pose: Pose) -> Transform:
    """Show the same part of another film; sizes are (rows, columns)."""
    middle = screen[1] / 2, screen[0] / 2
    whole = fitted(film, screen, pose)
    scale = min(whole.scale * view.zoom, LARGEST_SCALE)
    return whole.scaled(scale, *middle).with_film_at((view.x * film[1], view.y * film[0]), *middle)
