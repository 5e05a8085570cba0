"""Actions of the main window's stage: what every film window has, and what is beside the film."""

from __future__ import annotations

from collections.abc import Mapping
from weakref import WeakSet

from PySide6.QtGui import QAction

from cxr_desktop.ui.film_actions import FilmActions
from cxr_desktop.ui.film_window import FilmWindow
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

    def set_identity_hidden(self, hidden: bool) -> None:  # noqa: FBT001  (a Qt slot)
        """Leave out, or show, whose film it is, in every window."""
        for stage in (self._stage, *(window.stage for window in self.windows)):
            stage.set_identity_hidden(hidden)
