"""When Python looks for garbage, while a window is open.

By itself it looks through all objects now and then: with 10,000 scored films that stops the window, and every thread,
for a quarter of a second. What the program drops is freed at once by its reference counts; only cycles wait for this.
So young objects are looked through often and briefly, and all of them only while nobody looks at the window.
"""

from __future__ import annotations

import gc
from typing import Final

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtWidgets import QApplication

_EVERY_MS: Final = 1000
_AT_ONCE: Final = 20_000
"""Young objects that are looked through in a few milliseconds; more than that are a list that was read, and stay."""
_keepers = 0


class Housekeeper(QObject):
    """Collects garbage in the window's thread, until `stop`."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._timer = QTimer(self, interval=_EVERY_MS)
        self._timer.timeout.connect(_tidy)
        self._running = False
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.applicationStateChanged.connect(self._state_changed)

    def start(self) -> None:
        """Take over from Python."""
        global _keepers  # noqa: PLW0603  (one collector a process, any number of windows)
        if not self._running:
            self._running = True
            _keepers += 1
            gc.disable()
            self._timer.start()

    def stop(self) -> None:
        """Give back to Python; a second call does nothing."""
        global _keepers  # noqa: PLW0603
        if self._running:
            self._running = False
            self._timer.stop()
            _keepers -= 1
            if not _keepers:
                gc.unfreeze()
                gc.enable()

    def _state_changed(self, state: Qt.ApplicationState) -> None:
        if self._running and state is not Qt.ApplicationState.ApplicationActive:
            gc.unfreeze()
            gc.collect()


def _tidy() -> None:
    if gc.get_count()[0] > _AT_ONCE:
        gc.freeze()
    else:
        gc.collect(0)
