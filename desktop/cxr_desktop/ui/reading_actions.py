"""Reading by keys: opinions, note, read and next, undo, and reading blind first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from cxr_desktop.store.records import Opinion
from cxr_desktop.ui.desk import Desk
from cxr_desktop.ui.widgets.list_pane import ListPane
from cxr_desktop.ui.widgets.side import SidePanel
from cxr_desktop.worklist.order import concealed
from cxr_desktop.worklist.row import Row
from cxr_shared.errors import CxrError
from cxr_shared.findings import Target


class Reads(Protocol):
    """What these actions need of the window."""

    desk: Desk
    list: ListPane
    side: SidePanel

    @property
    def row(self) -> Row | None:
        """The film that is open."""

    @property
    def target(self) -> Target | None:
        """The target that is chosen."""

    def forget_target(self) -> None:
        """Choose no target."""

    def show_row(self) -> None:
        """Show the film that is open anew."""

    def tell(self, words: str) -> None:
        """Say something to the person."""


class ReadingActions:
    """Handlers of the reading menu's entries, and of the reading panel."""

    def __init__(self, window: Reads) -> None:
        self._window = window
        self._calls: dict[int, dict[Target, bool]] = {}
        panel = window.side.reading
        panel.said.connect(self.say)
        panel.wrote.connect(self.write)
        panel.finished.connect(self.mark_read)

    @property
    def blind(self) -> bool:
        """Whether the open film's scores are hidden until the reader commits."""
        row = self._window.row
        return row is not None and concealed(row, self._window.list.table.films.view)

    @property
    def calls(self) -> dict[Target, bool]:
        """What was called on the open film before committing."""
        row = self._window.row
        return self._calls.get(row.number, {}) if row else {}

    def agree(self) -> None:
        """Agree with the chosen target's score; reading blind: it is present."""
        self.say(Opinion.AGREE)

    def disagree(self) -> None:
        """Disagree with the chosen target's score; reading blind: it is absent."""
        self.say(Opinion.DISAGREE)

    def no_opinion(self) -> None:
        """Take the opinion on the chosen target back."""
        self.say(None)

    def say(self, opinion: Opinion | None) -> None:
        """Say something of the chosen target."""
        row, target = self._window.row, self._window.target
        if row is None or target is None or row.scored is None:
            self._window.tell("There is no score to have an opinion on. Choose a film that was scored.")
        elif self.blind:
            calls = self._calls.setdefault(row.number, {})
            calls.pop(target, None)
            if opinion is not None:
                calls[target] = opinion is Opinion.AGREE
        else:
            self._try(lambda: self._window.desk.readings.say(row, target, opinion))
        self._window.show_row()

    def edit_note(self) -> None:
        """Go to the note."""
        self._window.side.reading.note.setFocus()

    def write(self, note: str) -> None:
        """Keep a note."""
        row = self._window.row
        if row is not None:
            self._try(lambda: self._window.desk.readings.write(row, note))
            self._window.show_row()

    def mark_read(self) -> None:
        """Mark read and go to the next, or, where it was read, unread; reading blind: commit and show the scores."""
        row = self._window.row
        if row is None:
            return
        self._window.side.reading.flush()
        readings, table = self._window.desk.readings, self._window.list.table
        if self.blind and row.scored is not None:
            if self._try(lambda: readings.commit(row, self.calls)):
                self._calls.pop(row.number, None)
            table.films.row_changed(row)
        elif self._try(lambda: readings.finish(row, finished=not row.finished)):
            table.films.row_changed(row)
            if row.finished and table.open_next_unread():
                table.films.arrange()
                return
            table.films.arrange()
        self._window.show_row()

    def undo_reading(self) -> None:
        """Take the last change of a reading back."""
        undone: list[str] = []
        if self._try(lambda: undone.append(self._window.desk.readings.undo())):
            self._window.tell(f"Undone: {undone[0]}." if undone[0] else "There is nothing to undo.")
        self._window.list.table.films.changed()
        self._window.show_row()

    def blind_first(self, blind: bool) -> None:  # noqa: FBT001  (a Qt slot)
        """Hide the scores of films until the reader commits, or show them."""
        self._window.list.set_blind(blind)
        self._window.forget_target()  # the one that was shown tells what the models found
        self._window.show_row()

    def _try(self, operation: Callable[[], object]) -> bool:
        try:
            operation()
        except CxrError as error:
            self._window.tell(str(error))
            return False
        return True
