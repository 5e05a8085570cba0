"""Settings of the window: asked for, followed, kept."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QSplitter, QWidget

from cxr_desktop.inference.lanes import TriagePolicy
from cxr_desktop.settings import Settings, save_settings
from cxr_desktop.ui.desk import Desk
from cxr_desktop.ui.i18n import tr
from cxr_desktop.ui.layout import layout_of, put_back
from cxr_desktop.ui.settings_dialog import SettingsDialog
from cxr_desktop.ui.widgets.list_pane import ListPane
from cxr_shared.errors import CxrError


class Sets(Protocol):
    """What these actions need of the window."""

    desk: Desk
    list: ListPane
    splitter: QSplitter
    actions_by_name: dict[str, QAction]

    def show_row(self) -> None:
        """Show the film that is open anew."""

    def tell(self, words: str) -> None:
        """Say something to the person."""


class SettingsActions:
    """Handlers of the settings' entries; keeps settings where a file is given.

    Parameters
    ----------
    window
        The window.
    settings
        As they were read.
    path
        Where they are kept; None keeps nothing.
    """

    def __init__(self, window: Sets, settings: Settings, path: Path | None) -> None:
        self._window = window
        self._path = path
        self.settings = settings

    def show_settings(self) -> None:
        """Show the settings page."""
        assert isinstance(self._window, QWidget)
        dialog = SettingsDialog(self._window.desk.sheet.policy, self._window)
        dialog.chosen.connect(self.follow)
        dialog.show()

    def follow(self, policy: TriagePolicy) -> None:
        """Order the list by another policy, and keep it."""
        self._window.desk.follow(policy)
        self._window.list.table.films.changed()
        self._window.show_row()
        self.settings = self.settings.with_policy(policy)
        self.keep()

    def begin(self) -> None:
        """Put the window as it was left."""
        window = self._window
        assert isinstance(window, QWidget)
        put_back(self.settings.layout, window, window.splitter, window.list.table)  # type: ignore[arg-type]
        window.actions_by_name["blind_first"].setChecked(self.settings.blind_first)
        window.actions_by_name["hide_patients"].setChecked(self.settings.hide_patients)

    def end(self) -> None:
        """Keep how the window is left."""
        window, loaded = self._window, self._window.desk.loaded
        changes = {
            "layout": layout_of(window, window.splitter, window.list.table),  # type: ignore[arg-type]
            "blind_first": window.actions_by_name["blind_first"].isChecked(),
            "hide_patients": window.actions_by_name["hide_patients"].isChecked(),
            "bundle": loaded.bundle.path if loaded else self.settings.bundle,
            "bundle_sha256": loaded.bundle.sha256 if loaded else self.settings.bundle_sha256,
        }
        self.settings = self.settings.model_copy(update=changes)
        self.keep()

    def keep(self) -> None:
        """Write the settings; that they could not be written is said and stops nothing."""
        if self._path is None:
            return
        try:
            save_settings(self._path, self.settings)
        except (CxrError, OSError) as error:
            self._window.tell(tr("The settings could not be kept. {reason}", reason=error))
