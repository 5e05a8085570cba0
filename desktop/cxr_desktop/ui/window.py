"""The window: worklist, film and scores, joined to the desk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QMainWindow, QSplitter, QVBoxLayout, QWidget

from cxr_desktop.inference.lanes import Lane
from cxr_desktop.inference.verdict import Scored, Verdict
from cxr_desktop.report.pictures import leading_target
from cxr_desktop.ui.actions import build_menus
from cxr_desktop.ui.bundle_table import bundle_rows
from cxr_desktop.ui.desk import VIEWER_ONLY, Desk, Loaded
from cxr_desktop.ui.dialogs import Dialogs, keys_dialog, table_dialog
from cxr_desktop.ui.export_actions import ExportActions
from cxr_desktop.ui.rendering import Pyramid
from cxr_desktop.ui.state import Row
from cxr_desktop.ui.widgets.annotations import Annotations
from cxr_desktop.ui.widgets.images import heat_map
from cxr_desktop.ui.widgets.notice import NoticeBar
from cxr_desktop.ui.widgets.side import SidePanel
from cxr_desktop.ui.widgets.status import StatusLine
from cxr_desktop.ui.widgets.viewer import FilmViewer
from cxr_desktop.ui.widgets.worklist import WorklistTable
from cxr_shared.findings import Target

_SIZE: Final = QSize(1560, 960)
_ZOOM: Final = 1.25
_OPACITY_STEP: Final = 10


class MainWindow(QMainWindow):
    """Worklist beside a viewer beside scores.

    Parameters
    ----------
    desk
        What the window can do; the window closes it.
    dialogs
        Asks for files; by default with the system's dialogs.
    """

    def __init__(self, desk: Desk, *, dialogs: Dialogs | None = None) -> None:
        super().__init__()
        self.setWindowTitle("Chest X-ray triage: NOT FOR CLINICAL USE")
        self.setAcceptDrops(True)
        self.desk = desk
        self.dialogs = dialogs or Dialogs(self)
        self.table = WorklistTable(desk.sheet)
        self.viewer = FilmViewer()
        self.side = SidePanel()
        self.notice = NoticeBar()
        self.status = StatusLine()
        self.exports = ExportActions(self)
        self.actions_by_name = build_menus(self, (self, self.exports))
        self._row: Row | None = None
        self._target: Target | None = None
        self._lay_out()
        self._connect()

    # Actions: each is an entry of `actions.MENUS`.

    def open_films(self) -> None:
        """Ask for films and open them."""
        self.open_paths(self.dialogs.films())

    def open_folder(self) -> None:
        """Ask for a folder and open the films in it."""
        folder = self.dialogs.folder()
        self.open_paths([folder] if folder else [])

    def open_bundle(self) -> None:
        """Ask for a bundle and score with it."""
        path = self.dialogs.bundle()
        if path is not None:
            self.desk.open_bundle(path)

    def open_paths(self, paths: Sequence[Path]) -> None:
        """Open files and folders."""
        if paths:
            self.desk.open_paths(paths)

    def next_film(self) -> None:
        """Open the next film."""
        self.table.step(1)

    def previous_film(self) -> None:
        """Open the film before."""
        self.table.step(-1)

    def most_urgent(self) -> None:
        """Sort by urgency and open the first film."""
        self.table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        if self.table.order.rowCount():
            self.table.open(0)

    def invert(self, inverted: bool) -> None:  # noqa: FBT001  (a Qt slot)
        """Show dense tissue dark, or bright."""
        self.viewer.set_inverted(inverted)

    def reset_window(self) -> None:
        """Return to the film's own window."""
        self.viewer.reset_window()

    def fit(self) -> None:
        """Show the whole film."""
        self.viewer.fit()

    def one_to_one(self) -> None:
        """Show film pixels as screen pixels."""
        self.viewer.one_to_one()

    def zoom_in(self) -> None:
        """Zoom in around the middle."""
        self.viewer.zoom(_ZOOM)

    def zoom_out(self) -> None:
        """Zoom out around the middle."""
        self.viewer.zoom(1 / _ZOOM)

    def show_heat(self, shown: bool) -> None:  # noqa: FBT001  (a Qt slot)
        """Show or hide the heat map."""
        self.side.heat.setChecked(shown)

    def more_opaque(self) -> None:
        """Make the heat map more opaque."""
        self.side.opacity.setValue(self.side.opacity.value() + _OPACITY_STEP)

    def less_opaque(self) -> None:
        """Make the heat map less opaque."""
        self.side.opacity.setValue(self.side.opacity.value() - _OPACITY_STEP)

    def next_target(self) -> None:
        """Choose the next target."""
        self.side.scores.step(1)

    def previous_target(self) -> None:
        """Choose the target before."""
        self.side.scores.step(-1)

    def show_keys(self) -> None:
        """Show every key."""
        keys_dialog(self).show()

    def show_bundle(self) -> None:
        """Show what is known of the bundle's models."""
        if self.desk.loaded is None:
            self.notice.tell(VIEWER_ONLY, lasting=True)
        else:
            table_dialog(self, "About this bundle", bundle_rows(self.desk.loaded.bundle)).show()

    # What Qt asks of a window.

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        """Take files and folders."""
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        """Open what was dropped; a bundle becomes the one that scores."""
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        bundles = [path for path in paths if path.suffix.lower() == ".cxr"]
        self.open_paths([path for path in paths if path not in bundles])
        if bundles:
            self.desk.open_bundle(bundles[-1])
        event.acceptProposedAction()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        """End all work with the window."""
        self.hide()
        self.desk.close()
        event.accept()

    # What the desk says.

    def _found(self, files: list[Path]) -> None:
        self.table.films.add(files)
        self._show_progress()
        if self.desk.loaded is None:
            self.notice.tell(VIEWER_ONLY, lasting=True)
        if self.table.row is None:
            self.table.open(0)

    def _judged(self, verdict: Verdict) -> None:
        self.table.films.judge(verdict)
        self._show_progress()
        if self._row is not None and self._row.verdict is verdict:
            self._target = None
            self._show_verdict()

    def _bundle_ready(self, loaded: Loaded) -> None:
        self.table.films.all_changed()
        self.status.show_bundle(loaded)
        self.notice.hide()
        self._target = None
        self._show_progress()
        self._show_verdict()

    def _shown(self, path: Path, pyramid: Pyramid) -> None:
        if self._row is not None and self._row.source == path:
            facts = pyramid.film.facts
            who = " · ".join(filter(None, (facts.identity.patient_id, facts.identity.patient_name)))
            size = f"view {facts.view.value} · {facts.shape[1]}×{facts.shape[0]} · {facts.bits} bit"
            self.viewer.annotations = Annotations(tuple(filter(None, (path.name, who, facts.identity.acquired, size))))
            self.viewer.show_film(pyramid)
            self._show_verdict()

    def _not_shown(self, path: Path, reason: str) -> None:
        if self._row is not None and self._row.source == path:
            self.viewer.annotations = Annotations((path.name,))
            self.viewer.show_message(reason)

    # What the widgets say.

    def _opened(self, row: Row) -> None:
        self._row, self._target = row, None
        self.viewer.annotations = Annotations((row.source.name,))
        self.viewer.set_heat(None)
        self.desk.show(row.source)
        self._show_verdict()

    def _chosen(self, target: Target) -> None:
        self._target = target
        self._show_verdict()

    def _show_verdict(self) -> None:
        verdict = self._row.verdict if self._row else None
        loaded = self.desk.loaded
        waiting = "" if self._row is None else "Waiting to be scored." if loaded else "Not scored: no bundle is open."
        if isinstance(verdict, Scored) and self._target is None:
            self._target = leading_target(verdict)
        self.side.show_verdict(verdict, self._target, waiting=waiting)
        if isinstance(verdict, Scored) and loaded is not None and self._target is not None:
            self.viewer.set_heat(heat_map(verdict, self._target, loaded.bundle.manifest.input))
        else:
            self.viewer.set_heat(None)

    def _show_progress(self) -> None:
        rows = self.desk.sheet.rows
        waiting = self.desk.sheet.count(Lane.WAITING)
        unscored = self.desk.sheet.count(Lane.REFUSED)
        self.status.show_progress(len(rows) - waiting, len(rows), unscored=unscored)

    def _lay_out(self) -> None:
        middle = QWidget()
        column = QVBoxLayout(middle)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.notice)
        column.addWidget(self.viewer, 1)
        splitter = QSplitter(Qt.Orientation.Horizontal)
        for widget in (self.table, middle, self.side):
            splitter.addWidget(widget)
        splitter.setSizes([530, 790, 260])
        for place, stretch in enumerate((0, 1, 0)):
            splitter.setStretchFactor(place, stretch)
        splitter.setHandleWidth(1)
        splitter.setChildrenCollapsible(False)
        self.setCentralWidget(splitter)
        self.setStatusBar(self.status)
        self.resize(_SIZE.boundedTo(self.screen().availableSize()))

    def _connect(self) -> None:
        desk, side = self.desk, self.side
        desk.found.connect(self._found)
        desk.judged.connect(self._judged)
        desk.shown.connect(self._shown)
        desk.not_shown.connect(self._not_shown)
        desk.bundle_loading.connect(self.status.show_loading)
        desk.bundle_ready.connect(self._bundle_ready)
        desk.told.connect(self.notice.tell)
        desk.failed.connect(lambda words: self.notice.tell(words, grave=True))
        self.table.opened.connect(self._opened)
        side.scores.chosen.connect(self._chosen)
        side.opacity.valueChanged.connect(lambda value: self.viewer.set_opacity(value / 100))
        side.heat.toggled.connect(self.viewer.set_heat_shown)
        side.heat.toggled.connect(self.actions_by_name["show_heat"].setChecked)
        self.actions_by_name["show_heat"].setChecked(True)
