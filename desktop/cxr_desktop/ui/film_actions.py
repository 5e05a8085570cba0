"""Actions on the film that the keys go to; each is an entry of `actions.MENUS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu

from cxr_desktop.ui.drags import Tool
from cxr_desktop.ui.film_view import FilmView
from cxr_desktop.ui.presets import AUTO, BONE, LUNG, MEDIASTINUM
from cxr_desktop.ui.widgets.stage import Stage
from cxr_desktop.ui.widgets.viewer import LEAST_MAGNIFIED, MOST_MAGNIFIED

_ZOOM: Final = 1.25
_PAN: Final = 60.0
_OPACITY_STEP: Final = 0.1


class FilmActions(QObject):
    """What keys and menus do with the films of one stage.

    Parameters
    ----------
    stage
        Where the films are.
    """

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self._stage = stage

    def attach(self, actions: Mapping[str, QAction]) -> None:
        """Keep the checks of the menus' actions in step with the stage."""
        stage = self._stage
        actions["show_heat"].setChecked(stage.main.heat_shown)
        actions["overlays"].setChecked(stage.main.shown.overlays)
        actions["tool_window"].setChecked(True)
        stage.heat_shown_changed.connect(actions["show_heat"].setChecked)
        stage.active_changed.connect(lambda: actions["invert"].setChecked(stage.active.inverted))
        _offer_presentations(stage, actions["next_presentation"])

    # Contrast

    def invert(self, inverted: bool) -> None:  # noqa: FBT001  (a Qt slot)
        """Show dense tissue dark, or bright."""
        self._stage.active.set_inverted(inverted)

    def reset_window(self) -> None:
        """Return to the film's own presentation."""
        self._change(FilmView.use_own)

    def next_presentation(self) -> None:
        """Show the next of the film's own presentations."""
        self._change(lambda view: view.use_own(view.presentation + 1))

    def previous_presentation(self) -> None:
        """Show the one before of the film's own presentations."""
        self._change(lambda view: view.use_own(view.presentation - 1))

    def auto_window(self) -> None:
        """Show nearly all of the film's values."""
        self._change(lambda view: view.use_preset(AUTO))

    def lung_window(self) -> None:
        """Show the darker values with more contrast."""
        self._change(lambda view: view.use_preset(LUNG))

    def mediastinum_window(self) -> None:
        """Show the brighter values with more contrast."""
        self._change(lambda view: view.use_preset(MEDIASTINUM))

    def bone_window(self) -> None:
        """Show the brightest values with more contrast."""
        self._change(lambda view: view.use_preset(BONE))

    def wider(self) -> None:
        """Widen the window."""
        self._change(lambda view: view.step_window(wider=1))

    def narrower(self) -> None:
        """Narrow the window."""
        self._change(lambda view: view.step_window(wider=-1))

    def brighter(self) -> None:
        """Lower the window's centre."""
        self._change(lambda view: view.step_window(darker=-1))

    def darker(self) -> None:
        """Raise the window's centre."""
        self._change(lambda view: view.step_window(darker=1))

    # Place

    def fit(self) -> None:
        """Show the whole film."""
        self._change(FilmView.fit)

    def one_to_one(self) -> None:
        """Show one film pixel on one of the screen's own, around the middle."""
        ratio = self._stage.active.devicePixelRatioF()
        self._change(lambda view: view.one_to_one(ratio))

    def zoom_in(self) -> None:
        """Zoom in around the middle."""
        self._change(lambda view: view.zoom(_ZOOM))

    def zoom_out(self) -> None:
        """Zoom out around the middle."""
        self._change(lambda view: view.zoom(1 / _ZOOM))

    def pan_left(self) -> None:
        """Look at what is further left."""
        self._change(lambda view: view.pan(_PAN, 0))

    def pan_right(self) -> None:
        """Look at what is further right."""
        self._change(lambda view: view.pan(-_PAN, 0))

    def pan_up(self) -> None:
        """Look at what is further up."""
        self._change(lambda view: view.pan(0, _PAN))

    def pan_down(self) -> None:
        """Look at what is further down."""
        self._change(lambda view: view.pan(0, -_PAN))

    def turn_left(self) -> None:
        """Turn anticlockwise by 90°."""
        self._change(lambda view: view.lay(view.pose.turned_left()))

    def turn_right(self) -> None:
        """Turn clockwise by 90°."""
        self._change(lambda view: view.lay(view.pose.turned_right()))

    def flip(self) -> None:
        """Mirror left to right."""
        self._change(lambda view: view.lay(view.pose.flipped()))

    def lay_upright(self) -> None:
        """Lay the film as its file does."""
        self._change(FilmView.lay_upright)

    # Heat map

    def show_heat(self, shown: bool) -> None:  # noqa: FBT001  (a Qt slot)
        """Show or hide the heat map."""
        self._stage.set_heat_shown(shown)

    def contours(self, lines: bool) -> None:  # noqa: FBT001  (a Qt slot)
        """Show the heat map as lines, or as colours."""
        self._stage.tell(contours=lines)

    def more_opaque(self) -> None:
        """Make the heat map more opaque."""
        self._stage.set_opacity(self._stage.main.opacity + _OPACITY_STEP)

    def less_opaque(self) -> None:
        """Make the heat map less opaque."""
        self._stage.set_opacity(self._stage.main.opacity - _OPACITY_STEP)

    # Tools

    def tool_window(self, chosen: bool) -> None:  # noqa: FBT001  (a Qt slot)
        """Have a drag change window and level."""
        self._use(Tool.WINDOW, chosen=chosen)

    def tool_ruler(self, chosen: bool) -> None:  # noqa: FBT001  (a Qt slot)
        """Have a drag measure a distance."""
        self._use(Tool.RULER, chosen=chosen)

    def tool_ratio(self, chosen: bool) -> None:  # noqa: FBT001  (a Qt slot)
        """Have two drags measure the heart and the thorax."""
        self._use(Tool.RATIO, chosen=chosen)

    def undo_measurement(self) -> None:
        """Take back the last change of a measurement."""
        self._stage.active.undo_measurement()

    def delete_measurement(self) -> None:
        """Delete the measurement under the cursor, else the last."""
        self._stage.active.delete_measurement()

    def magnifier(self, on: bool) -> None:  # noqa: FBT001  (a Qt slot)
        """Magnify what is under the cursor."""
        self._stage.tell(magnifier=on)

    def magnify_more(self) -> None:
        """Let the magnifier enlarge more, and after the most the least."""
        now = self._stage.main.shown.magnification
        self._stage.tell(magnification=now + 1 if now < MOST_MAGNIFIED else LEAST_MAGNIFIED)

    def overlays(self, shown: bool) -> None:  # noqa: FBT001  (a Qt slot)
        """Show or hide words, letters and measurements."""
        self._stage.tell(overlays=shown)

    def full_screen(self) -> None:
        """Let the window fill the screen, or no longer."""
        window = self._stage.window()
        window.setWindowState(window.windowState() ^ Qt.WindowState.WindowFullScreen)

    def _use(self, tool: Tool, *, chosen: bool) -> None:
        if chosen:
            for viewer in (self._stage.main, self._stage.companion):
                viewer.use_tool(tool)

    def _change(self, change: Callable[[FilmView], None]) -> None:
        self._stage.active.change(change)


def _offer_presentations(stage: Stage, before: QAction) -> None:
    """Put a menu of the film's own presentations, by name, before an action."""
    owner = next(each for each in before.associatedObjects() if isinstance(each, QMenu))
    menu = QMenu("The film's own, by &name", owner)

    def fill() -> None:
        menu.clear()
        view = stage.active.view
        group = QActionGroup(menu)
        for number, each in enumerate(view.film.presentations if view else ()):
            action = menu.addAction(each.name.replace("&", "&&"))
            action.setCheckable(True)
            action.setChecked(view is not None and view.window is None and view.presentation == number)
            action.triggered.connect(lambda _=False, number=number: stage.active.change(lambda v: v.use_own(number)))
            group.addAction(action)

    menu.aboutToShow.connect(fill)
    owner.insertMenu(before, menu)
