"""The urgency column: a bar and its number."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem

from cxr_desktop.ui import theme
from cxr_desktop.ui.models.worklist import URGENCY_ROLE


class UrgencyCell(QStyledItemDelegate):
    """Draws a bar whose length is the urgency, under the number."""

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Draw the cell."""
        super().paint(painter, option, index)
        urgency = index.data(URGENCY_ROLE)
        if not urgency:
            return
        rect = option.rect
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.ALARM))
        width = (rect.width() - 12) * float(urgency)
        painter.drawRoundedRect(QRectF(rect.left() + 6, rect.bottom() - 4, width, 3), 1.5, 1.5)
        painter.restore()
