"""Reading by keys: opinions, note, read and next, undo, and reading blind first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from cxr_desktop.store.records import Opinion
from cxr_desktop.ui.desk import Desk
from cxr_desktop.ui.i18n import tr
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
        self._unkept: dict[int, tuple[Row, str]] = {}
        self._warned = False
        self._trouble = ""
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
    def unkept(self) -> str | None:
        """The open film's note where it could not be kept, which is shown until it is."""
        row = self._window.row
        return self._unkept[row.number][1] if row is not None and row.number in self._unkept else None

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
            self._window.tell(tr("There is no score to have an opinion on. Choose a film that was scored."))
        elif self.blind:
            seen = None if opinion is None else opinion is Opinion.AGREE
            self._try(lambda: self._window.desk.readings.call(row, target, seen=seen))
        else:
            self._try(lambda: self._window.desk.readings.say(row, target, opinion))
        self._window.show_row()

    def edit_note(self) -> None:
        """Go to the note."""
        note = self._window.side.reading.note
        if note.isEnabled():
            note.setFocus()
        else:
            self._window.tell(tr("There is no film to write a note on yet. Choose one that was scored or refused."))

    def write(self, note: str) -> None:
        """Keep a note; one that cannot be kept stays where it was written, and is tried again."""
        row = self._window.row
        if row is not None:
            self._write(row, note)
            self._window.show_row()

    def may_close(self) -> bool:
        """Keep every note; False, once, where one cannot be kept and would be lost with the window."""
        self._window.side.reading.flush()
        for row, note in list(self._unkept.values()):
            self._write(row, note)
        if not self._unkept or self._warned:
            return True
        self._warned = True
        lost = tr(
            "{count:,} notes could not be kept and would be lost. Mend that, or close again to close without them.",
            count=len(self._unkept),
        )
        self._window.desk.failed.emit(f"{self._trouble} {lost}")
        return False

    def mark_read(self) -> None:
        """Mark read and go to the next, or, where it was read, unread; reading blind: commit and show the scores."""
        row = self._window.row
        if row is None:
            return
        self._window.side.reading.flush()
        readings, table = self._window.desk.readings, self._window.list.table
        if self.blind and row.scored is not None:
            self._try(lambda: readings.commit(row))
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
            self._window.tell(tr("Undone: {what}.", what=undone[0]) if undone[0] else tr("There is nothing to undo."))
        self._window.list.table.films.changed()
        self._window.show_row()

    def blind_first(self, blind: bool) -> None:  # noqa: FBT001  (a Qt slot)
        """Hide the scores of films until the reader commits, or show them."""
        self._window.list.set_blind(blind)
        self._window.forget_target()  # the one that was shown tells what the models found
        self._window.show_row()

    def _write(self, row: Row, note: str) -> None:
        if self._try(lambda: self._window.desk.readings.write(row, note)):
            self._unkept.pop(row.number, None)
        else:
            self._unkept[row.number] = row, note

    def _try(self, operation: Callable[[], object]) -> bool:
        try:
            operation()
        except CxrError as error:
            self._trouble = str(error)
            self._window.desk.failed.emit(self._trouble)
            return False
        return True
