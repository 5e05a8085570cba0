"""Distances on a film and the cardiothoracic ratio. No Qt."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from cxr_shared.film import PixelSpacing, SpacingOrigin, ViewPosition

Point: TypeAlias = tuple[float, float]
"""x and y in film pixels, from the outer corner of the first one."""

_SOURCES: Final = {
    SpacingOrigin.PIXEL_SPACING: "PixelSpacing, calibrated at the patient",
    SpacingOrigin.IMAGER_PIXEL_SPACING: "ImagerPixelSpacing, at the detector: the body is magnified there",
}
NO_SPACING: Final = "no spacing in the file: lengths in pixels"


@dataclass(frozen=True, slots=True)
class Segment:
    """A straight line between two points."""

    start: Point
    end: Point

    def length(self, spacing: PixelSpacing | None) -> float:
        """Length in mm, or in pixels without a spacing."""
        across, down = self.end[0] - self.start[0], self.end[1] - self.start[1]
        if spacing is None:
            return math.hypot(across, down)
        return math.hypot(across * spacing.column_mm, down * spacing.row_mm)


class Handle(NamedTuple):
    """One end of one segment of one measurement; `end` is 0 at the segment's start and 1 at its end."""

    measurement: int
    segment: int
    end: int


@dataclass(frozen=True, slots=True)
class Ruler:
    """A distance."""

    line: Segment

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Its only line."""
        return (self.line,)

    def with_end(self, handle: Handle, point: Point) -> Ruler:
        """Move one end."""
        return Ruler(_moved(self.line, handle.end, point))

    def labels(self, spacing: PixelSpacing | None, view: ViewPosition) -> tuple[str, ...]:  # noqa: ARG002
        """Its length."""
        return (length_text(self.line, spacing),)


@dataclass(frozen=True, slots=True)
class Ratio:
    """Widths of the heart and of the inner thorax, both along one axis of the film.

    Attributes
    ----------
    heart, thorax
        The widths; `thorax` is None until it is drawn.
    across
        Whether they run along the film's rows; else along its columns, as when the film was drawn on sideways.
    """

    heart: Segment
    thorax: Segment | None = None
    across: bool = True

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The heart's width, then the thorax's."""
        return (self.heart,) if self.thorax is None else (self.heart, self.thorax)

    def with_end(self, handle: Handle, point: Point) -> Ratio:
        """Move one end; the other follows to the same height."""
        old = self.segments[handle.segment]
        x, y = point
        fixed = old.start if handle.end else old.end
        level = (fixed[0], y) if self.across else (x, fixed[1])
        moved = Segment(level, point) if handle.end else Segment(point, level)
        return replace(self, thorax=moved) if handle.segment else replace(self, heart=moved)

    def value(self) -> float | None:
        """Heart's width over thorax's; spacing cancels, since both run along one axis."""
        width = self.thorax.length(None) if self.thorax else 0.0
        return self.heart.length(None) / width if width else None

    def labels(self, spacing: PixelSpacing | None, view: ViewPosition) -> tuple[str, ...]:
        """Both widths, and the ratio beside the thorax's."""
        heart = f"heart {length_text(self.heart, spacing)}"
        if self.thorax is None:
            return (f"{heart}; now draw the inner thorax",)
        ratio = self.value()
        told = "" if ratio is None else f"  CTR {ratio:.2f}{_caveat(ratio, view)}"
        return heart, f"thorax {length_text(self.thorax, spacing)}{told}"


Measurement: TypeAlias = Ruler | Ratio


class Measurements:
    """What was measured on one film, with undo."""

    def __init__(self) -> None:
        self._history: list[tuple[Measurement, ...]] = []
        self._items: tuple[Measurement, ...] = ()

    @property
    def items(self) -> tuple[Measurement, ...]:
        """In the order in which they were drawn."""
        return self._items

    def add(self, measurement: Measurement) -> None:
        """Add one; a film has one ratio, so a new one takes the old one's place."""
        others = [each for each in self._items if not (isinstance(each, Ratio) and isinstance(measurement, Ratio))]
        self._change((*others, measurement))

    def replace(self, place: int, measurement: Measurement) -> None:
        """Put an edited one in place of the old one."""
        self._change((*self._items[:place], measurement, *self._items[place + 1 :]))

    def delete(self, place: int | None = None) -> bool:
        """Delete one, by default the last; False where there is none."""
        if not self._items:
            return False
        place = len(self._items) - 1 if place is None else place
        self._change((*self._items[:place], *self._items[place + 1 :]))
        return True

    def undo(self) -> bool:
        """Take back the last change; False where there is none."""
        if not self._history:
            return False
        self._items = self._history.pop()
        return True

    def open_ratio(self) -> int | None:
        """Place of a ratio whose thorax is still to be drawn."""
        return next((n for n, each in enumerate(self._items) if isinstance(each, Ratio) and each.thorax is None), None)

    def _change(self, items: tuple[Measurement, ...]) -> None:
        self._history.append(self._items)
        self._items = items


class MeasurementBook:
    """Measurements of every film that was measured, by file, until the program ends."""

    def __init__(self) -> None:
        self._films: dict[Path | None, Measurements] = {}

    def of(self, source: Path | None) -> Measurements:
        """What was measured on one film; what is measured on none is not kept."""
        return Measurements() if source is None else self._films.setdefault(source, Measurements())

    def forget(self, source: Path) -> None:
        """Drop what was measured on a film that is no longer in its file."""
        self._films.pop(source, None)


def handle_near(items: Sequence[Measurement], point: Point, *, within: float) -> Handle | None:
    """Find the end of a measurement that is nearest to a point, at most `within` film pixels away."""
    ends = (
        (math.dist(point, end), Handle(number, part, side))
        for number, item in enumerate(items)
        for part, segment in enumerate(item.segments)
        for side, end in enumerate((segment.start, segment.end))
    )
    nearest = min(ends, default=None)
    return nearest[1] if nearest is not None and nearest[0] <= within else None


def levelled(start: Point, end: Point, *, across: bool) -> Segment:
    """Draw a line along the film's rows (`across`) or along its columns."""
    return Segment(start, (end[0], start[1]) if across else (start[0], end[1]))


def length_text(segment: Segment, spacing: PixelSpacing | None) -> str:
    """Length in words: mm to a tenth, else whole pixels."""
    length = segment.length(spacing)
    return f"{length:.0f} px" if spacing is None else f"{length:.1f} mm"


def spacing_text(spacing: PixelSpacing | None) -> str:
    """Say what lengths rest on."""
    return f"mm by {_SOURCES[spacing.origin]}" if spacing else NO_SPACING


def _caveat(ratio: float, view: ViewPosition) -> str:
    if ratio > 1.0:
        return " (heart wider than thorax: check the ends)"
    return " (AP film: the heart is magnified)" if view is ViewPosition.AP else ""


def _moved(segment: Segment, end: int, point: Point) -> Segment:
    return replace(segment, end=point) if end else replace(segment, start=point)
