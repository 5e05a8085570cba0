"""The bar above the worklist: lanes with their counts, the search, and what is left out."""

from __future__ import annotations

from collections import Counter

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from cxr_desktop.inference.lanes import Lane
from cxr_desktop.ui.i18n import tr

_ALL = -1


class LaneBar(QWidget):
    """One button a lane; a lane without films is not shown, but for the one that is chosen.

    Signals
    -------
    lane_chosen
        Lane, or None for all.
    searched
        str: the words to look for.
    """

    lane_chosen = Signal(object)
    searched = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._group = QButtonGroup(self)
        self.search = QLineEdit(self)
        self.search.setPlaceholderText(tr("Search (Ctrl+F): patient, film, finding…"))
        self.search.setAccessibleName(tr("Search the worklist"))
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self.searched)
        lanes = QHBoxLayout()
        lanes.setSpacing(4)
        for number in (_ALL, *Lane):
            button = QPushButton(self)
            button.setCheckable(True)
            button.setObjectName("lane")
            button.setProperty("lane", number)
            self._group.addButton(button, number + 1)
            lanes.addWidget(button)
        lanes.addStretch(1)
        self._group.idToggled.connect(self._toggled)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 6)
        layout.setSpacing(6)
        layout.addLayout(lanes)
        layout.addWidget(self.search)
        self.choose(None)
        self.show_counts(Counter())

    @property
    def lane(self) -> Lane | None:
        """The lane that is chosen; None for all."""
        number = self._group.checkedId() - 1
        return None if number == _ALL else Lane(number)

    def button(self, lane: Lane | None) -> QPushButton:
        """The button of a lane, or of all."""
        button = self._group.button((_ALL if lane is None else lane) + 1)
        assert isinstance(button, QPushButton)
        return button

    def choose(self, lane: Lane | None) -> None:
        """Choose a lane, or all."""
        self.button(lane).setChecked(True)

    def show_counts(self, counts: Counter[Lane], *, hidden: bool = False) -> None:
        """Show how many films each lane holds; `hidden` shows no lane but all of them, for blind reading."""
        self.button(None).setText(tr("All {count:,}", count=counts.total()))
        for lane in Lane:
            button = self.button(lane)
            words = tr(lane.words)
            button.setText(f"{words[:1].upper()}{words[1:]} {counts[lane]:,}")
            button.setVisible(not hidden and (counts[lane] > 0 or self.lane is lane))

    def _toggled(self, _number: int, checked: bool) -> None:  # noqa: FBT001  (a Qt slot)
        if checked:
            self.lane_chosen.emit(self.lane)
