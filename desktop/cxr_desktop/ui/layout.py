"""Where things stand in the window: kept at its end, put back at its start."""

from __future__ import annotations

from PySide6.QtCore import QByteArray
from PySide6.QtWidgets import QMainWindow, QSplitter, QTableView

from cxr_desktop.settings import Layout


def layout_of(window: QMainWindow, splitter: QSplitter, table: QTableView) -> Layout:
    """Read where things stand."""
    return Layout(
        geometry=_text(window.saveGeometry()),
        splitter=_text(splitter.saveState()),
        header=_text(table.horizontalHeader().saveState()),
    )


def put_back(layout: Layout, window: QMainWindow, splitter: QSplitter, table: QTableView) -> None:
    """Put things where they stood; what does not fit any more stays at its default."""
    if layout.geometry:
        window.restoreGeometry(_bytes(layout.geometry))
    if layout.splitter:
        splitter.restoreState(_bytes(layout.splitter))
    if layout.header:
        table.horizontalHeader().restoreState(_bytes(layout.header))


def _text(state: QByteArray) -> str:
    return bytes(state.toBase64().data()).decode("ascii")


def _bytes(text: str) -> QByteArray:
    return QByteArray.fromBase64(QByteArray(text.encode("ascii", "replace")))
