"""A small window from which a file or folder can be dragged, as from a file manager: run by `test_xvfb`."""

from __future__ import annotations

import sys

from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtGui import QDrag, QMouseEvent
from PySide6.QtWidgets import QApplication, QLabel


class _Source(QLabel):
    def __init__(self, path: str) -> None:
        super().__init__("drag me")
        self._path = path
        self.setWindowTitle("drag source")
        self.setWindowFlags(Qt.WindowType.X11BypassWindowManagerHint | Qt.WindowType.WindowStaysOnTopHint)
        self.setGeometry(0, 790, 60, 50)

    def mouseMoveEvent(self, _event: QMouseEvent) -> None:  # noqa: N802
        drag, mime = QDrag(self), QMimeData()
        mime.setUrls([QUrl.fromLocalFile(self._path)])
        drag.setMimeData(mime)
        drag.actionChanged.connect(lambda action: print(f"would {action.name}", flush=True))
        done = drag.exec(Qt.DropAction.CopyAction)
        print("dropped" if done == Qt.DropAction.CopyAction else "refused", flush=True)
        # It stays: who takes the drop asks it for the data afterwards.


if __name__ == "__main__":
    application = QApplication(sys.argv)
    source = _Source(sys.argv[1])
    source.show()
    sys.exit(application.exec())
