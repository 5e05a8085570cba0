"""What a drag of the mouse does, by tool and button. No Qt."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final, Protocol

from cxr_desktop.ui.film_view import FilmView
from cxr_desktop.ui.measure import (
    Handle,
    Measurement,
    Measurements,
    Point,
    Ratio,
    Ruler,
    Segment,
    handle_near,
    levelled,
)
from cxr_desktop.ui.transform import Transform
from cxr_shared.film import Window

REACH: Final = 9.0
"""How near to an end, in screen pixels, the mouse must be to take it."""
_SHORTEST: Final = 4.0
"""Screen pixels; a shorter line was a click."""


class Tool(Enum):
    """What a drag with the left button does; the value is for a person."""

    WINDOW = "window and level"
    RULER = "ruler"
    RATIO = "cardiothoracic ratio"


class Drag(Protocol):
    """A drag that began; positions are the widget's."""

    def move(self, x: float, y: float) -> None:
        """Follow the mouse."""

    def end(self) -> None:
        """Keep what was done."""

    def preview(self, items: tuple[Measurement, ...]) -> tuple[Measurement, ...]:
        """Measurements as they look during the drag."""


@dataclass
class WindowDrag:
    """Changes window (across) and level (down)."""

    view: FilmView
    start: Point
    window: Window

    def move(self, x: float, y: float) -> None:
        """Follow the mouse."""
        self.view.drag_window(self.window, x - self.start[0], y - self.start[1])

    def end(self) -> None:
        """Keep the window."""

    def preview(self, items: tuple[Measurement, ...]) -> tuple[Measurement, ...]:
        """Leave measurements as they are."""
        return items


@dataclass
class PanDrag:
    """Moves the film."""

    view: FilmView
    start: Point
    transform: Transform

    def move(self, x: float, y: float) -> None:
        """Follow the mouse."""
        self.view.place(self.transform.panned(x - self.start[0], y - self.start[1]))

    def end(self) -> None:
        """Keep the place."""

    def preview(self, items: tuple[Measurement, ...]) -> tuple[Measurement, ...]:
        """Leave measurements as they are."""
        return items


@dataclass
class EditDrag:
    """Moves one end of a measurement."""

    view: FilmView
    measurements: Measurements
    handle: Handle
    changed: Measurement | None = None

    def move(self, x: float, y: float) -> None:
        """Follow the mouse."""
        old = self.measurements.items[self.handle.measurement]
        self.changed = old.with_end(self.handle, self.view.transform.to_film(x, y))

    def end(self) -> None:
        """Keep the new end."""
        if self.changed is not None:
            self.measurements.replace(self.handle.measurement, self.changed)

    def preview(self, items: tuple[Measurement, ...]) -> tuple[Measurement, ...]:
        """Show the new end."""
        place = self.handle.measurement
        return items if self.changed is None else (*items[:place], self.changed, *items[place + 1 :])


@dataclass
class DrawDrag:
    """Draws a ruler, the heart's width, or the thorax's where that is the one to come."""

    view: FilmView
    measurements: Measurements
    tool: Tool
    start: Point
    line: Segment | None = None

    def move(self, x: float, y: float) -> None:
        """Follow the mouse."""
        to_film = self.view.transform.to_film
        start, end = to_film(*self.start), to_film(x, y)
        self.line = Segment(start, end) if self.tool is Tool.RULER else levelled(start, end, across=self._across())

    def end(self) -> None:
        """Keep the line, unless it was a click."""
        if self.line is None or self.line.length(None) * self.view.transform.scale < _SHORTEST:
            return
        place = self.measurements.open_ratio()
        drawn = self._drawn(self.line)
        if isinstance(drawn, Ratio) and place is not None:
            self.measurements.replace(place, drawn)
        else:
            self.measurements.add(drawn)

    def preview(self, items: tuple[Measurement, ...]) -> tuple[Measurement, ...]:
        """Show the line that is being drawn."""
        if self.line is None:
            return items
        drawn = self._drawn(self.line)
        kept = items if isinstance(drawn, Ruler) else tuple(each for each in items if not isinstance(each, Ratio))
        return (*kept, drawn)

    def _drawn(self, line: Segment) -> Measurement:
        if self.tool is Tool.RULER:
            return Ruler(line)
        ratio = self._open()
        return replace(ratio, thorax=line) if ratio else Ratio(line, across=self._across())

    def _across(self) -> bool:
        """Both widths run the same way: level on the screen when the heart was drawn."""
        ratio = self._open()
        return ratio.across if ratio else not self.view.pose.sideways

    def _open(self) -> Ratio | None:
        place = self.measurements.open_ratio()
        found = None if place is None else self.measurements.items[place]
        return found if isinstance(found, Ratio) else None


def begin_drag(view: FilmView, measurements: Measurements, tool: Tool, at: Point) -> Drag:
    """Begin what the tool does; an end of a measurement that is near is taken first."""
    if tool is Tool.WINDOW:
        return WindowDrag(view, at, view.shown_window)
    within = REACH / view.transform.scale
    handle = handle_near(measurements.items, view.transform.to_film(*at), within=within)
    if handle is not None:
        return EditDrag(view, measurements, handle)
    return DrawDrag(view, measurements, tool, at)


def measurement_near(view: FilmView, items: tuple[Measurement, ...], at: Point) -> int | None:
    """Place of the measurement whose line is nearest to a position and within reach."""
    near = [
        (_distance(at, view.transform, segment), place) for place, item in enumerate(items) for segment in item.segments
    ]
    nearest = min(near, default=None)
    return nearest[1] if nearest is not None and nearest[0] <= REACH else None


def _distance(at: Point, transform: Transform, segment: Segment) -> float:
    (ax, ay), (bx, by) = transform.to_screen(*segment.start), transform.to_screen(*segment.end)
    length = (bx - ax) ** 2 + (by - ay) ** 2
    along = ((at[0] - ax) * (bx - ax) + (at[1] - ay) * (by - ay)) / length if length else 0.0
    along = min(max(along, 0.0), 1.0)
    return math.dist(at, (ax + along * (bx - ax), ay + along * (by - ay)))
