"""One film, or two side by side."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from cxr_desktop.ui.film_view import FilmView
from cxr_desktop.ui.i18n import tr
from cxr_desktop.ui.measure import MeasurementBook
from cxr_desktop.ui.presets import relative_window, window_from_relative
from cxr_desktop.ui.rendering import Pyramid, model_input_film
from cxr_desktop.ui.transform import from_relative, relative_view
from cxr_desktop.ui.widgets.annotations import Annotations, film_annotations
from cxr_desktop.ui.widgets.images import HeatMap
from cxr_desktop.ui.widgets.viewer import FilmViewer

NO_COMPANION: Final = "Among the open films is no prior and no lateral of this patient."
MODEL_VIEW: Final = "What the model saw"
NOTHING_SEEN: Final = "No model has seen this film: no bundle is open."


class Beside(Enum):
    """What is beside the film."""

    NOTHING = 0
    COMPANION = 1
    MODEL_VIEW = 2


class Stage(QWidget):
    """Holds the viewer of the film, and beside it, when asked for, a companion or what the model saw.

    Parameters
    ----------
    book
        Where measurements are kept.

    Signals
    -------
    companion_wanted
        A companion of the film is to be chosen: answer with `compare`. Sent again for each film that follows. While
        nothing answers, the pane says that there is none.
    model_view_wanted
        Path: what the model saw of this film is to be read; answer with `show_model_view` or `tell_model_view`.
    beside_changed
        Something else, or nothing, is beside the film.
    heat_shown_changed
        bool: the heat map is wanted, or not.
    opacity_changed
        float: opacity of the heat map, 0..1.
    active_changed
        Another viewer is `active`, or it shows another film or inversion.
    """

    companion_wanted = Signal()
    model_view_wanted = Signal(object)
    beside_changed = Signal()
    heat_shown_changed = Signal(bool)
    opacity_changed = Signal(float)
    active_changed = Signal()

    def __init__(self, book: MeasurementBook | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.book = book or MeasurementBook()
        self.main, self.companion = FilmViewer(self.book), FilmViewer(self.book)
        self.link_zoom, self.link_window = True, False
        self._active = self.main
        self._beside = Beside.NOTHING
        self._following = False
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        for viewer, other in ((self.main, self.companion), (self.companion, self.main)):
            layout.addWidget(viewer, 1)
            viewer.activated.connect(lambda viewer=viewer: self._activate(viewer))
            viewer.place_changed.connect(lambda one=viewer, other=other: self._follow_place(one, other))
            viewer.window_changed.connect(lambda one=viewer, other=other: self._follow_window(one, other))
        self.companion.hide()

    @property
    def active(self) -> FilmViewer:
        """The viewer that the keys go to."""
        return self._active

    @property
    def beside(self) -> Beside:
        """What is beside the film."""
        return self._beside

    @property
    def viewers(self) -> tuple[FilmViewer, ...]:
        """The viewers that are shown."""
        return (self.main,) if self._beside is Beside.NOTHING else (self.main, self.companion)

    def show_film(self, pyramid: Pyramid) -> None:
        """Show a film with what is known of it; what was beside another film is asked for anew."""
        self.main.annotations = film_annotations(pyramid.film)
        self.main.show_film(pyramid)
        self._ask_again()
        self.active_changed.emit()

    def show_message(self, message: str, annotations: Annotations | None = None) -> None:
        """Show words in place of a film."""
        self.main.annotations = annotations or Annotations()
        self.main.show_message(message)
        self._ask_again()
        self.active_changed.emit()

    def announce(self, annotations: Annotations) -> None:
        """Name the film that is being read, and take the one before off the screen with all that belongs to it."""
        self.main.annotations = annotations
        self.main.show_message(tr("Reading the film…"))
        if self._beside is not Beside.NOTHING:
            self.companion.annotations = Annotations()
            self.companion.show_message("")

    def set_heat(self, heat: HeatMap | None) -> None:
        """Lay a heat map over the film, or none."""
        self.main.set_heat(heat)

    def set_heat_shown(self, shown: bool) -> None:  # noqa: FBT001  (a Qt slot)
        """Show or hide the heat map."""
        if shown != self.main.heat_shown:
            self.tell(heat_shown=shown)
            self.heat_shown_changed.emit(shown)

    def set_opacity(self, opacity: float) -> None:
        """Set the opacity of the heat map, 0..1."""
        opacity = min(max(opacity, 0.0), 1.0)
        if opacity != self.main.opacity:
            self.tell(opacity=opacity)
            self.opacity_changed.emit(opacity)

    def set_identity_hidden(self, hidden: bool) -> None:  # noqa: FBT001  (a Qt slot)
        """Leave out, or show, the lines that say whose film it is."""
        self.tell(identity_hidden=hidden)

    def tell(self, **parts: object) -> None:
        """Change parts of what both viewers show besides the film."""
        for viewer in (self.main, self.companion):
            viewer.tell(**parts)

    def want_companion(self, wanted: bool) -> None:  # noqa: FBT001  (a Qt slot)
        """Put a companion beside the film, or take it away."""
        self._want(Beside.COMPANION, wanted=wanted)

    def want_model_view(self, wanted: bool) -> None:  # noqa: FBT001  (a Qt slot)
        """Put what the model saw beside the film, or take it away."""
        self._want(Beside.MODEL_VIEW, wanted=wanted)

    def compare(self, pyramid: Pyramid | None, caption: str, *, dated: str = "") -> None:
        """Show a companion beside the film.

        Parameters
        ----------
        pyramid
            Another film of the patient, or None.
        caption
            Which one it is, or a sentence that says why there is none.
        dated
            The caption while patient data are not hidden; empty where it is the same.
        """
        self._set_beside(Beside.COMPANION)
        if pyramid is None:
            self.say_beside(caption)
        else:
            self.companion.tell(title=caption, dated_title=dated)
            self._show_beside(pyramid, film_annotations(pyramid.film), smooth=True)

    def show_model_view(self, source: Path, pixels: npt.NDArray[np.uint8], caption: str) -> None:
        """Show a model's input (S, S) uint8 beside the film it was made from; it is dropped if that is gone."""
        if self._beside is Beside.MODEL_VIEW and self.main.shown_source == source:
            film = model_input_film(pixels, source)
            self.companion.tell(title=tr(MODEL_VIEW), dated_title="")
            self._show_beside(film, Annotations((caption,)), smooth=False)

    def tell_model_view(self, source: Path, words: str) -> None:
        """Say why it cannot be shown what the model saw of a film; it is dropped if that is gone."""
        if self._beside is Beside.MODEL_VIEW and self.main.shown_source == source:
            self.say_beside(words)

    def say_beside(self, words: str) -> None:
        """Show words in place of what is beside the film."""
        self.companion.tell(title="", dated_title="", annotations=Annotations())
        self.companion.show_message(words)

    def step_active(self) -> None:
        """Give the keys to the other viewer."""
        viewers = self.viewers
        viewers[(viewers.index(self._active) + 1) % len(viewers)].setFocus()

    def _want(self, beside: Beside, *, wanted: bool) -> None:
        if wanted:
            self._set_beside(beside)
            self._ask_again()
        elif self._beside is beside:
            self._set_beside(Beside.NOTHING)

    def _set_beside(self, beside: Beside) -> None:
        if beside is self._beside:
            return
        self._beside = beside
        self.companion.setVisible(beside is not Beside.NOTHING)
        if beside is Beside.NOTHING:
            self.companion.show_message("")
            self._activate(self.main)
        self._mark()
        self.beside_changed.emit()

    def _ask_again(self) -> None:
        """Ask for what belongs beside the film now; until an answer comes, nothing of another patient is shown."""
        source = self.main.shown_source
        if self._beside is Beside.COMPANION:
            self.say_beside(tr(NO_COMPANION))
            self.companion_wanted.emit()
        elif self._beside is Beside.MODEL_VIEW and source is None:
            self.say_beside(tr(NOTHING_SEEN))
        elif self._beside is Beside.MODEL_VIEW:
            self.say_beside(tr("Reading what the model saw…"))
            self.model_view_wanted.emit(source)

    def _show_beside(self, pyramid: Pyramid, annotations: Annotations, *, smooth: bool) -> None:
        self.companion.tell(annotations=annotations, smooth=smooth)
        self.companion.show_film(pyramid)
        self._follow_place(self.main, self.companion)

    def _activate(self, viewer: FilmViewer) -> None:
        if viewer is not self._active:
            self._active = viewer
            self._mark()
            self.active_changed.emit()

    def _mark(self) -> None:
        for viewer in (self.main, self.companion):
            viewer.tell(marked=viewer is self._active and len(self.viewers) > 1)

    def _follow_place(self, one: FilmViewer, other: FilmViewer) -> None:
        if self.link_zoom:
            self._follow(one, other, _same_place)

    def _follow_window(self, one: FilmViewer, other: FilmViewer) -> None:
        if self.link_window:
            self._follow(one, other, _same_window)

    def _follow(self, one: FilmViewer, other: FilmViewer, how: Callable[[FilmView, FilmView], None]) -> None:
        """Make the other viewer follow, but not back again."""
        view, following = one.view, other.view
        if self._beside is Beside.NOTHING or self._following or view is None or following is None:
            return
        self._following = True
        try:
            other.change(lambda following: how(view, following))
        finally:
            self._following = False


def _same_place(one: FilmView, other: FilmView) -> None:
    """Show the same part of the other film, at the same enlargement."""
    if one.fits:
        other.fit()
    else:
        relative = relative_view(one.transform, one.shape, one.screen)
        other.place(from_relative(relative, other.shape, other.screen, other.pose))


def _same_window(one: FilmView, other: FilmView) -> None:
    """Change the other film's window by as much, in terms of its own."""
    if one.window is None:
        other.use_own(other.presentation)
    else:
        other.window = window_from_relative(relative_window(one.window, one.film.window), other.film.window)
