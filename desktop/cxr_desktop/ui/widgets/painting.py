"""Painting one film with everything over it, in order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from PySide6.QtCore import QPointF, QRect, Qt
from PySide6.QtGui import QColor, QPainter, QRegion

from cxr_desktop.ui import theme
from cxr_desktop.ui.drags import Tool
from cxr_desktop.ui.film_view import FilmView
from cxr_desktop.ui.i18n import tr
from cxr_desktop.ui.measure import Measurement, spacing_text
from cxr_desktop.ui.rendering import apply_lut
from cxr_desktop.ui.widgets.annotations import (
    Annotations,
    draw_corners,
    draw_legend,
    draw_letters,
    draw_message,
    draw_notices,
)
from cxr_desktop.ui.widgets.images import HeatMap, grey_image
from cxr_desktop.ui.widgets.layers import Layers
from cxr_desktop.ui.widgets.overlays import draw_contours, draw_magnifier, draw_measurements


@dataclass(slots=True, eq=False)
class Shown:
    """What a viewer shows besides the film.

    Attributes
    ----------
    annotations
        What is known of the film.
    title, dated_title
        What the pane shows, such as which prior; may be empty. The dated one stands in its place while patient data
        are not hidden, where it is not empty.
    identity_hidden
        Whether lines that say whose film it is are left out.
    overlays
        Whether words, letters and measurements are shown; notices always are.
    heat, heat_shown, opacity, contours
        The heat map, whether it is wanted, its opacity 0..1, and whether as lines.
    magnifier, magnifies, magnification
        Whether the magnifier is switched on, whether it shows now, and how much it enlarges.
    cursor
        Position of the mouse in the widget, if it is there.
    tool
        What a drag with the left button does.
    marked
        Whether a line says that the keys go here; for one of two.
    smooth
        Whether the film's pixels are interpolated.
    """

    annotations: Annotations = field(default_factory=Annotations)
    title: str = ""
    dated_title: str = ""
    identity_hidden: bool = False
    overlays: bool = True
    heat: HeatMap | None = None
    heat_shown: bool = True
    opacity: float = 0.5
    contours: bool = False
    magnifier: bool = False
    magnifies: bool = False
    magnification: int = 2
    cursor: QPointF | None = None
    tool: Tool = Tool.WINDOW
    marked: bool = False
    smooth: bool = True

    def heading(self) -> str:
        """The title, without a date while patient data are hidden."""
        return self.title if self.identity_hidden or not self.dated_title else self.dated_title

    def above(self) -> list[str]:
        """Lines at the top left."""
        known = self.annotations
        return [*(() if self.identity_hidden else known.identity), *known.lines]


def paint_message(painter: QPainter, rect: QRect, message: str, shown: Shown) -> None:
    """Paint words in place of a film."""
    painter.fillRect(rect, Qt.GlobalColor.black)
    draw_message(painter, rect, message)
    draw_corners(painter, rect, title=shown.heading(), above=shown.above(), below=())
    draw_notices(painter, rect, mirrored=False)
    _mark(painter, rect, shown)


def paint_film(
    painter: QPainter,
    rect: QRect,
    view: FilmView,
    shown: Shown,
    *,
    items: Sequence[Measurement],
    layers: Layers,
    ratio: float,
) -> None:
    """Paint a film and all that is over it.

    Parameters
    ----------
    painter
        Open on the viewer.
    rect
        The viewer.
    view
        The film, and how it is shown.
    shown
        What else is shown.
    items
        Measurements, the one being drawn included.
    layers
        Keeps pictures until the next painting.
    ratio
        The screen's own pixels for each of the widget's.
    """
    _paint_greys(painter, rect, view, layers, ratio=ratio, smooth=shown.smooth)
    heat = shown.heat if shown.heat_shown else None
    if heat is not None and shown.contours:
        draw_contours(painter, heat, view.transform)
    elif heat is not None:
        painter.setOpacity(shown.opacity)
        painter.drawImage(QPointF(0, 0), layers.heat(heat, view, ratio))
        painter.setOpacity(1.0)
    if shown.overlays:
        draw_measurements(painter, rect, items, view)
    if shown.magnifies:
        at = shown.cursor or QPointF(rect.center())
        draw_magnifier(painter, view, at, factor=shown.magnification, ratio=ratio, smooth=shown.smooth)
    if shown.overlays:
        _paint_words(painter, rect, view, shown, ratio=ratio, measured=bool(items))
    if heat is not None:
        draw_legend(painter, rect, heat, contours=shown.contours)
    draw_notices(painter, rect, mirrored=view.pose.mirrored)
    _mark(painter, rect, shown)


def _paint_greys(painter: QPainter, rect: QRect, view: FilmView, layers: Layers, *, ratio: float, smooth: bool) -> None:
    piece = layers.piece(view, ratio, smooth=smooth)
    rows, columns = piece.levels.shape
    inside = QRect(
        math.ceil(piece.left / ratio),
        math.ceil(piece.top / ratio),
        math.floor(columns / ratio) - 1,
        math.floor(rows / ratio) - 1,
    )
    painter.setClipRegion(QRegion(rect).subtracted(QRegion(inside)))
    painter.fillRect(rect, Qt.GlobalColor.black)
    painter.setClipping(False)
    if piece.levels.size:
        image = grey_image(apply_lut(view.lut(), piece.levels))
        image.setDevicePixelRatio(ratio)
        painter.drawImage(QPointF(piece.left / ratio, piece.top / ratio), image)


def _paint_words(painter: QPainter, rect: QRect, view: FilmView, shown: Shown, *, ratio: float, measured: bool) -> None:
    cursor = (shown.cursor.x(), shown.cursor.y()) if shown.cursor else None
    below = view.lines(ratio, cursor)
    if measured:
        below.insert(0, spacing_text(view.film.facts.spacing))
    if shown.tool is not Tool.WINDOW:
        below.insert(0, tr("tool: {tool}", tool=tr(shown.tool.value)))
    legend = shown.heat is not None and shown.heat_shown
    draw_corners(painter, rect, title=shown.heading(), above=shown.above(), below=below, legend=legend)
    if view.letters is not None:
        draw_letters(painter, rect, view.letters)


def _mark(painter: QPainter, rect: QRect, shown: Shown) -> None:
    if shown.marked:
        painter.fillRect(0, 0, rect.width(), 2, QColor(theme.ACCENT))
