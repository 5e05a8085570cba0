"""What the reader says of the film: opinion on the chosen target, a note, read or not."""

from __future__ import annotations

from datetime import datetime

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from cxr_desktop.store.records import Opinion, Read
from cxr_desktop.ui.i18n import tr

_SAVE_AFTER_MS = 800


class ReadingPanel(QWidget):
    """Buttons and note; it tells what was asked and changes nothing itself.

    Signals
    -------
    said
        Opinion or None: about the chosen target.
    wrote
        str: the note, some moments after the last key or when the panel is left.
    finished
        The film is to be marked read, or, where it was, unread.
    """

    said = Signal(object)
    wrote = Signal(str)
    finished = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.agree = QPushButton(tr("Agree (A)"))
        self.disagree = QPushButton(tr("Disagree (D)"))
        self.read = QPushButton(tr("Mark read (M)"))
        self.note = QPlainTextEdit()
        self.note.setPlaceholderText(tr("Note (N)"))
        self.note.setAccessibleName(tr("Note on this film"))
        self.note.setTabChangesFocus(True)
        self.note.setFixedHeight(64)
        self.note.installEventFilter(self)
        self.kept = QLabel("")
        self.kept.setObjectName("dim")
        self._timer = QTimer(self, singleShot=True, interval=_SAVE_AFTER_MS)
        self._timer.timeout.connect(self.flush)
        self._shown = ""
        self.note.textChanged.connect(self._timer.start)
        for button, opinion in ((self.agree, Opinion.AGREE), (self.disagree, Opinion.DISAGREE)):
            button.setCheckable(True)
            button.clicked.connect(lambda checked, opinion=opinion: self.said.emit(opinion if checked else None))
        self.read.clicked.connect(self.finished)
        self._lay_out()

    def show_read(
        self,
        read: Read | None,
        opinion: Opinion | None,
        *,
        blind: bool,
        readable: bool,
        unkept: str | None = None,
    ) -> None:
        """Show what was said.

        Parameters
        ----------
        read
            The film's reading.
        opinion
            On the target that is chosen.
        blind
            Whether scores are hidden until the reader commits.
        readable
            Whether there is a film whose content is known, so that what is said can be bound to it.
        unkept
            The note where it could not be kept; it is told of again when the note is left.
        """
        self.setEnabled(readable)
        self.agree.setText(tr("Present (A)") if blind else tr("Agree (A)"))
        self.disagree.setText(tr("Absent (D)") if blind else tr("Disagree (D)"))
        self.agree.setChecked(opinion is Opinion.AGREE)
        self.disagree.setChecked(opinion is Opinion.DISAGREE)
        done = read is not None and read.finished
        self.read.setText(tr("Commit (M)") if blind else tr("Mark unread (M)") if done else tr("Mark read (M)"))
        self.show_note(read.note if read else "", unkept=unkept)
        if unkept is not None:
            self.kept.setText(tr("the note is NOT kept"))
            return
        if read is None or not read.at:
            self.kept.setText(tr("nothing kept yet") if readable else tr("can be read once it was scored or refused"))
            return
        when = _local(read.at)
        self.kept.setText(
            tr("read blind first, kept {when}", when=when) if read.blind else tr("kept {when}", when=when)
        )

    def show_note(self, note: str, *, unkept: str | None = None) -> None:
        """Show a note, or the one that could not be kept, without telling of it; one that is being written stays."""
        shown = note if unkept is None else unkept
        if not self._timer.isActive() and shown != self.note.toPlainText():
            blocked = self.note.blockSignals(True)  # noqa: FBT003
            self.note.setPlainText(shown)
            self.note.blockSignals(blocked)
        self._shown = note

    def flush(self) -> None:
        """Tell of a note that is still being written."""
        self._timer.stop()
        if self.note.toPlainText() != self._shown:
            self._shown = self.note.toPlainText()
            self.wrote.emit(self._shown)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Leave the note with Escape, and tell of it when it is left."""
        if event.type() is QEvent.Type.FocusOut:
            self.flush()
        escapes = isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape
        if escapes and event.type() is QEvent.Type.ShortcutOverride:
            event.accept()  # else an action of the window takes the key, and the note keeps the others
            return True
        if escapes and event.type() is QEvent.Type.KeyPress:
            self.window().setFocus()
            self.note.clearFocus()
            return True
        return super().eventFilter(watched, event)

    def _lay_out(self) -> None:
        opinions = QHBoxLayout()
        opinions.addWidget(self.agree)
        opinions.addWidget(self.disagree)
        heading = QLabel(tr("Reading"))
        heading.setObjectName("heading")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(heading)
        layout.addLayout(opinions)
        layout.addWidget(self.note)
        layout.addWidget(self.read)
        layout.addWidget(self.kept)


def _local(at: str) -> str:
    """Minute of a moment, which is kept in UTC, as this machine's clock shows it."""
    return f"{datetime.fromisoformat(at).astimezone():%Y-%m-%d %H:%M}"
