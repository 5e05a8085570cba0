"""The patient's other films beside the one that is open."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol

from cxr_desktop.ui.desk import Desk
from cxr_desktop.ui.i18n import tr
from cxr_desktop.ui.rendering import Pyramid
from cxr_desktop.ui.widgets.stage import Stage
from cxr_desktop.worklist.companions import caption, companions
from cxr_desktop.worklist.row import Row

_NO_PATIENT: Final = "The file does not say whose film this is, so no other film of the patient can be found."
_NO_OTHER: Final = "The list holds no other film of this patient. Open the prior or the lateral too."


class Compares(Protocol):
    """What these actions need of the window."""

    desk: Desk
    stage: Stage

    @property
    def row(self) -> Row | None:
        """The film that is open."""


class CompanionActions:
    """Chooses the companion that the stage asks for, and the next one."""

    def __init__(self, window: Compares) -> None:
        self._window = window
        self._chosen: tuple[int, int] = (0, 0)
        window.stage.companion_wanted.connect(self.show)
        window.desk.shown_beside.connect(self._shown)

    def next_companion(self) -> None:
        """Show the patient's next other film."""
        row = self._window.row
        if row is not None:
            number, place = self._chosen
            self._chosen = (row.number, place + 1 if number == row.number else 1)
            self.show()

    def show(self) -> None:
        """Show the companion that is chosen; the first of another film."""
        row = self._window.row
        if row is None:
            return
        if not row.identity.patient_id:
            self._window.stage.compare(None, tr(_NO_PATIENT))
            return
        others = companions(row, self._window.desk.sheet.rows)
        if not others:
            self._window.stage.compare(None, tr(_NO_OTHER))
            return
        self._window.desk.show_beside(self._choice(row, others).source)

    def _choice(self, row: Row, others: list[Row]) -> Row:
        number, place = self._chosen
        return others[place % len(others) if number == row.number else 0]

    def _shown(self, path: Path, shown: Pyramid | str) -> None:
        row, beside = self._window.row, self._window.desk.sheet.row_of(path)
        if row is None or beside is None or beside not in (others := companions(row, self._window.desk.sheet.rows)):
            return  # another film was opened meanwhile
        if isinstance(shown, str):
            self._window.stage.compare(None, shown)
            return
        count = (
            tr(" ({number} of {count})", number=others.index(beside) + 1, count=len(others)) if len(others) > 1 else ""
        )
        dated, undated = (f"{caption(row, beside, hidden=hidden)}{count}" for hidden in (False, True))
        self._window.stage.compare(shown, undated, dated=dated)
