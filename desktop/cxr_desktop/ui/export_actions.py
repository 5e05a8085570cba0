"""The entries of the Export menu: each asks where, and has it written in the background."""

from __future__ import annotations

from typing import Protocol

from cxr_desktop.reports import Reports
from cxr_desktop.ui.desk import Desk
from cxr_desktop.ui.dialogs import Dialogs
from cxr_desktop.ui.i18n import tr
from cxr_desktop.ui.snapshot import grab_view, saving
from cxr_desktop.ui.widgets.viewer import FilmViewer


class Exporting(Protocol):
    """What the exports need of a window."""

    desk: Desk
    dialogs: Dialogs
    viewer: FilmViewer


class ExportActions:
    """Handlers of the Export menu.

    Parameters
    ----------
    window
        Whose worklist and view are written.
    """

    def __init__(self, window: Exporting) -> None:
        self._window = window
        self.deidentified = False

    def export_pdf(self) -> None:
        """Ask where, and write the report to print."""
        path = self._window.dialogs.save(tr("Export as PDF"), "worklist.pdf")
        if path is not None:
            self._export(Reports(pdf=path, deidentified=self.deidentified))

    def export_csv(self) -> None:
        """Ask where, and write the worklist as CSV."""
        path = self._window.dialogs.save(tr("Export as CSV"), "worklist.csv")
        if path is not None:
            self._export(Reports(csv=path, deidentified=self.deidentified))

    def export_json(self) -> None:
        """Ask where, and write the worklist as JSON."""
        path = self._window.dialogs.save(tr("Export as JSON"), "worklist.json")
        if path is not None:
            self._export(Reports(json=path, deidentified=self.deidentified))

    def export_dicom(self) -> None:
        """Ask for a folder, and write DICOM objects in the films' studies."""
        folder = self._window.dialogs.export_folder()
        if folder is not None:
            self._export(Reports(dicom=folder, deidentified=self.deidentified))

    def export_png(self) -> None:
        """Ask where, and write what the viewer shows."""
        viewer, desk = self._window.viewer, self._window.desk
        film = viewer.shown_film
        if film is None:
            desk.told.emit(tr("No film is shown, so there is no view to write. Open a film first."))
            return
        path = self._window.dialogs.save(tr("Export view as PNG"), "view.png")
        if path is not None:
            image = grab_view(viewer, deidentified=self.deidentified)
            desk.carry_out(saving(image, path, burned_in=film.facts.burned_in, deidentified=self.deidentified))

    def deidentify(self, on: bool) -> None:  # noqa: FBT001  (a Qt slot)
        """Write every export without identifiers, or with them."""
        self.deidentified = on

    def _export(self, reports: Reports) -> None:
        self._window.desk.export(reports)
