"""Questions to the person: which files, and where to write. Tests answer in its place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QFileDialog, QGridLayout, QLabel, QMessageBox, QScrollArea, QVBoxLayout, QWidget

from cxr_desktop.ui.actions import key_table
from cxr_desktop.ui.i18n import tr
from cxr_shared.notice import NOT_FOR_CLINICAL_USE

_FILMS: Final = "*.png *.jpg *.jpeg *.dcm *.dicom *.ima *.zip DICOMDIR"


class Dialogs:
    """Asks with the system's own dialogs."""

    def __init__(self, parent: QWidget) -> None:
        self._parent = parent

    def films(self) -> list[Path]:
        """Ask for films; empty when the person changed their mind."""
        names, _ = QFileDialog.getOpenFileNames(
            self._parent,
            tr("Open films"),
            "",
            f"{tr('Films, ZIPs and discs')} ({_FILMS});;{tr('All files')} (*)",
        )
        return [Path(name) for name in names]

    def folder(self) -> Path | None:
        """Ask for a folder of films."""
        return _path(QFileDialog.getExistingDirectory(self._parent, tr("Open a folder of films")))

    def folder_to_watch(self) -> Path | None:
        """Ask for a folder that films arrive in."""
        return _path(QFileDialog.getExistingDirectory(self._parent, tr("Watch a folder that films arrive in")))

    def bundle(self) -> Path | None:
        """Ask for a bundle."""
        name, _ = QFileDialog.getOpenFileName(
            self._parent, tr("Open a bundle"), "", f"{tr('Bundles')} (*.cxr);;{tr('All files')} (*)"
        )
        return _path(name)

    def save(self, title: str, name: str) -> Path | None:
        """Ask where to write a report."""
        chosen, _ = QFileDialog.getSaveFileName(self._parent, title, name)
        return _path(chosen)

    def export_folder(self) -> Path | None:
        """Ask for a folder to write DICOM objects into."""
        return _path(QFileDialog.getExistingDirectory(self._parent, tr("Export DICOM objects into a folder")))

    def which_results(self, chosen: Mapping[str, int], every: Mapping[str, int]) -> str:
        """Ask whose results are returned.

        Parameters
        ----------
        chosen, every
            Films by the archive that their results go to: of the selected ones, and of all that are scored.

        Returns
        -------
        str
            ``chosen``, ``all``, or nothing when the person changed their mind.
        """
        box = QMessageBox(self._parent)
        box.setWindowTitle(tr("Return results to the archive"))
        box.setText(tr("Whose results are sent to the archive?"))
        box.setInformativeText(
            tr("They are marked {mark}. What an archive has got it is not sent again.", mark=NOT_FOR_CLINICAL_USE)
        )
        buttons = {
            box.addButton(words, QMessageBox.ButtonRole.AcceptRole): answer
            for answer, words in (
                ("chosen", tr("Selected films ({where})", where=_where(chosen)) if chosen else ""),
                ("all", tr("All scored films ({where})", where=_where(every))),
            )
            if words
        }
        box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
        box.exec()
        return next((answer for button, answer in buttons.items() if button is box.clickedButton()), "")


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
    return table_dialog(parent, tr("Keys and mouse"), [(keys, what) for keys, what in key_table()])


def _where(films: Mapping[str, int]) -> str:
    return ", ".join(tr("{count:,} to {archive}", count=count, archive=name) for name, count in films.items())


def _path(name: str) -> Path | None:
    return Path(name) if name else None
