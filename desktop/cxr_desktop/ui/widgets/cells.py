"""Cells of the worklist: text, and under the urgency its bar.

They are drawn here and not by Qt's own delegate, which asks the model eight things of each cell: scrolling a page took
longer than a frame.
"""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPalette
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from cxr_desktop.ui import theme
from cxr_desktop.ui.models.worklist import WorklistModel
from cxr_desktop.worklist.order import Column

_MARGIN: Final = 6
_PLACE: Final = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine)
_SELECTED: Final = int(QStyle.StateFlag.State_Selected.value)
_RULE: Final = QColor(theme.RULE)
_BAR: Final = QColor(theme.ALARM)
_CHOSEN: Final = QColor(theme.STRONG)


class WorklistCell(QStyledItemDelegate):
    """Draws a cell of a `WorklistModel`."""

    def __init__(self, films: WorklistModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._films = films

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Draw the cell."""
        rect, column = option.rect, index.column()
        cell = self._films.cell(index.row(), column)
        selected = bool(option.state.value & _SELECTED)
        if selected:
            painter.fillRect(rect, option.palette.brush(QPalette.ColorRole.Highlight))
        painter.setPen(_RULE)
        painter.drawLine(rect.bottomLeft(), rect.bottomRight())
        if cell.text:
            painter.setPen(_CHOSEN if selected else cell.colour)
            painter.drawText(rect.adjusted(_MARGIN, 0, -_MARGIN, 0), _PLACE, _fitted(cell.text, option, rect.width()))
        if column == Column.URGENCY and cell.urgency:
            width = (rect.width() - 2 * _MARGIN) * cell.urgency
            painter.fillRect(QRectF(rect.left() + _MARGIN, rect.bottom() - 4, width, 3), _BAR)


def _fitted(text: str, option: QStyleOptionViewItem, width: int) -> str:
    metrics: QFontMetrics = option.fontMetrics
    return metrics.elidedText(text, Qt.TextElideMode.ElideRight, width - 2 * _MARGIN)
