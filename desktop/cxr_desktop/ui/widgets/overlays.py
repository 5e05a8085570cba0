"""What is drawn over the film itself: the heat map, its lines, measurements and the magnifier."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen, QPolygonF, QTransform

from cxr_desktop.inference.heatmap import scale_colours
from cxr_desktop.ui import theme
from cxr_desktop.ui.contours import IsoLine
from cxr_desktop.ui.film_view import FilmView
from cxr_desktop.ui.measure import Measurement, Ratio, Segment
from cxr_desktop.ui.rendering import apply_lut
from cxr_desktop.ui.transform import Transform
from cxr_desktop.ui.widgets.annotations import write
from cxr_desktop.ui.widgets.images import HeatMap, grey_image

_RULER: Final = "#7fc4c9"
_HEART: Final = "#e0a3b4"
_THORAX: Final = "#a8c98a"
_TICK: Final = 6.0
_MAGNIFIER_RADIUS: Final = 130
_LEAST_LABELLED: Final = 90
_EDGE: Final = QColor(0, 0, 0, 170)


def qt_transform(transform: Transform) -> QTransform:
    """Give the map from film to screen as Qt has it."""
    pose, scale = transform.pose, transform.scale
    return QTransform(pose.xx * scale, pose.yx * scale, pose.xy * scale, pose.yy * scale, transform.x, transform.y)


def draw_heat(painter: QPainter, heat: HeatMap, view: FilmView, *, opacity: float) -> None:
    """Stretch a heat map over the film, however that lies."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    painter.setOpacity(opacity)
    painter.setTransform(qt_transform(view.transform), combine=True)
    painter.drawImage(QRectF(0, 0, view.shape[1], view.shape[0]), heat.image)
    painter.restore()


def draw_contours(painter: QPainter, heat: HeatMap, transform: Transform) -> None:
    """Draw a heat map's lines, each with its level beside it where it is long enough."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    span = heat.high - heat.low
    colours = scale_colours()
    levels = sorted({line.level for line in heat.lines})
    for line in heat.lines:
        place = int(np.clip((line.level - heat.low) / span * 255, 0, 255))
        colour = QColor(*(int(part) for part in colours[place])).lighter(125)
        on_screen = _on_screen(line, transform)
        for pen in (QPen(_EDGE, 3.5), QPen(colour, 1.6)):
            painter.setPen(pen)
            painter.drawPolyline(on_screen)
        box = on_screen.boundingRect()
        if box.width() + box.height() > _LEAST_LABELLED:
            # Lines of one hill lie close together, so each level has its label at another side.
            angle = levels.index(line.level) * math.tau / max(len(levels), 4)
            side = QPointF(math.sin(angle), -math.cos(angle))
            at = max(on_screen.toList(), key=lambda point: QPointF.dotProduct(point, side))
            write(painter, f"{line.level:+.1f}", at + QPointF(-10, -4), colour=theme.STRONG)
    painter.restore()


def draw_measurements(painter: QPainter, rect: QRect, items: Sequence[Measurement], view: FilmView) -> None:
    """Draw measurements with their values."""
    facts = view.film.facts
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for item in items:
        colours = (_HEART, _THORAX) if isinstance(item, Ratio) else (_RULER,)
        labels = item.labels(facts.spacing, facts.view)
        for segment, label, colour in zip(item.segments, labels, colours, strict=False):
            _draw_segment(painter, rect, segment, label, view.transform, colour=colour)
    painter.restore()


def draw_magnifier(
    painter: QPainter, view: FilmView, at: QPointF, *, factor: float, ratio: float, smooth: bool = True
) -> None:
    """Draw what is under a position `factor` times as large, in a circle, from the film's finest pixels.

    Parameters
    ----------
    painter
        Open on the viewer.
    view
        The film.
    at
        Position in the widget.
    factor
        How much larger than the film around it.
    ratio
        The screen's own pixels for each of the widget's.
    smooth
        Whether pixels are interpolated.
    """
    radius = _MAGNIFIER_RADIUS
    left, top = at.x() - radius, at.y() - radius
    enlarged = view.transform.scaled(view.transform.scale * factor, at.x(), at.y()).panned(-left, -top)
    side = round(2 * radius * ratio)
    piece = view.pyramid.sample(enlarged.in_device_pixels(ratio), (side, side), smooth=smooth)
    circle = QPainterPath()
    circle.addEllipse(at, radius, radius)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setClipPath(circle)
    painter.fillPath(circle, Qt.GlobalColor.black)
    if piece.levels.size:
        image = grey_image(apply_lut(view.lut(), piece.levels))
        image.setDevicePixelRatio(ratio)
        painter.drawImage(QPointF(left + piece.left / ratio, top + piece.top / ratio), image)
    painter.setClipping(False)
    painter.setPen(QPen(QColor(theme.ACCENT), 2))
    painter.drawPath(circle)
    write(painter, f"{factor:g}×", QPointF(at.x() - 8, at.y() + radius - 10), colour=theme.STRONG)
    painter.restore()


def _draw_segment(
    painter: QPainter, rect: QRect, segment: Segment, label: str, transform: Transform, *, colour: str
) -> None:
    start, end = (QPointF(*transform.to_screen(*point)) for point in (segment.start, segment.end))
    along = end - start
    length = max((along.x() ** 2 + along.y() ** 2) ** 0.5, 1e-6)
    tick = QPointF(-along.y() / length, along.x() / length) * _TICK
    lines = [(start, end), (start - tick, start + tick), (end - tick, end + tick)]
    for pen in (QPen(_EDGE, 4), QPen(QColor(colour), 1.6)):
        painter.setPen(pen)
        for one, other in lines:
            painter.drawLine(one, other)
    # Beside its right end, but within the viewer, also when that end is not.
    at = max((start, end), key=QPointF.x) + QPointF(8, -6)
    room = rect.width() - painter.fontMetrics().horizontalAdvance(label) - 8
    at = QPointF(max(min(at.x(), room), 8), min(max(at.y(), 20), rect.height() - 8))
    write(painter, label, at, colour=colour)


def _on_screen(line: IsoLine, transform: Transform) -> QPolygonF:
    x, y = transform.pose.apply(*line.points.T)
    points: Iterable[tuple[float, float]] = zip(
        np.asarray(x) * transform.scale + transform.x, np.asarray(y) * transform.scale + transform.y, strict=True
    )
    return QPolygonF([QPointF(*point) for point in points])
