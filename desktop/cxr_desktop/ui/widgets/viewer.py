"""The film: window and level, zoom, pan, invert and a heat map laid over it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from cxr_desktop.ui.rendering import Piece, Pyramid, dragged, window_lut
from cxr_desktop.ui.transform import Transform, fitted
from cxr_desktop.ui.widgets.annotations import Annotations, draw_annotations, draw_message
from cxr_desktop.ui.widgets.images import HeatMap, grey_image
from cxr_shared.film import Window

_WHEEL_STEP: Final = 1.2
_NOTCH: Final = 120
_LEAST_OF_FIT: Final = 0.25


@dataclass(frozen=True, slots=True)
class _Drag:
    """A drag that began at `start` with this window; `pans` moves the film instead."""

    start: QPointF
    window: Window
    pans: bool
    transform: Transform


class FilmViewer(QWidget):
    """Shows one film.

    Drag with the left or right button: window (across) and level (down). Middle button, or the space bar and
    left: pan. Wheel: zoom to the cursor. Double click: fit.

    Signals
    -------
    window_changed
        The window, the zoom or the inversion changed.
    """

    window_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMouseTracking(True)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName("Film")
        self.annotations = Annotations()
        self._message = "Open films with Ctrl+O, or drop files and folders here"
        self._pyramid: Pyramid | None = None
        self._window: Window | None = None
        self._invert = False
        self._transform = Transform(1.0, 0.0, 0.0)
        self._fits = True
        self._heat: HeatMap | None = None
        self._heat_shown = True
        self._opacity = 0.5
        self._drag: _Drag | None = None
        self._space = False
        self._cursor: QPointF | None = None
        self._piece: tuple[object, Piece] | None = None

    @property
    def film_window(self) -> Window | None:
        """The window in use; None while the film's own presentation is shown."""
        return self._window

    @property
    def shown_source(self) -> Path | None:
        """File of the film that is shown; None while there is none."""
        return self._pyramid.film.source if self._pyramid else None

    @property
    def inverted(self) -> bool:
        """Whether dense tissue is dark."""
        return self._invert

    @property
    def view_transform(self) -> Transform:
        """Where the film lies in the widget."""
        return self._transform

    @property
    def heat_shown(self) -> bool:
        """Whether the heat map is wanted, if there is one."""
        return self._heat_shown

    @property
    def opacity(self) -> float:
        """Opacity of the heat map, 0..1."""
        return self._opacity

    def show_film(self, pyramid: Pyramid) -> None:
        """Show a film in its own presentation, fitted; the inversion stays as the reader set it."""
        self._pyramid, self._window, self._message = pyramid, None, ""
        self.fit()

    def show_message(self, message: str) -> None:
        """Show words in place of a film."""
        self._pyramid, self._heat, self._message = None, None, message
        self._changed()

    def set_heat(self, heat: HeatMap | None) -> None:
        """Lay a heat map over the film, or none."""
        self._heat = heat
        self.update()

    def set_heat_shown(self, shown: bool) -> None:  # noqa: FBT001  (a Qt slot)
        """Show or hide the heat map."""
        self._heat_shown = shown
        self.update()

    def set_opacity(self, opacity: float) -> None:
        """Set the opacity of the heat map, 0..1."""
        self._opacity = min(max(opacity, 0.0), 1.0)
        self.update()

    def set_inverted(self, invert: bool) -> None:  # noqa: FBT001  (a Qt slot)
        """Show dense tissue dark, or bright."""
        self._invert = invert
        self._changed()

    def reset_window(self) -> None:
        """Return to the film's own presentation."""
        self._window = None
        self._changed()

    def fit(self) -> None:
        """Show the whole film."""
        self._fits = True
        if self._pyramid is not None:
            self._transform = fitted(self._pyramid.shape, self._screen())
        self._changed()

    def one_to_one(self) -> None:
        """Show one film pixel on one screen pixel, around the middle."""
        self.zoom(1 / (self._transform.scale * self.devicePixelRatioF()))

    def zoom(self, factor: float, at: QPointF | None = None) -> None:
        """Zoom around a position in the widget, by default its middle."""
        if self._pyramid is None:
            return
        point = at or QPointF(self.width() / 2, self.height() / 2)
        least = fitted(self._pyramid.shape, self._screen()).scale * _LEAST_OF_FIT
        self._fits = False
        self._move(self._transform.zoomed(factor, point.x(), point.y(), least=least))

    def sizeHint(self) -> QSize:  # noqa: N802
        """Prefer much room."""
        return QSize(800, 800)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Stay usable."""
        return QSize(240, 240)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Begin a drag."""
        if self._pyramid is None:
            return
        pans = event.button() is Qt.MouseButton.MiddleButton or self._space
        window = self._window or self._pyramid.film.window
        self._drag = _Drag(event.position(), window, pans, self._transform)
        self.setCursor(Qt.CursorShape.ClosedHandCursor if pans else Qt.CursorShape.SizeAllCursor)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Drag, or follow the cursor with the pixel value."""
        self._cursor = event.position()
        if self._drag is None or self._pyramid is None:
            self.update()
            return
        moved = event.position() - self._drag.start
        if self._drag.pans:
            self._fits = False
            self._move(self._drag.transform.panned(moved.x(), moved.y()))
        else:
            self._window = dragged(self._drag.window, moved.x(), moved.y(), film=self._pyramid.film)
            self._changed()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802, ARG002
        """End a drag."""
        self._drag = None
        self.unsetCursor()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802, ARG002
        """Fit."""
        self.fit()

    def enterEvent(self, event: object) -> None:  # noqa: N802, ARG002
        """Take the keys, so that the space bar pans; films and targets have keys of the whole window."""
        self.setFocus(Qt.FocusReason.MouseFocusReason)

    def leaveEvent(self, event: object) -> None:  # noqa: N802, ARG002
        """Show no pixel value."""
        self._cursor = None
        self.update()

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        """Zoom to the cursor."""
        self.zoom(_WHEEL_STEP ** (event.angleDelta().y() / _NOTCH), event.position())
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Hold the space bar to pan."""
        if event.key() == Qt.Key.Key_Space:
            self._space = True
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Let go of the space bar."""
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self._space = False
        else:
            super().keyReleaseEvent(event)

    def focusOutEvent(self, event: object) -> None:  # noqa: N802, ARG002
        """Forget a space bar that will be let go elsewhere."""
        self._space = False

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802, ARG002
        """Keep a fitted film fitted."""
        if self._fits:
            self.fit()
        else:
            self._move(self._transform)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802, ARG002
        """Draw film, heat map and annotations."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), Qt.GlobalColor.black)
        pyramid = self._pyramid
        if pyramid is None:
            draw_message(painter, self.rect(), self._message)
        else:
            self._draw_film(painter, pyramid)
        heat = self._heat if pyramid is not None and self._heat_shown else None
        draw_annotations(painter, self.rect(), self.annotations, lines=self._lines(), heat=heat)
        painter.end()

    def _draw_film(self, painter: QPainter, pyramid: Pyramid) -> None:
        ratio = self.devicePixelRatioF()
        piece = self._sampled(pyramid, ratio)
        if piece.levels.size:
            lut = window_lut(pyramid.film, self._window, invert=self._invert)
            image = grey_image(lut[piece.levels])
            image.setDevicePixelRatio(ratio)
            painter.drawImage(QPointF(piece.left / ratio, piece.top / ratio), image)
        if self._heat is not None and self._heat_shown:
            corners = (self._transform.to_screen(*corner) for corner in ((0, 0), pyramid.shape[::-1]))
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.setOpacity(self._opacity)
            painter.drawImage(QRectF(*(QPointF(*corner) for corner in corners)), self._heat.image)
            painter.setOpacity(1.0)

    def _sampled(self, pyramid: Pyramid, ratio: float) -> Piece:
        rows, columns = self._screen()
        screen = (round(rows * ratio), round(columns * ratio))
        key = (pyramid, self._transform, screen)
        if self._piece is None or self._piece[0] != key:
            self._piece = (key, pyramid.sample(self._transform.in_device_pixels(ratio), screen))
        return self._piece[1]

    def _lines(self) -> list[str]:
        """What is said of the presentation, at the bottom left."""
        if self._pyramid is None:
            return []
        film = self._pyramid.film
        window = self._window or film.window
        own = "" if self._window else "  (film's own)"
        lines = [f"W {window.width:.0f}  L {window.center:.0f}{own}"]
        lines.append(f"{self._transform.scale * self.devicePixelRatioF():.0%}{'  inverted' if self._invert else ''}")
        if self._cursor is not None:
            x, y = (int(value // 1) for value in self._transform.to_film(self._cursor.x(), self._cursor.y()))
            if 0 <= x < self._pyramid.shape[1] and 0 <= y < self._pyramid.shape[0]:
                lines.append(f"{x}, {y}: {film.value(y, x):.0f}")
        return lines

    def _move(self, transform: Transform) -> None:
        if self._pyramid is not None:
            self._transform = transform.kept_in_sight(self._pyramid.shape, self._screen())
        self._changed()

    def _changed(self) -> None:
        self.update()
        self.window_changed.emit()

    def _screen(self) -> tuple[int, int]:
        return max(1, self.height()), max(1, self.width())
