"""How long the viewer takes to answer a move of the mouse, painting included.

    QT_QPA_PLATFORM=offscreen python tests/benchmarks/viewer.py [--side 3000] [--moves 60]

A made film of `side` × `side` pixels of 16 bits is shown in a widget of 1600×1000 and in one of 3840×2160. Each move is
a real mouse event, and the widget is painted before the next one. The aim is 16 ms at the 95th percentile.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import cyclopts
import numpy as np
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from rich.console import Console
from rich.table import Table

from cxr_desktop.app import make_application
from cxr_desktop.inference.heatmap import colour
from cxr_desktop.intake.prepared import DisplayFilm, FilmFacts, Presentation
from cxr_desktop.intake.reading import presentation_lut
from cxr_desktop.ui.rendering import Pyramid
from cxr_desktop.ui.widgets.images import HeatMap, premultiplied_image
from cxr_desktop.ui.widgets.viewer import FilmViewer
from cxr_shared.film import Identity, ViewPosition, Window
from cxr_shared.opencv import cv2

SIZES = ((1600, 1000), (3840, 2160))


def main(*, side: int = 3000, moves: int = 60) -> None:
    """Print a row for each size and kind of move."""
    application = make_application()
    table = Table("widget", "move", "p50 ms", "p95 ms", "longest ms", title=f"{side}² film of 16 bits")
    pyramid = Pyramid(_film(side))
    for size in SIZES:
        viewer = FilmViewer()
        viewer.resize(*size)
        viewer.show()
        viewer.show_film(pyramid)
        application.processEvents()
        for name, move in _moves(viewer).items():
            times = _measure(viewer, move, moves)
            figures = (np.percentile(times, 50), np.percentile(times, 95), max(times))
            table.add_row(f"{size[0]}×{size[1]}", name, *(f"{figure:.1f}" for figure in figures))
        viewer.close()
    Console().print(table)


def _moves(viewer: FilmViewer) -> dict[str, Callable[[int], None]]:
    left, middle = Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton

    def window_with_heat(step: int) -> None:
        if step == 0:
            viewer.fit()
            viewer.set_heat(_heat())
        _drag(viewer, left, step)

    def zoom(step: int) -> None:
        if step == 0:
            viewer.set_heat(None)
            viewer.fit()
        viewer.zoom(1.03, QPointF(viewer.width() * 0.4, viewer.height() * 0.6))

    def turned(step: int) -> None:
        if step == 0:
            viewer.set_heat(None)
            viewer.change(lambda view: view.lay(view.pose.turned_right()))
        _drag(viewer, middle, step)

    return {
        "window and level": lambda step: _drag(viewer, left, step),
        "window and level, heat map shown": window_with_heat,
        "pan, heat map shown": lambda step: _drag(viewer, middle, step),
        "zoom": zoom,
        "pan": lambda step: _drag(viewer, middle, step),
        "pan, film turned": turned,
    }


def _measure(viewer: FilmViewer, move: Callable[[int], None], moves: int) -> list[float]:
    times = []
    for step in range(moves + 1):
        start = time.perf_counter()
        move(step)
        viewer.repaint()
        times.append((time.perf_counter() - start) * 1e3)
    _mouse(viewer, QEvent.Type.MouseButtonRelease, Qt.MouseButton.LeftButton, 0)
    return times[1:]


def _drag(viewer: FilmViewer, button: Qt.MouseButton, step: int) -> None:
    kind = QEvent.Type.MouseButtonPress if step == 0 else QEvent.Type.MouseMove
    _mouse(viewer, kind, button, step)


def _mouse(viewer: FilmViewer, kind: QEvent.Type, button: Qt.MouseButton, step: int) -> None:
    at = QPointF(viewer.width() / 2 + 3 * step, viewer.height() / 2 + 2 * step)
    event = QMouseEvent(kind, at, QPointF(viewer.mapToGlobal(at)), button, button, Qt.KeyboardModifier.NoModifier)
    {
        QEvent.Type.MouseButtonPress: viewer.mousePressEvent,
        QEvent.Type.MouseMove: viewer.mouseMoveEvent,
        QEvent.Type.MouseButtonRelease: viewer.mouseReleaseEvent,
    }[kind](event)


def _film(side: int) -> DisplayFilm:
    random = np.random.default_rng(0)
    coarse = random.normal(30000, 9000, (side // 30 + 1, side // 30 + 1)).astype(np.float32)
    smooth = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    levels = np.clip(smooth + random.normal(0, 300, smooth.shape), 0, 65535).astype(np.uint16)
    window = Window(30000.0, 40000.0)
    return DisplayFilm(
        source=Path("film"),
        facts=FilmFacts((side, side), ViewPosition.PA, None, Identity(), 16, ""),
        levels=levels,
        first=0.0,
        step=1.0,
        presentations=(Presentation("own", window, presentation_lut(window, first=0.0, step=1.0)),),
    )


def _heat() -> HeatMap:
    coarse = np.random.default_rng(1).normal(2.0, 3.0, (7, 7)).astype(np.float32)
    laid = cv2.resize(coarse, (512, 512), interpolation=cv2.INTER_LINEAR)
    return HeatMap(premultiplied_image(colour(laid, low=0.0, high=6.0)), "made", 0.0, 6.0)


if __name__ == "__main__":
    cyclopts.run(main)
