"""The worklist as a Qt model: the rows that are shown, in order, kept up to date a few times a second."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QColor

from cxr_desktop.inference.lanes import NEGATIVE, POSITIVE, Lane
from cxr_desktop.inference.verdict import Verdict
from cxr_desktop.ui import theme
from cxr_desktop.ui.i18n import tr
from cxr_desktop.worklist.order import Column, View, arrange, concealed, prepare_search, text
from cxr_desktop.worklist.row import Row
from cxr_desktop.worklist.sheet import Sheet

Index = QModelIndex | QPersistentModelIndex

URGENCY_ROLE: Final = int(Qt.ItemDataRole.UserRole) + 1
"""Urgency 0..1, or None where there is none to show."""

LANE_COLOURS: Final = {
    **dict.fromkeys(POSITIVE, theme.ALARM_TEXT),
    **dict.fromkeys(NEGATIVE, theme.TEXT),
    Lane.DISAGREEMENT: theme.ACCENT,
    Lane.REFUSED: theme.CAUTION,
    Lane.WAITING: theme.DIM,
}
_COLOURS: Final = {
    name: QColor(name) for name in (theme.ALARM_TEXT, theme.TEXT, theme.ACCENT, theme.CAUTION, theme.DIM, theme.STRONG)
}
_COLUMNS: Final = tuple(Column)
_WORDED: Final = (Column.LANE, Column.STATE)
"""Columns that say one of a few words; the others hold what a file or a model says."""
# As numbers: comparing with members of Qt's enumerations takes longer than all else that a cell needs.
_DISPLAY, _FOREGROUND, _TOOL_TIP = (
    int(role) for role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ForegroundRole, Qt.ItemDataRole.ToolTipRole)
)
_ROLES: Final = frozenset({_DISPLAY, _FOREGROUND, _TOOL_TIP, int(URGENCY_ROLE)})
_SETTLE_MS: Final = 120
"""Changes are gathered for so long: sorting 13,000 rows for each verdict would never end."""
_SHARE: Final = 8
"""A long list is sorted more rarely: an eighth of the time at most goes into it."""
_AGEING_MS: Final = 60_000
_BETWEEN_MS: Final = 15
_SLICE_S: Final = 0.004
"""What a search needs is worked out in slices of so long, with pauses, while the list rests."""


class Cell(NamedTuple):
    """What a cell shows.

    Attributes
    ----------
    text
        Its words.
    colour
        Their colour.
    urgency
        0..1, or None where there is none to show.
    """

    text: str
    colour: QColor
    urgency: float | None


class WorklistModel(QAbstractTableModel):
    """The rows of a `Sheet` that its view shows; all changes of the sheet's rows go through here.

    Signals
    -------
    arranged
        Rows came, went or moved.
    """

    arranged = Signal()

    def __init__(self, sheet: Sheet, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._sheet = sheet
        self._view = View()
        self._shown: list[Row] = []
        self._places: dict[int, int] = {}
        self._soon = QTimer(self, singleShot=True, interval=_SETTLE_MS)
        self._soon.timeout.connect(self.arrange)
        self._ageing = QTimer(self, interval=_AGEING_MS)
        self._ageing.timeout.connect(self._arrange_soon)
        self._ageing.start()
        self._preparing: Iterator[None] = iter(())
        self._between = QTimer(self, interval=_BETWEEN_MS)
        self._between.timeout.connect(self._prepare)

    @property
    def view(self) -> View:
        """What is shown, and how."""
        return self._view

    @property
    def shown(self) -> Sequence[Row]:
        """The rows that are shown, in order."""
        return self._shown

    @property
    def searchable(self) -> bool:
        """Whether all that a search needs was worked out, so that its first key is as quick as the next."""
        return not self._between.isActive()

    def set_view(self, **changes: Any) -> None:  # noqa: ANN401  (fields of `View`)
        """Change some of what is shown."""
        self._view = dataclasses.replace(self._view, **changes)
        self.arrange()
        self._all_changed()

    def place(self, row: Row) -> int | None:
        """Where a row is shown; None while it is not."""
        return self._places.get(id(row))

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008
        """Count the rows that are shown."""
        return 0 if parent.isValid() else len(self._shown)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008
        """Count the columns."""
        return 0 if parent.isValid() else len(Column)

    def row(self, place: int) -> Row:
        """Return the row that is shown at a place."""
        return self._shown[place]

    def add(self, files: Sequence[Path]) -> None:
        """Add waiting rows."""
        if files:
            self._sheet.add(files, at=time.time())
            self._arrange_soon()

    def judge(self, verdict: Verdict) -> Row | None:
        """Give a row its verdict."""
        row = self._sheet.judge(verdict)
        if row is not None:
            self.row_changed(row)
            self._arrange_soon()
        return row

    def remove(self, rows: Sequence[Row]) -> None:
        """Take rows off the list."""
        self._sheet.remove(rows)
        self.arrange()

    def put_back(self, rows: Sequence[Row]) -> None:
        """Undo `remove`."""
        self._sheet.put_back(rows)
        self.arrange()

    def stop(self) -> None:
        """End its timers: the window closes."""
        for timer in (self._soon, self._ageing, self._between):
            timer.stop()

    def row_changed(self, row: Row) -> None:
        """Tell that one row shows something else."""
        place = self.place(row)
        if place is not None:
            self.dataChanged.emit(self.index(place, 0), self.index(place, len(Column) - 1))

    def changed(self) -> None:
        """Tell that any row may be another."""
        self.arrange()
        self._all_changed()

    def arrange(self) -> None:
        """Choose and sort the rows now, keeping what is selected."""
        self._soon.stop()
        start = time.perf_counter()
        self._show(arrange(self._sheet.rows, self._view, self._sheet.policy, now=time.time()))
        self.arranged.emit()
        self._soon.setInterval(max(_SETTLE_MS, round((time.perf_counter() - start) * 1e3 * _SHARE)))
        self._preparing = prepare_search(list(self._sheet.rows), self._view)
        self._between.start()

    def _prepare(self) -> None:
        end = time.perf_counter() + _SLICE_S
        for _ in self._preparing:
            if time.perf_counter() > end:
                return
        self._between.stop()

    def _show(self, new: list[Row]) -> None:
        before = self._places
        if len(new) == len(before) and all(id(row) in before for row in new):
            self._permute(new)
            return
        staying = {id(row) for row in new}
        kept = [row for row in self._shown if id(row) in staying]
        if len(kept) < len(self._shown):
            self._permute(kept + [row for row in self._shown if id(row) not in staying])
            self.beginRemoveRows(QModelIndex(), len(kept), len(self._shown) - 1)
            self._set(kept)
            self.endRemoveRows()
        if len(kept) < len(new):
            self.beginInsertRows(QModelIndex(), len(kept), len(new) - 1)
            self._set(kept + [row for row in new if id(row) not in before])
            self.endInsertRows()
        self._permute(new)

    def headerData(  # noqa: N802
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:  # noqa: ANN401
        """Headings."""
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return tr(Column(section).title)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: ANN401
        """Return what a cell shows."""
        if role not in _ROLES:  # a view asks for a dozen roles of each cell, most of which are not here
            return None
        if role == _TOOL_TIP:
            return self._tool_tip(self._shown[index.row()])
        cell = self.cell(index.row(), index.column())
        return cell.text if role == _DISPLAY else cell.colour if role == _FOREGROUND else cell.urgency

    def cell(self, place: int, number: int) -> Cell:
        """Return what the cell of a row and a column shows."""
        row, column = self._shown[place], _COLUMNS[number]
        hides = concealed(row, self._view)
        urgency = row.urgency if row.scored and not hides else None
        words = text(row, column, self._view)
        if column in _WORDED:
            words = tr(words)
        return Cell(words, _COLOURS[_colour(row, column, hides=hides)], urgency)

    def _tool_tip(self, row: Row) -> str:
        name = tr("Film {number}", number=row.number) if self._view.hidden else str(row.source)
        return name if concealed(row, self._view) else "\n".join(filter(None, (name, row.why, row.disagreement)))

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; Qt asks twice."""
        wanted = Column(column), order is Qt.SortOrder.DescendingOrder
        if wanted != (self._view.column, self._view.descending):
            self.set_view(column=wanted[0], descending=wanted[1])

    def _permute(self, rows: list[Row]) -> None:
        """Move the rows that are shown to other places; `rows` holds the same ones."""
        if rows == self._shown:
            return
        self.layoutAboutToBeChanged.emit()
        old = self.persistentIndexList()
        moved = [(self._shown[index.row()], index.column()) for index in old]
        self._set(rows)
        self.changePersistentIndexList(old, [self.index(self._places[id(row)], column) for row, column in moved])
        self.layoutChanged.emit()

    def _set(self, rows: list[Row]) -> None:
        self._shown = rows
        self._places = {id(row): place for place, row in enumerate(rows)}

    def _arrange_soon(self) -> None:
        if not self._soon.isActive():
            self._soon.start()

    def _all_changed(self) -> None:
        if self._shown:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._shown) - 1, len(Column) - 1))


def _colour(row: Row, column: Column, *, hides: bool) -> str:
    if row.finished or (hides and column is not Column.FILM):
        return theme.DIM
    if column in (Column.LANE, Column.URGENCY, Column.WHY):
        return LANE_COLOURS[row.lane]
    return theme.STRONG if column is Column.FILM else theme.TEXT
