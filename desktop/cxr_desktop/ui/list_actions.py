"""What can be done with the list: moving in it, filtering, hiding, taking films off and putting them back."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Protocol

from PySide6.QtCore import Qt

from cxr_desktop.ui.desk import Desk
from cxr_desktop.ui.i18n import tr
from cxr_desktop.ui.widgets.list_pane import ListPane
from cxr_desktop.ui.widgets.side import SidePanel
from cxr_desktop.worklist.row import Row


class Shows(Protocol):
    """What these actions need of the window."""

    desk: Desk
    list: ListPane
    side: SidePanel

    def show_row(self) -> None:
        """Show the film that is open anew."""

    def hide_identities(self, hidden: bool) -> None:  # noqa: FBT001
        """Hide patient data, or show them."""

    def tell(self, words: str) -> None:
        """Say something to the person."""


class ListActions:
    """Handlers of the list's menu entries."""

    def __init__(self, window: Shows) -> None:
        self._window = window
        self.taken_off: list[list[Row]] = []

    @property
    def known(self) -> Iterator[Row]:
        """Every film of the list, and those that were taken off it: notices may still name them."""
        return chain(self._window.desk.sheet.rows, *self.taken_off)

    def next_film(self) -> None:
        """Open the next film."""
        self._window.list.table.step(1)

    def previous_film(self) -> None:
        """Open the film before."""
        self._window.list.table.step(-1)

    def next_unread(self) -> None:
        """Open the next film that was not read."""
        if not self._window.list.table.open_next_unread():
            self._window.tell(tr("Every film on the list was read."))

    def most_urgent(self) -> None:
        """Sort by urgency and open the first film."""
        table = self._window.list.table
        table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        table.films.arrange()
        if table.films.rowCount():
            table.open(0)

    def search_list(self) -> None:
        """Go to the search."""
        search = self._window.list.lanes.search
        search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        search.selectAll()

    def unread_only(self, only: bool) -> None:  # noqa: FBT001  (a Qt slot)
        """Leave out films that were read, or show them."""
        self._window.list.table.films.set_view(unread=only)

    def group_by_patient(self, grouped: bool) -> None:  # noqa: FBT001  (a Qt slot)
        """Keep the films of a patient together, or not."""
        self._window.list.table.films.set_view(grouped=grouped)

    def hide_patients(self, hidden: bool) -> None:  # noqa: FBT001  (a Qt slot)
        """Hide patient data everywhere, or show them."""
        self._window.list.table.films.set_view(hidden=hidden)
        self._window.hide_identities(hidden)

    def take_off(self) -> None:
        """Take the selected films off the list."""
        rows = self._window.list.table.selected
        if not rows:
            return
        self._window.side.reading.flush()  # a note on a film that is off the list would be looked for there
        self.taken_off.append(rows)
        self._window.desk.remove(rows)
        self._window.list.table.films.arrange()
        one = tr("1 film is off the list; what was kept of them stays. Ctrl+Shift+Z puts them back.")
        many = tr(
            "{count:,} films are off the list; what was kept of them stays. Ctrl+Shift+Z puts them back.",
            count=len(rows),
        )
        self._window.tell(one if len(rows) == 1 else many)

    def put_back(self) -> None:
        """Put back what was taken off last."""
        if not self.taken_off:
            self._window.tell(tr("Nothing was taken off the list."))
            return
        self._window.desk.put_back(self.taken_off.pop())
        self._window.list.table.films.arrange()
