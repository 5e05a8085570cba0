"""The window: worklist, film and scores, joined to the desk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QMainWindow, QSplitter, QVBoxLayout, QWidget

from cxr_desktop.inference.lanes import Lane
from cxr_desktop.inference.loading import Loaded
from cxr_desktop.inference.verdict import Verdict
from cxr_desktop.settings import Settings
from cxr_desktop.ui.actions import build_menus
from cxr_desktop.ui.companion_actions import CompanionActions
from cxr_desktop.ui.desk import VIEWER_ONLY, Desk
from cxr_desktop.ui.details import names_of_rows, without_names
from cxr_desktop.ui.dialogs import Dialogs
from cxr_desktop.ui.export_actions import ExportActions
from cxr_desktop.ui.file_actions import FileActions
from cxr_desktop.ui.help_actions import HelpActions
from cxr_desktop.ui.housekeeping import Housekeeper
from cxr_desktop.ui.i18n import tr
from cxr_desktop.ui.list_actions import ListActions
from cxr_desktop.ui.model_inputs import ModelInputs
from cxr_desktop.ui.network import Network
from cxr_desktop.ui.network_actions import NetworkActions
from cxr_desktop.ui.open_film import TITLE, OpenFilm
from cxr_desktop.ui.reading_actions import ReadingActions
from cxr_desktop.ui.settings_actions import SettingsActions
from cxr_desktop.ui.stage_actions import StageActions
from cxr_desktop.ui.watching import Watching
from cxr_desktop.ui.widgets.list_pane import ListPane
from cxr_desktop.ui.widgets.notice import NoticeBar
from cxr_desktop.ui.widgets.side import SidePanel
from cxr_desktop.ui.widgets.stage import Stage
from cxr_desktop.ui.widgets.status import StatusLine
from cxr_desktop.ui.widgets.welcome import Welcome
from cxr_desktop.worklist.row import Row
from cxr_shared.findings import Target

_SIZE: Final = QSize(1560, 960)


class MainWindow(QMainWindow):
    """Worklist beside a viewer beside scores.

    Parameters
    ----------
    desk
        What the window can do; the window closes it.
    dialogs
        Asks for files; by default with the system's dialogs.
    settings, settings_file
        What was set before, and where it is kept at the end; None keeps nothing.
    """

    def __init__(
        self,
        desk: Desk,
        *,
        dialogs: Dialogs | None = None,
        settings: Settings | None = None,
        settings_file: Path | None = None,
    ) -> None:
        super().__init__()
        self.setWindowTitle(tr(TITLE))
        self.setAcceptDrops(True)
        self.desk = desk
        self.dialogs = dialogs or Dialogs(self)
        self.list = ListPane(desk.sheet)
        self.table = self.list.table
        self.stage = Stage()
        self.viewer = self.stage.main
        self.model_inputs = ModelInputs(desk.make_pool(workers=1), self)
        self.side = SidePanel()
        self.welcome = Welcome()
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.notice = NoticeBar()
        self.status = StatusLine()
        self.film = OpenFilm(self)
        self.network = Network(desk.make_pool, self)
        self.actions_by_name = build_menus(self, self._handlers(settings or Settings(), settings_file))
        self._lay_out()
        self._connect()
        self.settings_actions.begin()
        self.housekeeper = Housekeeper(self)
        self.housekeeper.start()

    def _handlers(self, settings: Settings, settings_file: Path | None) -> dict[str, object]:
        """Make what the entries of `actions.MENUS` call, by the names that these have for them."""
        self.stage_actions = StageActions(self.stage)
        self.watching = Watching(self.desk, self.dialogs)
        self.exports = ExportActions(self)
        self.list_actions = ListActions(self)
        self.reading_actions = ReadingActions(self)
        self.settings_actions = SettingsActions(self, settings, settings_file)
        self.help_actions = HelpActions(self)
        self.network_actions = NetworkActions(self)
        return {
            "file": FileActions(self.desk, self.dialogs),
            "watching": self.watching,
            "export": self.exports,
            "network": self.network_actions,
            "list": self.list_actions,
            "reading": self.reading_actions,
            "settings": self.settings_actions,
            "companion": CompanionActions(self),
            "film": self.stage_actions,
            "stage": self.stage_actions,
            "help": self.help_actions,
            "window": self,
        }

    def open_paths(self, paths: Sequence[Path]) -> None:
        """Open films and folders; a bundle among them becomes the one that scores."""
        bundles = [path for path in paths if path.suffix.lower() == ".cxr"]
        films = [path for path in paths if path not in bundles]
        if films:
            self.desk.open_paths(films)
        if bundles:
            self.desk.open_bundle(bundles[-1])

    def next_target(self) -> None:
        """Choose the next target."""
        self.side.scores.step(1)

    def previous_target(self) -> None:
        """Choose the target before."""
        self.side.scores.step(-1)

    # What handlers of the menus ask.

    @property
    def row(self) -> Row | None:
        """The film that is open."""
        return self.film.row

    @property
    def target(self) -> Target | None:
        """The target whose score and map are chosen."""
        return self.film.target

    def forget_target(self) -> None:
        """Choose no target; the next time scores are shown, the leading one is."""
        self.film.forget_target()

    def tell(self, words: str) -> None:
        """Say something to the person."""
        self.notice.tell(words)

    def hide_identities(self, hidden: bool) -> None:  # noqa: FBT001  (a Qt slot)
        """Hide patient data around the film, or show them."""
        self.stage_actions.set_identity_hidden(hidden)
        self.notice.set_veil(self._without_names if hidden else None)
        self.film.show_title()

    def show_row(self) -> None:
        """Show scores, reading and heat map of the film that is open."""
        self.film.show()

    # What Qt asks of a window.

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        """Take files and folders."""
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        """Open what was dropped."""
        self.open_paths([Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()])
        event.acceptProposedAction()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        """End all work with the window."""
        if not self.reading_actions.may_close():
            event.ignore()
            return
        self.settings_actions.end()
        self.hide()
        self.table.films.stop()
        for window in self.stage_actions.windows:
            window.close()
        self.model_inputs.close()
        self.network_actions.close_dialogs()
        self.network.close()
        self.housekeeper.stop()
        self.desk.close()
        event.accept()

    # What the desk says.

    def _found(self, files: list[Path]) -> None:
        self.table.films.add(files)
        self._show_progress()
        if self.desk.loaded is None:
            self.notice.tell(tr(VIEWER_ONLY), lasting=True)

    def _arranged(self) -> None:
        self._show_progress()
        empty = not self.desk.sheet.rows
        self.welcome.setVisible(empty)
        self.stage.setVisible(not empty)
        row = self.film.row
        if row is not None and self.desk.sheet.row_of(row.source) is not row and self.table.row is None:
            self.film.close()
        if self.table.row is None and self.table.films.rowCount():
            self.table.open((self.table.films.place(row) if row is not None else 0) or 0)

    def _judged(self, verdict: Verdict) -> None:
        row = self.table.films.judge(verdict)
        if row is not None and row is self.film.row:
            self.film.forget_target()
            self.film.show()

    def _relisted(self) -> None:
        self.table.films.changed()
        self.show_row()

    def _bundle_ready(self, loaded: Loaded) -> None:
        self.table.films.changed()
        self.status.show_bundle(loaded)
        self.notice.hide()
        self.stage_actions.drop_heat()
        self.film.forget_target()
        self.film.show()

    def _without_names(self, sentence: str) -> str:
        return without_names(sentence, names_of_rows(self.list_actions.known))

    def _show_progress(self) -> None:
        counts = self.desk.sheet.counts()
        films = counts.total()
        self.status.show_progress(films - counts[Lane.WAITING], films, unscored=counts[Lane.REFUSED])

    def _lay_out(self) -> None:
        middle = QWidget()
        column = QVBoxLayout(middle)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.notice)
        column.addWidget(self.welcome, 1)
        column.addWidget(self.stage, 1)
        self.stage.hide()
        splitter = self.splitter
        for widget in (self.list, middle, self.side):
            splitter.addWidget(widget)
        splitter.setSizes([530, 790, 260])
        for place, stretch in enumerate((0, 1, 0)):
            splitter.setStretchFactor(place, stretch)
        splitter.setHandleWidth(1)
        splitter.setChildrenCollapsible(False)
        self.setCentralWidget(splitter)
        self.setStatusBar(self.status)
        self.table.setFocus()
        self.resize(_SIZE.boundedTo(self.screen().availableSize()))

    def _connect(self) -> None:
        desk, side = self.desk, self.side
        desk.found.connect(self._found)
        desk.judged.connect(self._judged)
        desk.relisted.connect(self._relisted)
        self.table.films.arranged.connect(self._arranged)
        desk.shown.connect(self.film.take)
        desk.not_shown.connect(self.film.refuse)
        desk.rewritten.connect(self.film.put_away)
        desk.bundle_loading.connect(self.status.show_loading)
        desk.bundle_ready.connect(self._bundle_ready)
        self.watching.follow(self.actions_by_name["watch_folder"])
        self.network_actions.follow()
        self.status.bundle.clicked.connect(self.help_actions.show_bundle)
        self.status.provider.clicked.connect(self.help_actions.show_providers)
        desk.told.connect(self.notice.tell)
        desk.failed.connect(lambda words: self.notice.tell(words, grave=True))
        self.table.opened.connect(self.film.open)
        self.welcome.asked.connect(lambda name: self.actions_by_name[name].trigger())
        side.scores.chosen.connect(self.film.choose)
        stage, inputs = self.stage, self.model_inputs
        side.opacity.valueChanged.connect(lambda value: stage.set_opacity(value / 100))
        stage.opacity_changed.connect(lambda opacity: side.opacity.setValue(round(opacity * 100)))
        side.heat.toggled.connect(stage.set_heat_shown)
        stage.heat_shown_changed.connect(side.heat.setChecked)
        stage.model_view_wanted.connect(self.film.ask_for_model_view)
        inputs.made.connect(stage.show_model_view)
        inputs.not_made.connect(stage.tell_model_view)
        self.stage_actions.attach(self.actions_by_name)
