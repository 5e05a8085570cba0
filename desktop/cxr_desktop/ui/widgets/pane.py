"""One film as it is shown: with its window, place, heat map, measurements and words. It takes no input."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QPointF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from cxr_desktop.intake.prepared import DisplayFilm
from cxr_desktop.ui.drags import Tool, measurement_near
from cxr_desktop.ui.film_view import FilmView
from cxr_desktop.ui.i18n import tr
from cxr_desktop.ui.measure import Measurement, MeasurementBook, Measurements
from cxr_desktop.ui.rendering import Pyramid
from cxr_desktop.ui.transform import Transform
from cxr_desktop.ui.widgets.annotations import Annotations
from cxr_desktop.ui.widgets.images import HeatMap
from cxr_desktop.ui.widgets.layers import Layers
from cxr_desktop.ui.widgets.painting import Shown, paint_film, paint_message
from cxr_shared.film import Window


class FilmPane(QWidget):
    """Shows one film, or words in its place.

    Parameters
    ----------
    book
        Where measurements are kept, so that two panes of one film show the same.

    Signals
    -------
    window_changed
        The window, the presentation or the inversion changed.
    place_changed
        The zoom, the place or the pose changed.
    """

    window_changed = Signal()
    place_changed = Signal()

    def __init__(self, book: MeasurementBook | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName(tr("Film"))
        self.shown = Shown()
        self._book = book or MeasurementBook()
        self._message = tr("Open films with Ctrl+O, or drop files and folders here")
        self._view: FilmView | None = None
        self._invert = False
        self._magnified = False
        self._layers = Layers()

    @property
    def view(self) -> FilmView | None:
        """What is shown and how; change it through `change` only."""
        return self._view

    @property
    def film_window(self) -> Window | None:
        """The window in use; None while one of the film's own presentations is shown."""
        return self._view.window if self._view else None

    @property
    def shown_source(self) -> Path | None:
        """File of the film that is shown; None while there is none."""
        return self._view.film.source if self._view else None

    @property
    def shown_film(self) -> DisplayFilm | None:
        """The film that is shown; None while there is none."""
        return self._view.film if self._view else None

    @property
    def message(self) -> str:
        """Words in place of a film; empty while one is shown."""
        return self._message

    @property
    def inverted(self) -> bool:
        """Whether dense tissue is dark."""
        return self._invert

    @property
    def view_transform(self) -> Transform:
        """Where the film lies in the widget."""
        return self._view.transform if self._view else Transform(1.0, 0.0, 0.0)

    @property
    def heat_shown(self) -> bool:
        """Whether the heat map is wanted, if there is one."""
        return self.shown.heat_shown

    @property
    def opacity(self) -> float:
        """Opacity of the heat map, 0..1."""
        return self.shown.opacity

    @property
    def heat(self) -> HeatMap | None:
        """The heat map, shown or not."""
        return self.shown.heat

    @property
    def annotations(self) -> Annotations:
        """What is known of the film."""
        return self.shown.annotations

    @annotations.setter
    def annotations(self, annotations: Annotations) -> None:
        self.tell(annotations=annotations)

    @property
    def measurements(self) -> Measurements:
        """What was measured on the film that is shown."""
        return self._book.of(self.shown_source)

    @property
    def tool(self) -> Tool:
        """What a drag with the left button does."""
        return self.shown.tool

    def show_film(self, pyramid: Pyramid) -> None:
        """Show a film upright in its own presentation, fitted; the inversion stays as the reader set it."""
        self._view = FilmView(pyramid, self._screen(), inverted=self._invert)
        self._message = ""
        self._changed()

    def show_message(self, message: str) -> None:
        """Show words in place of a film."""
        self._view, self._message = None, message
        self.tell(heat=None)
        self._changed()

    def change(self, change: Callable[[FilmView], None]) -> None:
        """Change what is shown and how, where a film is shown."""
        if self._view is not None:
            change(self._view)
            self._changed()

    def tell(self, **parts: object) -> None:
        """Change parts of `shown`, by name."""
        for name, value in parts.items():
            setattr(self.shown, name, value)
        self.update()

    def set_heat(self, heat: HeatMap | None) -> None:
        """Lay a heat map over the film, or none."""
        self.tell(heat=heat)

    def set_inverted(self, invert: bool) -> None:  # noqa: FBT001  (a Qt slot)
        """Show dense tissue dark, or bright."""
        self._invert = invert
        if self._view is not None:
            self._view.inverted = invert
        self._changed()

    def undo_measurement(self) -> None:
        """Take back the last change of a measurement."""
        self.measurements.undo()
        self.update()

    def delete_measurement(self) -> None:
        """Delete the measurement under the cursor, else the last."""
        cursor = self.shown.cursor
        near = None
        if self._view is not None and cursor is not None:
            near = measurement_near(self._view, self.measurements.items, (cursor.x(), cursor.y()))
        self.measurements.delete(near)
        self.update()

    def fit(self) -> None:
        """Show the whole film."""
        self.change(FilmView.fit)

    def zoom(self, factor: float, at: QPointF | None = None) -> None:
        """Zoom around a position in the widget, by default its middle."""
        self.change(lambda view: view.zoom(factor, (at.x(), at.y()) if at else None))

    def sizeHint(self) -> QSize:  # noqa: N802
        """Prefer much room."""
        return QSize(800, 800)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Stay usable."""
        return QSize(240, 240)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802, ARG002
        """Keep a fitted film fitted."""
        self.change(lambda view: view.resize(self._screen()))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802, ARG002
        """Draw film, heat map, measurements and words."""
        painter = QPainter(self)
        if self._view is None:
            paint_message(painter, self.rect(), self._message, self.shown)
        else:
            items = self._drawn(self.measurements.items)
            self.shown.magnifies = self.shown.magnifier or self._magnified
            ratio = self.devicePixelRatioF()
            paint_film(painter, self.rect(), self._view, self.shown, items=items, layers=self._layers, ratio=ratio)
        painter.end()

    def _drawn(self, items: tuple[Measurement, ...]) -> tuple[Measurement, ...]:
        """Measurements to draw: those that are kept, as a drag in progress changes them."""
        return items

    def _changed(self) -> None:
        self.update()
        self.window_changed.emit()
        self.place_changed.emit()

    def _screen(self) -> tuple[int, int]:
        return max(1, self.height()), max(1, self.width())
