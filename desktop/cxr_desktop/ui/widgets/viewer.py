"""One film under the mouse and the keys that are held; what a drag does is `drags`'s, what is shown `pane`'s."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QWidget

from cxr_desktop.ui.drags import Drag, PanDrag, Tool, begin_drag
from cxr_desktop.ui.measure import Measurement, MeasurementBook
from cxr_desktop.ui.rendering import Pyramid
from cxr_desktop.ui.widgets.pane import FilmPane

_WHEEL_STEP: Final = 1.2
_NOTCH: Final = 120
LEAST_MAGNIFIED: Final = 2
MOST_MAGNIFIED: Final = 4


class FilmViewer(FilmPane):
    """Shows one film, and lets the mouse change how.

    Drag with the left button: what the tool says, at first window (across) and level (down); with the right button:
    window and level. Middle button, or the space bar and left: pan. Wheel: zoom to the cursor. Double click: fit.
    Z held: magnifier.

    Signals
    -------
    activated
        The keys go to it.
    """

    activated = Signal()

    def __init__(self, book: MeasurementBook | None = None, parent: QWidget | None = None) -> None:
        super().__init__(book, parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self._drag: Drag | None = None
        self._space = False

    def show_film(self, pyramid: Pyramid) -> None:
        """As `FilmPane.show_film`; a drag on the film before ends."""
        self._drag = None
        super().show_film(pyramid)

    def show_message(self, message: str) -> None:
        """As `FilmPane.show_message`; a drag on the film before ends."""
        self._drag = None
        super().show_message(message)

    def use_tool(self, tool: Tool) -> None:
        """Choose what a drag with the left button does."""
        self.tell(tool=tool)
        self._show_cursor()

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
        self._space = False
        self._hold_magnifier(held=False)

    def _hold(self, event: QKeyEvent, *, down: bool) -> None:
        if event.key() == Qt.Key.Key_Space:
            self._space = down
        elif _is_held(event):
            self._hold_magnifier(held=down)

    def _show_cursor(self) -> None:
        if isinstance(self._drag, PanDrag):
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif self.tool is not Tool.WINDOW:
            self.setCursor(Qt.CursorShape.CrossCursor)
        elif self._drag is not None:
            self.setCursor(Qt.CursorShape.SizeAllCursor)
        else:
            self.unsetCursor()

    def _hold_magnifier(self, *, held: bool) -> None:
        self._magnified = held
        self.update()

    def _drawn(self, items: tuple[Measurement, ...]) -> tuple[Measurement, ...]:
        return self._drag.preview(items) if self._drag else items


def _is_held(event: QKeyEvent) -> bool:
    return event.key() in (Qt.Key.Key_Space, Qt.Key.Key_Z) and event.modifiers() in (
        Qt.KeyboardModifier.NoModifier,
        Qt.KeyboardModifier.ShiftModifier,
    )
