"""One film: the mouse and the keys that are held, and the painting; what they do is `film_view`'s and `drags`'s."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from PySide6.QtCore import QEvent, QPointF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from cxr_desktop.intake.prepared import DisplayFilm
from cxr_desktop.ui.drags import Drag, PanDrag, Tool, begin_drag, measurement_near
from cxr_desktop.ui.film_view import FilmView
from cxr_desktop.ui.i18n import tr
from cxr_desktop.ui.measure import MeasurementBook, Measurements
from cxr_desktop.ui.rendering import Pyramid
from cxr_desktop.ui.transform import Transform
from cxr_desktop.ui.widgets.annotations import Annotations
from cxr_desktop.ui.widgets.images import HeatMap
from cxr_desktop.ui.widgets.layers import Layers
from cxr_desktop.ui.widgets.painting import Shown, paint_film, paint_message
from cxr_shared.film import Window

_WHEEL_STEP: Final = 1.2
_NOTCH: Final = 120
LEAST_MAGNIFIED: Final = 2
MOST_MAGNIFIED: Final = 4


class FilmViewer(QWidget):
    """Shows one film.

    Drag with the left button: what the tool says, at first window (across) and level (down); with the right button:
    window and level. Middle button, or the space bar and left: pan. Wheel: zoom to the cursor. Double click: fit.
    Z held: magnifier.

    Parameters
    ----------
    book
        Where measurements are kept, so that two viewers of one film show the same.

    Signals
    -------
    window_changed
        The window, the presentation or the inversion changed.
    place_changed
        The zoom, the place or the pose changed.
    activated
        The keys go to it.
    """

    window_changed = Signal()
    place_changed = Signal()
    activated = Signal()

    def __init__(self, book: MeasurementBook | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMouseTracking(True)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName(tr("Film"))
        self.shown = Shown()
        self._book = book or MeasurementBook()
        self._message = tr("Open films with Ctrl+O, or drop files and folders here")
        self._view: FilmView | None = None
        self._invert = False
        self._drag: Drag | None = None
        self._space = self._held = False
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
        self._message, self._drag = "", None
        self._changed()

    def show_message(self, message: str) -> None:
        """Show words in place of a film."""
        self._view, self._drag, self._message = None, None, message
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

    def use_tool(self, tool: Tool) -> None:
        """Choose what a drag with the left button does."""
        self.tell(tool=tool)
        self._show_cursor()

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

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Begin a drag."""
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        view = self._view
        if view is None:
            return
        at = event.position().x(), event.position().y()
        if event.button() is Qt.MouseButton.MiddleButton or self._space:
            self._drag = PanDrag(view, at, view.transform)
        else:
            left = event.button() is Qt.MouseButton.LeftButton and self.shown.overlays
            self._drag = begin_drag(view, self.measurements, self.tool if left else Tool.WINDOW, at)
        self._show_cursor()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Drag, or follow the cursor with the pixel value."""
        self.shown.cursor = event.position()
        if self._drag is None:
            self.update()
        else:
            self._drag.move(event.position().x(), event.position().y())
            self._changed()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802, ARG002
        """End a drag."""
        if self._drag is not None:
            self._drag.end()
        self._drag = None
        self._show_cursor()
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802, ARG002
        """Fit."""
        self.fit()

    def enterEvent(self, event: object) -> None:  # noqa: N802, ARG002
        """Take the keys, so that the space bar pans; films and targets have keys of the whole window."""
        self.setFocus(Qt.FocusReason.MouseFocusReason)

    def leaveEvent(self, event: object) -> None:  # noqa: N802, ARG002
        """Show no pixel value."""
        self.tell(cursor=None)

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        """Zoom to the cursor."""
        self.zoom(_WHEEL_STEP ** (event.angleDelta().y() / _NOTCH), event.position())
        event.accept()

    def event(self, event: QEvent) -> bool:
        """Keep the keys that are held from being taken as shortcuts."""
        if event.type() is QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and _is_held(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Hold the space bar to pan, Z to magnify."""
        self._hold(event, down=True)
        if not _is_held(event):
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Let go of the space bar or of Z."""
        if not event.isAutoRepeat():
            self._hold(event, down=False)
        if not _is_held(event):
            super().keyReleaseEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        """Say that the keys go here."""
        super().focusInEvent(event)
        self.activated.emit()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        """Forget keys that will be let go elsewhere."""
        super().focusOutEvent(event)
        self._space = self._held = False
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802, ARG002
        """Keep a fitted film fitted."""
        self.change(lambda view: view.resize(self._screen()))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802, ARG002
        """Draw film, heat map, measurements and words."""
        painter = QPainter(self)
        if self._view is None:
            paint_message(painter, self.rect(), self._message, self.shown)
        else:
            items = self.measurements.items
            items = self._drag.preview(items) if self._drag else items
            self.shown.magnifies = self.shown.magnifier or self._held
            ratio = self.devicePixelRatioF()
            paint_film(painter, self.rect(), self._view, self.shown, items=items, layers=self._layers, ratio=ratio)
        painter.end()

    def _hold(self, event: QKeyEvent, *, down: bool) -> None:
        if event.key() == Qt.Key.Key_Space:
            self._space = down
        elif _is_held(event):
            self._held = down
            self.update()

    def _show_cursor(self) -> None:
        if isinstance(self._drag, PanDrag):
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif self.tool is not Tool.WINDOW:
            self.setCursor(Qt.CursorShape.CrossCursor)
        elif self._drag is not None:
            self.setCursor(Qt.CursorShape.SizeAllCursor)
        else:
            self.unsetCursor()

    def _changed(self) -> None:
        self.update()
        self.window_changed.emit()
        self.place_changed.emit()

    def _screen(self) -> tuple[int, int]:
        return max(1, self.height()), max(1, self.width())


def _is_held(event: QKeyEvent) -> bool:
    return event.key() in (Qt.Key.Key_Space, Qt.Key.Key_Z) and event.modifiers() in (
        Qt.KeyboardModifier.NoModifier,
        Qt.KeyboardModifier.ShiftModifier,
    )
