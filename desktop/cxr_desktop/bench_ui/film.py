"""A film of 3000 × 3000 pixels and 12 bits: how soon it is on the screen, and how it follows the mouse."""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication

from cxr_desktop.bench_ui.figures import FRAME_MS, Figure, percentile
from cxr_desktop.bench_ui.loop import Heart, turn, turn_until
from cxr_desktop.bench_ui.material import write_large_film
from cxr_desktop.ui.desk import Desk
from cxr_desktop.ui.widgets.viewer import FilmViewer
from cxr_desktop.ui.window import MainWindow

_FILMS: Final = 8
_MOVES: Final = 300
_AIM_MS: Final = 250.0


def large_film(folder: Path) -> Iterator[Figure]:
    """Open eight such films one after the other, then drag the window of the last."""
    folder.mkdir()
    first = write_large_film(folder / "0.dcm")
    films = [first, *(Path(shutil.copy(first, folder / f"{number}.dcm")) for number in range(1, _FILMS))]
    window = MainWindow(Desk())
    window.show()
    try:
        with Heart():
            window.table.films.add(films)
            turn_until(lambda: window.viewer.shown_source is not None, "the first film")
            times = [_open(window, place) for place in range(1, len(films))]
        yield Figure("next film until its first pixel", statistics.median(times), aim=_AIM_MS, note="3000², 12 bits")
        yield Figure("the slowest of seven", max(times), note="3000², 12 bits")
        moves = _drag(window.viewer)
        yield Figure("window/level, a move, median", percentile(moves, 0.5), aim=FRAME_MS)
        yield Figure("window/level, a move, 95 %", percentile(moves, 0.95), aim=FRAME_MS)
    finally:
        window.close()
        turn()


def _open(window: MainWindow, place: int) -> float:
    source = window.table.films.row(place).source
    start = time.perf_counter()
    window.table.open(place)
    turn_until(lambda: window.viewer.shown_source == source, "a film")
    turn()  # it paints
    return (time.perf_counter() - start) * 1e3


def _drag(viewer: FilmViewer) -> list[float]:
    """Drag with the left button, and time each move with its painting, in ms."""
    middle = QPointF(viewer.width() / 2, viewer.height() / 2)
    _send(viewer, QEvent.Type.MouseButtonPress, middle)
    times = []
    for number in range(_MOVES):
        start = time.perf_counter()
        _send(viewer, QEvent.Type.MouseMove, middle + QPointF(number % 100, number % 77))
        viewer.repaint()
        times.append((time.perf_counter() - start) * 1e3)
    _send(viewer, QEvent.Type.MouseButtonRelease, middle)
    return times


def _send(viewer: FilmViewer, kind: QEvent.Type, at: QPointF) -> None:
    button = Qt.MouseButton.NoButton if kind is QEvent.Type.MouseMove else Qt.MouseButton.LeftButton
    held = Qt.MouseButton.NoButton if kind is QEvent.Type.MouseButtonRelease else Qt.MouseButton.LeftButton
    event = QMouseEvent(kind, at, QPointF(viewer.mapToGlobal(at)), button, held, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(viewer, event)
