"""The menu entry that watches a folder; checked while one is watched."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtGui import QAction

from cxr_desktop.ui.desk import Desk
from cxr_desktop.ui.dialogs import Dialogs

WATCH: Final = "&Watch folder…"


class Watching:
    """Turns watching on and off.

    Parameters
    ----------
    desk
        Does it.
    dialogs
        Asks for the folder.
    """

    def __init__(self, desk: Desk, dialogs: Dialogs) -> None:
        self._desk = desk
        self._dialogs = dialogs
        self._action: QAction | None = None

    def follow(self, action: QAction) -> None:
        """Show on this entry what is watched."""
        self._action = action

    def watch_folder(self, on: bool) -> None:  # noqa: FBT001  (a Qt slot)
        """Ask for a folder and watch it, or watch none."""
        folder = self._dialogs.folder_to_watch() if on else None
        if folder is None:
            self._desk.unwatch()
        else:
            self._desk.watch(folder)
        self._show(folder)

    def watch(self, folder: Path) -> None:
        """Watch a folder that was named elsewhere."""
        self._desk.watch(folder)
        self._show(folder)

    def _show(self, folder: Path | None) -> None:
        if self._action is None:
            return
        self._action.blockSignals(True)  # noqa: FBT003  (Qt's order)
        self._action.setChecked(folder is not None)
        self._action.blockSignals(False)  # noqa: FBT003
        name = "" if folder is None else folder.name.replace("&", "&&")
        self._action.setText(f"&Watching {name}" if name else WATCH)
