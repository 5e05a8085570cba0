"""What the window tells of the program: its providers, and the details of a fault."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QObject
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from cxr_desktop.inference.providers import Judgement
from cxr_desktop.ui.bundle_table import bundle_rows
from cxr_desktop.ui.desk import VIEWER_ONLY, Desk
from cxr_desktop.ui.details import details, names_of_paths, names_of_rows
from cxr_desktop.ui.dialogs import keys_dialog, table_dialog
from cxr_desktop.ui.i18n import tr
from cxr_desktop.ui.list_actions import ListActions
from cxr_desktop.ui.provider_table import judged_rows, loaded_rows
from cxr_desktop.ui.providers_dialog import ProvidersDialog
from cxr_desktop.ui.widgets.notice import NoticeBar


class Helps(Protocol):
    """What these actions need of the window."""

    desk: Desk
    notice: NoticeBar
    list_actions: ListActions


class HelpActions:
    """Handlers of the help menu's entries, and of the notice's button."""

    def __init__(self, window: Helps) -> None:
        self._window = window
        self._dialog: ProvidersDialog | None = None
        window.desk.providers_judged.connect(self._judged)
        window.notice.details_asked.connect(self.copy_details)

    def show_keys(self) -> None:
        """Show every key."""
        assert isinstance(self._window, QWidget)
        keys_dialog(self._window).show()

    def show_bundle(self) -> None:
        """Show what is known of the bundle's models."""
        window = self._window
        assert isinstance(window, QWidget)
        if window.desk.loaded is None:
            window.notice.tell(tr(VIEWER_ONLY), lasting=True)
        else:
            rows = [tuple(map(tr, row)) for row in bundle_rows(window.desk.loaded.bundle)]
            table_dialog(window, tr("About this bundle"), rows).show()

    def show_providers(self) -> None:
        """Show what is known of the providers at once, and of all of them when they are proved."""
        window = self._window
        assert isinstance(window, QWidget)
        if self._dialog is None:
            self._dialog = ProvidersDialog(window)
            self._dialog.destroyed.connect(self._gone)
            loaded = window.desk.loaded
            proving = tr(
                "Proving every provider in processes of their own; TensorRT, where it is there, takes minutes…"
            )
            self._dialog.show_rows(loaded_rows(loaded.provider if loaded else None), proving)
            window.desk.judge_providers()
        self._dialog.show()
        self._dialog.raise_()

    def copy_details(self, sentence: str) -> None:
        """Put the details of a fault on the clipboard."""
        desk = self._window.desk
        origin = desk.loaded.provenance if desk.loaded else None
        private = chain(names_of_paths([*desk.named, Path.home()]), names_of_rows(self._window.list_actions.known))
        QGuiApplication.clipboard().setText(details(sentence, private=private, origin=origin))
        self._window.notice.say_copied()

    def _judged(self, judgements: Sequence[Judgement]) -> None:
        loaded = self._window.desk.loaded
        if self._dialog is not None:
            self._dialog.show_rows(judged_rows(judgements, loaded.provider if loaded else None))

    def _gone(self, _dialog: QObject) -> None:
        self._dialog = None
