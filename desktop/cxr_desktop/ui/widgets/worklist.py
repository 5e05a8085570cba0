"""The worklist as a table."""

from __future__ import annotations

from PySide6.QtCore import QItemSelectionModel, Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from cxr_desktop.ui.models.worklist import Column, Index, WorklistModel, WorklistOrder
from cxr_desktop.ui.state import Row, Sheet
from cxr_desktop.ui.widgets.urgency_cell import UrgencyCell

_ROW_HEIGHT = 28
_WIDTHS = {Column.URGENCY: 66, Column.FILE: 142, Column.WHY: 190, Column.PATIENT: 74, Column.VIEW: 52}


class WorklistTable(QTableView):
    """Films, the most urgent first; one of them is open.

    Signals
    -------
    opened
        Row: another film was selected.
    """

    opened = Signal(object)

    def __init__(self, sheet: Sheet, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.films = WorklistModel(sheet, self)
        self.order = WorklistOrder(self.films, self)
        self.setModel(self.order)
        self.setAccessibleName("Worklist")
        self.setItemDelegateForColumn(Column.URGENCY, UrgencyCell(self))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header = self.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setHighlightSections(False)
        for column, width in _WIDTHS.items():
            self.setColumnWidth(column, width)
        header.setStretchLastSection(True)
        self.setSortingEnabled(True)
        self.sortByColumn(Column.URGENCY, Qt.SortOrder.AscendingOrder)

    @property
    def row(self) -> Row | None:
        """The film that is open."""
        index = self.currentIndex()
        return self.order.row(index.row()) if index.isValid() else None

    def step(self, by: int) -> None:
        """Open the next or an earlier film in the order that is shown; stops at the ends."""
        if self.order.rowCount():
            index = self.currentIndex()
            place = index.row() + by if index.isValid() else 0
            self.open(min(max(place, 0), self.order.rowCount() - 1))

    def open(self, place: int) -> None:
        """Open the film at a place of the order that is shown."""
        index = self.order.index(place, 0)
        flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
        self.selectionModel().setCurrentIndex(index, flags)
        self.scrollTo(index)

    def currentChanged(self, current: Index, previous: Index) -> None:  # noqa: N802
        """Tell which film was opened, unless only its column changed."""
        super().currentChanged(current, previous)
        if current.isValid() and current.row() != previous.row():
            self.opened.emit(self.order.row(current.row()))
