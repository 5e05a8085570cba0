"""Actions of the main window's stage: what every film window has, and what is beside the film."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from weakref import WeakSet

from PySide6.QtGui import QAction

from cxr_desktop.ui.film_actions import FilmActions
from cxr_desktop.ui.film_window import FilmWindow
from cxr_desktop.ui.i18n import tr
from cxr_desktop.ui.widgets.stage import Beside, Stage


class StageActions(FilmActions):
    """What keys and menus do with the main window's films.

    Parameters
    ----------
    stage
        Where the films are.
    """

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self._windows: WeakSet[FilmWindow] = WeakSet()

    def attach(self, actions: Mapping[str, QAction]) -> None:
        """Keep the checks of the menus' actions in step with the stage."""
        super().attach(actions)
        stage = self._stage
        actions["link_zoom"].setChecked(stage.link_zoom)
        actions["link_window"].setChecked(stage.link_window)

        def check() -> None:
            actions["compare"].setChecked(stage.beside is Beside.COMPANION)
            actions["model_view"].setChecked(stage.beside is Beside.MODEL_VIEW)

        stage.beside_changed.connect(check)

    def compare(self, wanted: bool) -> None:  # noqa: FBT001  (a Qt slot)
        """Put a prior or a lateral of the patient beside the film."""
        self._stage.want_companion(wanted)

    def model_view(self, wanted: bool) -> None:  # noqa: FBT001  (a Qt slot)
        """Put what the model saw beside the film."""
        self._stage.want_model_view(wanted)

    def other_film(self) -> None:
        """Let the keys go to the other film."""
        self._stage.step_active()

    def link_zoom(self, linked: bool) -> None:  # noqa: FBT001  (a Qt slot)
        """Zoom and pan both films together."""
        self._stage.link_zoom = linked

    def link_window(self, linked: bool) -> None:  # noqa: FBT001  (a Qt slot)
        """Change both films' windows together."""
        self._stage.link_window = linked

    def open_window(self) -> None:
        """Show the film in a window of its own, for another screen."""
        viewer = self._stage.active
        if viewer.view is not None:
            window = FilmWindow(viewer, self._stage)
            self._windows.add(window)
            window.show()

    @property
    def windows(self) -> list[FilmWindow]:
        """Films that are open in windows of their own."""
        return [window for window in self._windows if window.isVisible()]

    def conceal(self, is_concealed: Callable[[Path], bool]) -> None:
        """Take the heat map off the films in windows of their own whose scores must not be seen yet."""
        for window in self.windows:
            source = window.stage.main.shown_source
            if source is not None and is_concealed(source):
                window.stage.set_heat(None)

    def drop_heat(self) -> None:
        """Take the heat maps off all of them: they are of a bundle that is no longer the one in use."""
        for window in self.windows:
            window.stage.set_heat(None)

    def put_away(self, films: Collection[Path]) -> None:
        """Take films off the screen whose files hold others by now; the main one is read anew."""
        for window in self.windows:
            if window.stage.main.shown_source in films:
                window.stage.show_message(tr("Its file holds another film by now. Open that from the list."))
        if self._stage.companion.shown_source in films:
            self._stage.say_beside(tr("Its file holds another film by now. Choose it again with Alt+C."))

    def set_identity_hidden(self, hidden: bool) -> None:  # noqa: FBT001  (a Qt slot)
        """Leave out, or show, whose film it is, in every window."""
        for stage in (self._stage, *(window.stage for window in self.windows)):
            stage.set_identity_hidden(hidden)
