"""The worklist as Qt models: rows as they are, and sorted."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
)
from PySide6.QtGui import QColor

from cxr_desktop.inference.lanes import NEGATIVE, POSITIVE, Lane
from cxr_desktop.inference.verdict import Scored, Verdict
from cxr_desktop.intake.files import natural_key
from cxr_desktop.ui import theme
from cxr_desktop.ui.state import Row, Sheet

Index = QModelIndex | QPersistentModelIndex


class Column(IntEnum):
    """Columns of the worklist."""

    URGENCY = 0
    FILE = 1
    WHY = 2
    PATIENT = 3
    VIEW = 4
    STATE = 5

    @property
    def title(self) -> str:
        """Heading."""
        return ("Urgency", "Film", "Why", "Patient", "View", "State")[self]


URGENCY_ROLE: Final = Qt.ItemDataRole.UserRole + 1
"""Urgency 0..1, or None where the film was not scored."""

_COLOURS: Final = {
    **dict.fromkeys(POSITIVE, theme.ALARM_TEXT),
    **dict.fromkeys(NEGATIVE, theme.TEXT),
    Lane.DISAGREEMENT: theme.ACCENT,
    Lane.REFUSED: theme.CAUTION,
    Lane.WAITING: theme.DIM,
}


class WorklistModel(QAbstractTableModel):
    """The rows of a `Sheet`, in its order; all changes of the sheet's rows go through here."""

    def __init__(self, sheet: Sheet, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._sheet = sheet

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008
        """Count the films."""
        return 0 if parent.isValid() else len(self._sheet.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008
        """Count the columns."""
        return 0 if parent.isValid() else len(Column)

    def row(self, number: int) -> Row:
        """Return a row of the sheet."""
        return self._sheet.rows[number]

    def add(self, files: Sequence[Path]) -> None:
        """Append waiting rows."""
        if not files:
            return
        first = len(self._sheet.rows)
        self.beginInsertRows(QModelIndex(), first, first + len(files) - 1)
        self._sheet.add(files)
        self.endInsertRows()

    def judge(self, verdict: Verdict) -> None:
        """Give a row its verdict."""
        number = self._sheet.judge(verdict)
        if number is not None:
            self.dataChanged.emit(self.index(number, 0), self.index(number, len(Column) - 1))

    def all_changed(self) -> None:
        """Tell that every row has another verdict."""
        if self._sheet.rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._sheet.rows) - 1, len(Column) - 1))

    def headerData(  # noqa: N802
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:  # noqa: ANN401
        """Headings."""
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return Column(section).title
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: ANN401
        """Return what a cell shows."""
        row, column = self._sheet.rows[index.row()], Column(index.column())
        if role == Qt.ItemDataRole.DisplayRole:
            return _text(row, column)
        if role == Qt.ItemDataRole.ForegroundRole:
            return QColor(_COLOURS[row.lane] if column is not Column.FILE else theme.STRONG)
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{row.source}\n{row.why}"
        if role == URGENCY_ROLE:
            return row.urgency if isinstance(row.verdict, Scored) else None
        return None


class WorklistOrder(QSortFilterProxyModel):
    """The rows sorted; by urgency, the lanes stay apart and films that were not scored are never among normal ones."""

    def __init__(self, model: WorklistModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self.setSourceModel(model)
        self.setDynamicSortFilter(True)
        self.sort(Column.URGENCY)

    def row(self, number: int) -> Row:
        """Return a row of the sheet by its place in this order."""
        return self._model.row(self.mapToSource(self.index(number, 0)).row())

    def lessThan(self, left: Index, right: Index) -> bool:  # noqa: N802
        """Compare two rows by the sorted column."""
        one, two = self._model.row(left.row()), self._model.row(right.row())
        column = Column(left.column())
        if column is Column.URGENCY:
            return one.order() < two.order()
        return natural_key(_text(one, column)) < natural_key(_text(two, column))


def _text(row: Row, column: Column) -> str:
    if column is Column.URGENCY:
        return f"{row.urgency:.2f}" if isinstance(row.verdict, Scored) else "–"
    if column is Column.FILE:
        return row.source.name
    if column is Column.STATE:
        return row.lane.words
    return {Column.WHY: row.why, Column.PATIENT: row.patient, Column.VIEW: row.view}[column]
