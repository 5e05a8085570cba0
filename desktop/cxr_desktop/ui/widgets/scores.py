"""Score bars: one for each target, with its operating point as a tick."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from cxr_desktop.inference.verdict import Score, Scored
from cxr_desktop.store.records import Opinion
from cxr_desktop.ui import theme
from cxr_desktop.ui.i18n import tr
from cxr_shared.findings import Target

_ROW: Final = 30
_MARGIN: Final = 10
_MARKS: Final = {Opinion.AGREE: "  ✓", Opinion.DISAGREE: "  ✗"}


class ScoreBars(QWidget):
    """The scores of one film; the target that is chosen here gives the heat map.

    Signals
    -------
    chosen
        Target: by a click, or by the up and down keys.
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._scores: list[Score] = []
        self._target: Target | None = None
        self._opinions: Mapping[Target, Opinion] = {}
        self._blind = False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(tr("Scores"))

    @property
    def target(self) -> Target | None:
        """The target that is chosen."""
        return self._target

    @property
    def blind(self) -> bool:
        """Whether only the targets' names are shown."""
        return self._blind

    def show_scores(
        self,
        verdict: Scored | None,
        target: Target | None,
        *,
        opinions: Mapping[Target, Opinion] | None = None,
        blind: bool = False,
    ) -> None:
        """Show a film's scores, or none, mark a target, and what the reader said; `blind` shows the names alone."""
        self._scores = list(verdict.scores.values()) if verdict else []
        self._target = target
        self._opinions = opinions or {}
        self._blind = blind
        words = verdict.urgency.why if verdict else tr("not scored")
        self.setAccessibleDescription(tr("hidden until you commit") if blind else words)
        self.updateGeometry()
        self.update()

    def step(self, by: int) -> None:
        """Choose the next or an earlier target, around the ends."""
        targets = [score.target for score in self._scores]
        if targets:
            place = targets.index(self._target) if self._target in targets else 0
            self._choose(targets[(place + by) % len(targets)])

    def sizeHint(self) -> QSize:  # noqa: N802
        """Room for every bar."""
        return QSize(300, max(1, len(self._scores)) * _ROW)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Choose the target under the mouse."""
        place = int(event.position().y() // _ROW)
        if 0 <= place < len(self._scores):
            self._choose(self._scores[place].target)

    def event(self, event: QEvent) -> bool:
        """Claim the up and down keys, which otherwise change the film; with Shift or Alt they are the window's."""
        if (
            event.type() is QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down)
            and event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
        ):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Choose with the up and down keys."""
        steps = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}
        if event.key() in steps:
            self.step(steps[Qt.Key(event.key())])
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802, ARG002
        """Draw the bars."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if not self._scores:
            painter.setPen(QColor(theme.DIM))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, tr("no scores"))
        for place, score in enumerate(self._scores):
            self._draw(painter, score, place * _ROW)
        painter.end()

    def _draw(self, painter: QPainter, score: Score, top: int) -> None:
        if score.target is self._target:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(theme.RAISED))
            painter.drawRoundedRect(QRectF(2, top + 1, self.width() - 4, _ROW - 2), 4, 4)
            painter.setBrush(QColor(theme.ACCENT))
            painter.drawRect(QRectF(2, top + 5, 3, _ROW - 10))
        positive = score.positive and not self._blind
        colour = QColor(theme.ALARM_TEXT if positive else theme.TEXT)
        painter.setPen(colour)
        number = f"{score.probability:.2f}"
        metrics = QFontMetrics(painter.font())
        baseline = top + metrics.ascent() + 3
        opinion = self._opinions.get(score.target)
        mark = _MARKS[opinion] if opinion else ""
        painter.drawText(QPointF(_MARGIN, baseline), f"{score.target.display}{mark}")
        if self._blind:
            return
        if positive:
            painter.drawText(QPointF(self.width() - _MARGIN - metrics.horizontalAdvance("▲ 0.00"), baseline), "▲")
        painter.drawText(QPointF(self.width() - _MARGIN - metrics.horizontalAdvance(number), baseline), number)
        self._draw_bar(painter, score, top + _ROW - 9)

    def _draw_bar(self, painter: QPainter, score: Score, top: int) -> None:
        width = self.width() - 2 * _MARGIN
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.LINE))
        painter.drawRoundedRect(QRectF(_MARGIN, top, width, 4), 2, 2)
        painter.setBrush(QColor(theme.ALARM if score.positive else theme.ACCENT))
        painter.drawRoundedRect(QRectF(_MARGIN, top, width * score.probability, 4), 2, 2)
        painter.setPen(QPen(QColor(theme.STRONG), 1.5))
        tick = _MARGIN + width * score.threshold
        painter.drawLine(QPointF(tick, top - 3), QPointF(tick, top + 6))

    def _choose(self, target: Target) -> None:
        if target is not self._target:
            self._target = target
            self.update()
            self.chosen.emit(target)
