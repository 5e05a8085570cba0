"""The page that shows what the network file says, tests each archive, and tells how to begin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QFormLayout,
    QFrame,
    QGridLayout,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from cxr_desktop.ui.i18n import tr

_WIDTH = 860
_ROOM = 40
"""For an answer of two lines."""


@dataclass(frozen=True, slots=True)
class Page:
    """What the page shows.

    Attributes
    ----------
    path
        Of the network file.
    exists
        Whether there is one.
    trouble
        Why it cannot be used; empty where it can.
    rows
        What it says: pairs of a name and words.
    peers
        Name of each archive, and how it is reached.
    """

    path: str
    exists: bool
    trouble: str
    rows: Sequence[tuple[str, str]]
    peers: Sequence[tuple[str, str]]


class NetworkDialog(QDialog):
    """Shows a page; what its buttons do is up to who listens.

    Signals
    -------
    template_wanted, folder_wanted, reread_wanted
        A button was pressed.
    test_wanted
        str: name of the archive that is to be tested.
    """

    template_wanted = Signal()
    folder_wanted = Signal()
    reread_wanted = Signal()
    test_wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(tr("Network settings"))
        self.answers: dict[str, QLabel] = {}
        self.tests: dict[str, QPushButton] = {}
        self.template = QPushButton(tr("Write a file to begin with"), self)
        self.folder = QPushButton(tr("Open its folder"), self)
        self.reread = QPushButton(tr("Read it again"), self)
        self.away = QPushButton(tr("Close"), self)
        self._page = QWidget(self)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(14, 14, 14, 12)
        self._layout.addWidget(self._page, 1)
        self._layout.addLayout(self._buttons())

    def show_page(self, page: Page) -> None:
        """Show another page."""
        self.answers.clear()
        self.tests.clear()
        shown = QWidget(self)
        layout = QVBoxLayout(shown)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(10)
        layout.addWidget(self._head(page))
        if page.rows:
            layout.addWidget(self._says(page))
        if page.peers:
            layout.addWidget(self._peers(page))
        layout.addStretch(1)
        self._layout.replaceWidget(self._page, shown)
        self._page.deleteLater()
        self._page = shown
        self.template.setVisible(not page.exists)
        self.folder.setVisible(page.exists)
        self.resize(
            _WIDTH, self.heightForWidth(_WIDTH) + _ROOM if self.hasHeightForWidth() else self.sizeHint().height()
        )

    def show_answer(self, name: str, words: str, *, good: bool) -> None:
        """Say what an archive answered to its test."""
        label, button = self.answers.get(name), self.tests.get(name)
        if label is None or button is None:
            return
        label.setText(words)
        label.setProperty("grave", not good)
        label.style().unpolish(label)
        label.style().polish(label)
        button.setEnabled(True)

    def _head(self, page: Page) -> QWidget:
        head = QFrame(self)
        head.setObjectName("notice")
        head.setProperty("grave", bool(page.exists and page.trouble))
        layout = QVBoxLayout(head)
        if not page.exists:
            words = tr(
                "The network is off, as there is no network file. Write one to begin with: it explains every line, and "
                "turns nothing on until you take the # off."
            )
        else:
            words = page.trouble or tr(
                "The network file can be used. Edit it with any text editor, then read it again."
            )
        said, path = _label(words, "notice-text", wrap=True), _label(page.path, "dim", wrap=True)
        layout.addWidget(said)
        layout.addWidget(path)
        return head

    def _says(self, page: Page) -> QWidget:
        box = QGroupBox(tr("What it says"), self)
        form = QFormLayout(box)
        form.setHorizontalSpacing(24)
        for title, words in page.rows:
            form.addRow(_label(title, "dim"), _label(words, "cell", wrap=True))
        return box

    def _peers(self, page: Page) -> QWidget:
        box = QGroupBox(tr("Archives"), self)
        grid = QGridLayout(box)
        grid.setHorizontalSpacing(24)
        grid.setColumnStretch(2, 1)
        for row, (name, how) in enumerate(page.peers):
            test = QPushButton(tr("Test"), self)
            test.setAutoDefault(False)
            answer = _label("", "outcome", wrap=True)
            test.clicked.connect(lambda _checked=False, name=name: self._test(name))
            self.tests[name], self.answers[name] = test, answer
            grid.addWidget(_label(name, "heading"), row, 0)
            grid.addWidget(_label(how, "cell"), row, 1)
            grid.addWidget(answer, row, 2)
            grid.addWidget(test, row, 3)
        return box

    def _test(self, name: str) -> None:
        self.tests[name].setEnabled(False)
        self.answers[name].setText(tr("asking…"))
        self.test_wanted.emit(name)

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        for button, signal in (
            (self.template, self.template_wanted),
            (self.folder, self.folder_wanted),
            (self.reread, self.reread_wanted),
        ):
            button.setAutoDefault(False)
            button.clicked.connect(lambda _checked=False, signal=signal: signal.emit())
            row.addWidget(button)
        row.addStretch(1)
        self.away.clicked.connect(self.close)
        row.addWidget(self.away)
        return row


def _label(words: str, name: str, *, wrap: bool = False) -> QLabel:
    label = QLabel(words)
    label.setObjectName(name)
    label.setWordWrap(wrap)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
