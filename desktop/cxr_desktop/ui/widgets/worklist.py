"""The worklist as a table."""

from __future__ import annotations

from PySide6.QtCore import QItemSelectionModel, Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from cxr_desktop.ui.i18n import tr
from cxr_desktop.ui.models.worklist import Index, WorklistModel
from cxr_desktop.ui.widgets.cells import WorklistCell
from cxr_desktop.worklist.order import Column
from cxr_desktop.worklist.row import Row
from cxr_desktop.worklist.sheet import Sheet

_ROW_HEIGHT = 28
_WIDTHS = {
    Column.LANE: 104,
    Column.URGENCY: 62,
    Column.WHY: 190,
    Column.FILM: 142,
    Column.PATIENT: 110,
    Column.AGE: 40,
    Column.SEX: 36,
    Column.VIEW: 44,
    Column.ACQUIRED: 112,
    Column.DISAGREEMENT: 150,
}


class WorklistTable(QTableView):
    """Films, the most urgent first; one of them is open, several may be selected.

    Signals
    -------
    opened
        Row: another film was selected.
    """

    opened = Signal(object)

    def __init__(self, sheet: Sheet, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.films = WorklistModel(sheet, self)
        self._open: Row | None = None
        self.setModel(self.films)
        self.setAccessibleName(tr("Worklist"))
        self.setItemDelegate(WorklistCell(self.films, self))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self._lay_out_header()
        self.setSortingEnabled(True)
        self.sortByColumn(Column.LANE, Qt.SortOrder.AscendingOrder)
        self.selectionModel().currentRowChanged.connect(self._current_changed)
        self.films.arranged.connect(self._select_open)

    @property
    def row(self) -> Row | None:
        """The film that is open."""
        index = self.currentIndex()
        return self.films.row(index.row()) if index.isValid() else None

    @property
    def selected(self) -> list[Row]:
        """The films that are selected, in order."""
        return [self.films.row(index.row()) for index in sorted(self.selectionModel().selectedRows())]

    def step(self, by: int) -> None:
        """Open the next or an earlier film in the order that is shown; stops at the ends."""
        if self.films.rowCount():
            index = self.currentIndex()
            place = index.row() + by if index.isValid() else 0
            self.open(min(max(place, 0), self.films.rowCount() - 1))

    def open(self, place: int) -> None:
        """Open the film at a place of the order that is shown."""
        index = self.films.index(place, 0)
        flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
        self.selectionModel().setCurrentIndex(index, flags)
        self.scrollTo(index)

    def open_next_unread(self) -> bool:
        """Open the first film below that was not read, else the first of all; False where all are read."""
        rows = self.films.shown
        here = self.currentIndex().row()
        for place in [*range(here + 1, len(rows)), *range(here + 1)]:
            if not rows[place].finished:
                self.open(place)
                return True
        return False

    def _current_changed(self, current: Index, previous: Index) -> None:  # noqa: ARG002
        """Tell which film was opened; when rows only move, the same one stays open."""
        row = self.row if current.isValid() else None
        if row is not self._open:
            self._open = row
            if row is not None:
                self.opened.emit(row)

    def _select_open(self) -> None:
        """Select the film that is open where none is selected: Qt opens the next one when it is taken off the list."""
        if self.currentIndex().isValid() and not self.selectionModel().hasSelection():
            self.open(self.currentIndex().row())

    def _lay_out_header(self) -> None:
        header = self.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setHighlightSections(False)
        header.setSectionsMovable(True)
        header.setMinimumSectionSize(28)
        for column, width in _WIDTHS.items():
            self.setColumnWidth(column, width)
        header.setStretchLastSection(True)
