"""The file menu's entries that ask what to open."""

from __future__ import annotations

from cxr_desktop.ui.desk import Desk
from cxr_desktop.ui.dialogs import Dialogs


class FileActions:
    """Asks for films, folders and bundles, and opens them.

    Parameters
    ----------
    desk
        Opens them.
    dialogs
        Asks.
    """

    def __init__(self, desk: Desk, dialogs: Dialogs) -> None:
        self._desk = desk
        self._dialogs = dialogs

    def open_films(self) -> None:
        """Ask for films and open them."""
        if films := self._dialogs.films():
            self._desk.open_paths(films)

    def open_folder(self) -> None:
        """Ask for a folder and open the films in it."""
        if folder := self._dialogs.folder():
            self._desk.open_paths([folder])

    def open_demo(self) -> None:
        """Open synthetic films to try the program with."""
        self._desk.open_demo()

    def open_bundle(self) -> None:
        """Ask for a bundle and score with it."""
        if path := self._dialogs.bundle():
            self._desk.open_bundle(path)
