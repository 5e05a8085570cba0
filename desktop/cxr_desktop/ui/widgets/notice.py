"""A bar above the film that says something and can be put away; it never stops the work."""

from __future__ import annotations

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QWidget

from cxr_desktop.ui.i18n import tr

_SHOWN_MS = 8000


class NoticeBar(QFrame):
    """Shows one sentence; what went wrong stays until it is put away."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("notice")
        self._text = QLabel(self)
        self._text.setObjectName("notice-text")
        self._text.setWordWrap(True)
        away = QPushButton(tr("Dismiss"), self)
        away.clicked.connect(self.hide)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 6, 8, 6)
        layout.addWidget(self._text, 1)
        layout.addWidget(away)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.hide)
        self.hide()

    @property
    def text(self) -> str:
        """The sentence that is shown, or nothing."""
        return "" if self.isHidden() else self._text.text()

    def tell(self, sentence: str, *, grave: bool = False, lasting: bool = False) -> None:
        """Show a sentence; a grave or lasting one stays."""
        self.setProperty("grave", grave)
        self.style().unpolish(self)
        self.style().polish(self)
        self._text.setText(sentence)
        self.show()
        if grave or lasting:
            self._timer.stop()
        else:
            self._timer.start(_SHOWN_MS)
