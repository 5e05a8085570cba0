"""Words in the corners of the film."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter

from cxr_desktop.inference.heatmap import CAPTION
from cxr_desktop.ui import theme
from cxr_desktop.ui.widgets.images import HeatMap, scale_image

CLINICAL: Final = "NOT FOR CLINICAL USE"
_MARGIN: Final = 12
_SCALE_WIDTH: Final = 180
_SCALE_HEIGHT: Final = 8


@dataclass(frozen=True, slots=True)
class Annotations:
    """Lines at the top left: what is known of the film."""

    lines: tuple[str, ...] = ()


def draw_message(painter: QPainter, rect: QRect, message: str) -> None:
    """Draw words in the middle, in place of a film."""
    painter.setPen(QColor(theme.DIM))
    inner = rect.adjusted(60, 0, -60, 0)
    painter.drawText(inner, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, message)


def draw_annotations(
    painter: QPainter, rect: QRect, annotations: Annotations, *, lines: Sequence[str], heat: HeatMap | None
) -> None:
    """Draw all four corners: the film, the notice, the presentation and the heat map's legend.

    Parameters
    ----------
    painter
        Open on the viewer.
    rect
        The viewer.
    annotations
        What is known of the film.
    lines
        What is said of the presentation.
    heat
        The heat map that is shown, or None.
    """
    metrics = QFontMetrics(painter.font())
    height = metrics.height()
    for number, line in enumerate(annotations.lines):
        _write(painter, line, _MARGIN, _MARGIN + metrics.ascent() + number * height, colour=theme.TEXT)
    top = rect.height() - _MARGIN - len(lines) * height
    for number, line in enumerate(lines):
        _write(painter, line, _MARGIN, top + metrics.ascent() + number * height, colour=theme.TEXT)
    font = painter.font()
    bold = QFont(font)
    bold.setBold(True)
    painter.setFont(bold)
    width = QFontMetrics(bold).horizontalAdvance(CLINICAL)
    _write(painter, CLINICAL, rect.width() - _MARGIN - width, _MARGIN + metrics.ascent(), colour=theme.CAUTION)
    painter.setFont(font)
    if heat is not None:
        _draw_legend(painter, rect, heat)


def _draw_legend(painter: QPainter, rect: QRect, heat: HeatMap) -> None:
    metrics = QFontMetrics(painter.font())
    height = metrics.height()
    right, bottom = rect.width() - _MARGIN, rect.height() - _MARGIN
    caption = metrics.elidedText(CAPTION, Qt.TextElideMode.ElideRight, int(rect.width() * 0.6))
    _write_right(painter, caption, right, bottom - metrics.descent(), colour=theme.DIM)
    ends = f"{heat.low:+.1f} (threshold)", f"{heat.high:+.1f} logits"
    line = bottom - height - metrics.descent()
    scale = QRectF(right - _SCALE_WIDTH, line - height - _SCALE_HEIGHT + 2, _SCALE_WIDTH, _SCALE_HEIGHT)
    painter.drawImage(scale, scale_image())
    _write(painter, ends[0], scale.left(), line, colour=theme.TEXT)
    _write_right(painter, ends[1], right, line, colour=theme.TEXT)
    _write_right(painter, heat.title, right, scale.top() - 6, colour=theme.STRONG)


def _write_right(painter: QPainter, text: str, right: float, baseline: float, *, colour: str) -> None:
    width = QFontMetrics(painter.font()).horizontalAdvance(text)
    _write(painter, text, right - width, baseline, colour=colour)


def _write(painter: QPainter, text: str, left: float, baseline: float, *, colour: str) -> None:
    """Write with a dark edge, so that it can be read over bone and over lung."""
    painter.setPen(QColor(0, 0, 0, 200))
    for across, down in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        painter.drawText(QPointF(left + across, baseline + down), text)
    painter.setPen(QColor(colour))
    painter.drawText(QPointF(left, baseline), text)
