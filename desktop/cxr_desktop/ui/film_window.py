"""A film in a window of its own, for another screen."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QMainWindow

from cxr_desktop.ui.actions import build_menus
from cxr_desktop.ui.film_actions import FilmActions
from cxr_desktop.ui.i18n import tr
from cxr_desktop.ui.widgets.stage import Stage
from cxr_desktop.ui.widgets.viewer import FilmViewer
from cxr_shared.notice import NOT_FOR_CLINICAL_USE

_SIZE: Final = QSize(900, 900)


class FilmWindow(QMainWindow):
    """Shows the film of a viewer as that shows it now; from then on each goes its own way, but for measurements.

    Parameters
    ----------
    viewer
        Whose film it is; it must show one.
    owner
        The stage from which it was opened, with whose window it is closed.
    """

    def __init__(self, viewer: FilmViewer, owner: Stage) -> None:
        super().__init__(owner.window(), Qt.WindowType.Window)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        # No title from the file: names of files may be names of patients.
        self.setWindowTitle(tr("Film: {notice}", notice=tr(NOT_FOR_CLINICAL_USE)))
        self.stage = Stage(owner.book)
        self.setCentralWidget(self.stage)
        self.resize(_SIZE)
        handler = FilmActions(self.stage)
        self.actions_by_name = build_menus(self, {"film": handler}, partial=True)
        handler.attach(self.actions_by_name)
        action = self.menuBar().addMenu(tr("W&indow")).addAction(tr("&Close window"))
        action.setShortcuts([QKeySequence("Ctrl+W"), QKeySequence("Ctrl+Q")])
        action.triggered.connect(self.close)
        self._copy(viewer)

    def _copy(self, viewer: FilmViewer) -> None:
        source = viewer.view
        assert source is not None
        self.stage.show_film(source.pyramid)
        shown = viewer.shown
        self.actions_by_name["invert"].setChecked(viewer.inverted)
        self.stage.tell(
            title=shown.title,
            dated_title=shown.dated_title,
            annotations=shown.annotations,
            identity_hidden=shown.identity_hidden,
            heat_shown=shown.heat_shown,
            opacity=shown.opacity,
            smooth=shown.smooth,
        )
        self.stage.set_heat(shown.heat)
        self.actions_by_name["show_heat"].setChecked(shown.heat_shown)
        self.actions_by_name["contours"].setChecked(shown.contours)
        view = self.stage.main.view
        assert view is not None
        view.window, view.presentation = source.window, source.presentation
        view.lay(source.pose)
