"""What the window shows before there is any film."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QVBoxLayout, QWidget

from cxr_desktop.ui.i18n import tr

_WORDS = (
    "Drop films, folders, or a bundle of models (.cxr) anywhere on this window.\n"
    "Films are PNG, JPEG or DICOM. Nothing leaves this computer."
)


class Welcome(QFrame):
    """Three ways to begin.

    Signals
    -------
    asked
        str: the name of the action that was chosen.
    """

    asked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("welcome")
        title = QLabel(tr("Chest X-ray triage"))
        title.setObjectName("title")
        words = QLabel(tr(_WORDS))
        words.setObjectName("dim")
        words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.buttons = {
            "open_demo": QPushButton(tr("Look at demo films (synthetic)")),
            "open_folder": QPushButton(tr("Open a folder of films…")),
            "open_bundle": QPushButton(tr("Open a bundle of models…")),
        }
        layout = QVBoxLayout(self)
        layout.setAlignment(Qt.AlignmentFlag.AlignCenter)
        layout.setSpacing(12)
        layout.addWidget(title, alignment=Qt.AlignmentFlag.AlignCenter)
        layout.addWidget(words)
        layout.addSpacing(12)
        for name, button in self.buttons.items():
            button.setFixedWidth(320)
            button.clicked.connect(lambda _checked=False, name=name: self.asked.emit(name))
            layout.addWidget(button, alignment=Qt.AlignmentFlag.AlignCenter)
        self.hint = QLabel("")
        self.hint.setObjectName("dim")
        self.hint.setWordWrap(True)
        self.hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        layout.addSpacing(12)
        layout.addWidget(self.hint)
