"""Pictures that are kept between paintings, so that a drag costs only what it changes."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QImage, QPainter

from cxr_desktop.ui.film_view import FilmView
from cxr_desktop.ui.rendering import Piece
from cxr_desktop.ui.widgets.images import HeatMap
from cxr_desktop.ui.widgets.overlays import draw_heat


class Layers:
    """The film's levels at the screen's pixels, and the heat map stretched over them."""

    def __init__(self) -> None:
        self._piece: tuple[Any, Piece] | None = None
        self._heat: tuple[Any, QImage] | None = None

    def piece(self, view: FilmView, ratio: float, *, smooth: bool) -> Piece:
        """Sample the film, unless it lies where it lay."""
        key = (view.pyramid, view.transform, view.screen, ratio, smooth)
        if self._piece is None or self._piece[0] != key:
            screen = round(view.screen[0] * ratio), round(view.screen[1] * ratio)
            self._piece = key, view.pyramid.sample(view.transform.in_device_pixels(ratio), screen, smooth=smooth)
        return self._piece[1]

    def heat(self, heat: HeatMap, view: FilmView, ratio: float) -> QImage:
        """Stretch the heat map, unless it lies where it lay; as large as the screen, in its own pixels."""
        key = (heat, view.transform, view.screen, ratio)
        if self._heat is None or self._heat[0] != key:
            rows, columns = round(view.screen[0] * ratio), round(view.screen[1] * ratio)
            image = QImage(columns, rows, QImage.Format.Format_ARGB32_Premultiplied)
            image.setDevicePixelRatio(ratio)
            image.fill(Qt.GlobalColor.transparent)
            painter = QPainter(image)
            draw_heat(painter, heat, view, opacity=1.0)
            painter.end()
            self._heat = key, image
        return self._heat[1]
