"""The film that is open: its picture, its scores and its map, and what may be seen of them."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol

from cxr_desktop.intake.names import shown_name
from cxr_desktop.report.pictures import leading_target
from cxr_desktop.ui.desk import Desk
from cxr_desktop.ui.i18n import tr
from cxr_desktop.ui.model_inputs import ModelInputs
from cxr_desktop.ui.reading_actions import ReadingActions
from cxr_desktop.ui.rendering import Pyramid
from cxr_desktop.ui.stage_actions import StageActions
from cxr_desktop.ui.widgets.annotations import Annotations
from cxr_desktop.ui.widgets.images import heat_map
from cxr_desktop.ui.widgets.list_pane import ListPane
from cxr_desktop.ui.widgets.notice import NoticeBar
from cxr_desktop.ui.widgets.side import SidePanel
from cxr_desktop.ui.widgets.stage import NOTHING_SEEN, Stage
from cxr_desktop.worklist.order import concealed
from cxr_desktop.worklist.row import Row
from cxr_shared.errors import CxrError
from cxr_shared.findings import Target
from cxr_shared.notice import NOT_FOR_CLINICAL_USE

TITLE: Final = f"Chest X-ray triage: {NOT_FOR_CLINICAL_USE}"


class Holds(Protocol):
    """What the open film needs of the window."""

    desk: Desk
    list: ListPane
    stage: Stage
    side: SidePanel
    notice: NoticeBar
    model_inputs: ModelInputs
    reading_actions: ReadingActions
    stage_actions: StageActions

    def setWindowTitle(self, title: str, /) -> None:  # noqa: N802
        """Name the window."""


class OpenFilm:
    """Shows one row of the list at a time.

    Attributes
    ----------
    row
        The film that is open; None before the first one, and when it was taken off and no other is there.
    target
        The target whose score and map are chosen.
    """

    def __init__(self, window: Holds) -> None:
        self._window = window
        self.row: Row | None = None
        self.target: Target | None = None

    def open(self, row: Row) -> None:
        """Open another film."""
        window = self._window
        window.side.reading.flush()
        if row is self.row:
            return
        self.row, self.target = row, None
        self.show_title()
        window.stage.announce(Annotations(identity=(shown_name(row.source),)))
        window.desk.show(row.source)
        self.show()

    def close(self) -> None:
        """Open no film: it was taken off the list, and nothing that is said now may be said of it."""
        self._window.side.reading.flush()
        self.row = self.target = None
        self._window.stage.show_message("")
        self.show_title()
        self.show()

    def choose(self, target: Target) -> None:
        """Choose a target."""
        self.target = target
        self.show()

    def forget_target(self) -> None:
        """Choose no target; the next time scores are shown, the leading one is."""
        self.target = None

    def show(self) -> None:
        """Show scores, reading and heat map anew."""
        window, row, loaded = self._window, self.row, self._window.desk.loaded
        view = window.stage.main.view
        if row is not None and view is not None and view.film.source == row.source and _differ(row, view.pyramid):
            window.stage.announce(Annotations(identity=(shown_name(row.source),)))
            window.desk.read_anew(row.source)
        blind = window.reading_actions.blind
        window.stage_actions.conceal(self._is_concealed)
        scored = row.scored if row else None
        if scored is not None and self.target is None:
            self.target = next(iter(scored.scores)) if blind else leading_target(scored)
        awaited = tr("Waiting to be scored.") if loaded else tr("Not scored: no bundle is open.")
        waiting = "" if row is None else awaited
        window.side.show_row(row, self.target, waiting=waiting, blind=blind, unkept=window.reading_actions.unkept)
        if scored is None or loaded is None or self.target is None or blind:
            window.stage.set_heat(None)
            return
        try:
            window.stage.set_heat(heat_map(scored, self.target, loaded.bundle.manifest.input))
        except CxrError as error:  # its map was kept and is damaged
            window.stage.set_heat(None)
            window.notice.tell(str(error), grave=True)

    def show_title(self) -> None:
        """Name the film in the title, so far as it may be seen whose it is."""
        if self.row is None:
            self._window.setWindowTitle(tr(TITLE))
            return
        hidden = self._window.list.table.films.view.hidden
        name = tr("Film {number}", number=self.row.number) if hidden else shown_name(self.row.source)
        self._window.setWindowTitle(f"{name} · {tr(TITLE)}")

    def take(self, path: Path, pyramid: Pyramid) -> None:
        """Show the picture that was read, if its film is still open."""
        row = self.row
        if row is None or row.source != path:
            return
        if _differ(row, pyramid):  # written over since it was scored, and nobody watched
            self._window.desk.start_over([row])
            return
        self._window.stage.show_film(pyramid)
        self.show()

    def refuse(self, path: Path, reason: str) -> None:
        """Say why there is no picture, if its film is still open."""
        if self.row is not None and self.row.source == path:
            self._window.stage.show_message(reason, Annotations(identity=(path.name,)))

    def put_away(self, films: list[Path]) -> None:
        """Drop what belongs to films that are no longer in their files, having kept what is being said of them."""
        window = self._window
        if self.row is not None and self.row.source in films:
            window.side.reading.flush()
            window.stage.announce(Annotations(identity=(shown_name(self.row.source),)))
        window.stage_actions.put_away(films)
        for film in films:
            window.stage.book.forget(film)

    def ask_for_model_view(self, path: Path) -> None:
        """Have it made what the model saw of the film."""
        loaded = self._window.desk.loaded
        if loaded is None:
            self._window.stage.tell_model_view(path, tr(NOTHING_SEEN))
        else:
            self._window.model_inputs.request(path, loaded.bundle.manifest.input)

    def _is_concealed(self, film: Path) -> bool:
        """Whether the scores of a film must not be seen yet; those of one that is off the list neither."""
        view, row = self._window.list.table.films.view, self._window.desk.sheet.row_of(film)
        return view.blind if row is None else concealed(row, view)


def _differ(row: Row, pyramid: Pyramid) -> bool:
    """Whether a picture is of another content than a row's verdict, as far as both are known."""
    shown = pyramid.film.facts.sha256
    return bool(shown and row.sha256) and shown != row.sha256
