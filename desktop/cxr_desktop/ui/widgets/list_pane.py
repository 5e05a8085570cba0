"""The worklist with its lanes and its search."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget

from cxr_desktop.ui.widgets.lanes import LaneBar
from cxr_desktop.ui.widgets.worklist import WorklistTable
from cxr_desktop.worklist.sheet import Sheet


class ListPane(QWidget):
    """Lane bar above table; each follows the other."""

    def __init__(self, sheet: Sheet, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("list")
        self._sheet = sheet
        self.lanes = LaneBar(self)
        self.table = WorklistTable(sheet, self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.lanes)
        layout.addWidget(self.table, 1)
        self.lanes.lane_chosen.connect(lambda lane: self.table.films.set_view(lane=lane))
        self.lanes.searched.connect(lambda words: self.table.films.set_view(search=words))
        self.table.films.arranged.connect(self.show_counts)

    def show_counts(self) -> None:
        """Count the lanes anew."""
        self.lanes.show_counts(self._sheet.counts(), hidden=self.table.films.view.blind)

    def set_blind(self, blind: bool) -> None:  # noqa: FBT001  (a Qt slot)
        """Hide scores, lanes and order of films that were not read."""
        if blind:
            self.lanes.choose(None)
        self.table.films.set_view(blind=blind)
