"""Questions to the person: which files, and where to write. Tests answer in its place."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QFileDialog, QGridLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from cxr_desktop.ui.actions import key_table


class Dialogs:
    """Asks with the system's own dialogs."""

    def __init__(self, parent: QWidget) -> None:
        self._parent = parent

    def films(self) -> list[Path]:
        """Ask for films; empty when the person changed their mind."""
        names, _ = QFileDialog.getOpenFileNames(
            self._parent,
            "Open films",
            "",
            "Films, ZIPs and discs (*.png *.jpg *.jpeg *.dcm *.dicom *.ima *.zip DICOMDIR);;All files (*)",
        )
        return [Path(name) for name in names]

    def folder(self) -> Path | None:
        """Ask for a folder of films."""
        return _path(QFileDialog.getExistingDirectory(self._parent, "Open a folder of films"))

    def folder_to_watch(self) -> Path | None:
        """Ask for a folder that films arrive in."""
        return _path(QFileDialog.getExistingDirectory(self._parent, "Watch a folder that films arrive in"))

    def bundle(self) -> Path | None:
        """Ask for a bundle."""
        name, _ = QFileDialog.getOpenFileName(self._parent, "Open a bundle", "", "Bundles (*.cxr);;All files (*)")
        return _path(name)

    def save(self, title: str, name: str) -> Path | None:
        """Ask where to write a report."""
        chosen, _ = QFileDialog.getSaveFileName(self._parent, title, name)
        return _path(chosen)

    def export_folder(self) -> Path | None:
        """Ask for a folder to write DICOM objects into."""
        return _path(QFileDialog.getExistingDirectory(self._parent, "Export DICOM objects into a folder"))


def table_dialog(parent: QWidget, title: str, rows: list[tuple[str, ...]]) -> QDialog:
    """Make a window of its own that shows a table and stops nothing; it is gone when it is closed."""
    dialog = QDialog(parent)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setWindowTitle(title)
    inner = QWidget(dialog)
    grid = QGridLayout(inner)
    grid.setHorizontalSpacing(24)
    columns = max((len(row) for row in rows), default=1)
    for number, row in enumerate(rows):
        for column, text in enumerate(row):
            room = columns - column if column == len(row) - 1 else 1  # a long last cell must not widen its column
            label = QLabel(text, inner)
            label.setObjectName("heading" if column == 0 else "cell")
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            grid.addWidget(label, number, column, 1, room)
    area = QScrollArea(dialog)
    area.setWidget(inner)
    area.setWidgetResizable(True)
    area.setFrameShape(QScrollArea.Shape.NoFrame)
    QVBoxLayout(dialog).addWidget(area)
    dialog.resize(inner.sizeHint().width() + 60, min(640, inner.sizeHint().height() + 40))
    return dialog


def keys_dialog(parent: QWidget) -> QDialog:
    """Show every key and what the mouse does."""
    return table_dialog(parent, "Keys and mouse", [(keys, what) for keys, what in key_table()])


def _path(name: str) -> Path | None:
    return Path(name) if name else None
