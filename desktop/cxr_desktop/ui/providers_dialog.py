"""The table of the providers: what is known at once, and the rest when it was proved."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QGridLayout, QLabel, QVBoxLayout, QWidget

from cxr_desktop.ui.i18n import tr

_WHY_WIDTH = 420


class ProvidersDialog(QDialog):
    """Shows rows under a heading row, and what is still being done; it stops nothing."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(tr("Providers"))
        self._note = QLabel(self)
        self._note.setObjectName("dim")
        self._table = QWidget(self)
        self._layout = QVBoxLayout(self)
        self._layout.addWidget(self._table)
        self._layout.addWidget(self._note)
        self.rows: list[tuple[str, ...]] = []

    @property
    def note(self) -> str:
        """What is still being done."""
        return self._note.text()

    def show_rows(self, rows: Sequence[tuple[str, ...]], note: str = "") -> None:
        """Show other rows; the first one is the headings."""
        self.rows = list(rows)
        table = QWidget(self)
        grid = QGridLayout(table)
        grid.setHorizontalSpacing(24)
        for number, row in enumerate(rows):
            for column, text in enumerate(row):
                label = QLabel(text, table)
                label.setObjectName("cell" if number and column else "heading")
                label.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
                label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
                if column == len(row) - 1:
                    label.setWordWrap(True)
                    label.setMinimumWidth(_WHY_WIDTH)
                grid.addWidget(label, number, column)
        self._layout.replaceWidget(self._table, table)
        self._table.deleteLater()
        self._table = table
        self._note.setText(note)
        self._note.setVisible(bool(note))
        self.adjustSize()
