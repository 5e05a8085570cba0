"""A bar above the film that says something and can be put away; it never stops the work."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QWidget

from cxr_desktop.ui.i18n import tr

_SHOWN_MS = 8000


class NoticeBar(QFrame):
    """Shows one sentence; what went wrong stays until it is put away, and its details can be copied.

    Signals
    -------
    details_asked
        str: the sentence whose details are wanted.
    """

    details_asked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("notice")
        self._sentence = ""
        self._veil: Callable[[str], str] | None = None
        self._text = QLabel(self)
        self._text.setObjectName("notice-text")
        self._text.setWordWrap(True)
        self.copy = QPushButton(tr("Copy details"), self)
        self.copy.setToolTip(tr("Copies what helps to find the fault; no path, no file name, no patient data"))
        self.copy.clicked.connect(lambda: self.details_asked.emit(self._sentence))
        self.copy.hide()
        away = QPushButton(tr("Dismiss"), self)
        away.clicked.connect(self.hide)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 6, 8, 6)
        layout.addWidget(self._text, 1)
        layout.addWidget(self.copy)
        layout.addWidget(away)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.hide)
        self.hide()

    @property
    def text(self) -> str:
        """The sentence that is shown, or nothing."""
        return "" if self.isHidden() else self._text.text()

    def say_copied(self) -> None:
        """Say that the details were copied."""
        self.copy.setText(tr("Copied"))

    def set_veil(self, veil: Callable[[str], str] | None) -> None:
        """Show sentences as `veil` changes them from now on, this one too; None shows them as they are."""
        self._veil = veil
        self._show()

    def tell(self, sentence: str, *, grave: bool = False, lasting: bool = False) -> None:
        """Show a sentence; a grave or lasting one stays."""
        self.setProperty("grave", grave)
        self.style().unpolish(self)
        self.style().polish(self)
        self._sentence = sentence
        self._show()
        self.copy.setText(tr("Copy details"))
        self.copy.setVisible(grave)
        self.show()
        if grave or lasting:
            self._timer.stop()
        else:
            self._timer.start(_SHOWN_MS)

    def _show(self) -> None:
        self._text.setText(self._veil(self._sentence) if self._veil else self._sentence)
