"""The column beside the film: score bars and the heat map's controls."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QScrollArea, QSlider, QVBoxLayout, QWidget

from cxr_desktop.inference.heatmap import CAPTION
from cxr_desktop.inference.verdict import Refused, Scored
from cxr_desktop.store.records import Opinion
from cxr_desktop.ui.i18n import tr
from cxr_desktop.ui.widgets.reading import ReadingPanel
from cxr_desktop.ui.widgets.scores import ScoreBars
from cxr_desktop.worklist.row import Row
from cxr_shared.findings import Target


class SidePanel(QWidget):
    """Scores, the reason for the film's place, and the heat map's switch and opacity."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("side")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setMinimumWidth(230)
        self.scores = ScoreBars()
        self.heat = QCheckBox(tr("Heat map (H)"))
        self.heat.setChecked(True)
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(0, 100)
        self.opacity.setValue(50)
        self.opacity.setAccessibleName(tr("Opacity of the heat map"))
        self._why = _words("")
        self.reading = ReadingPanel()
        self._lay_out()

    def show_row(
        self,
        row: Row | None,
        target: Target | None,
        *,
        waiting: str,
        blind: bool = False,
        unkept: str | None = None,
    ) -> None:
        """Show scores, or the reason why there are none, and what the reader said.

        Parameters
        ----------
        row
            The film that is open.
        target
            The target that is chosen.
        waiting
            What is said of a film without a verdict.
        blind
            Scores stay hidden until the reader commits.
        unkept
            The film's note where it could not be kept.
        """
        verdict = row.verdict if row else None
        scored = verdict if isinstance(verdict, Scored) else None
        opinions = _calls(row) if blind else row.opinions if row else {}
        self.scores.show_scores(scored, target, opinions=opinions, blind=blind)
        self._why.setText(_reason(row, waiting=waiting, blind=blind))
        opinion = opinions.get(target) if target else None
        readable = row is not None and bool(row.sha256)
        self.reading.show_read(row.read if row else None, opinion, blind=blind, readable=readable, unkept=unkept)

    @property
    def why(self) -> str:
        """The reason that is shown."""
        return self._why.text()

    def _lay_out(self) -> None:
        bars = QScrollArea()
        bars.setWidget(self.scores)
        bars.viewport().setObjectName("bars")
        bars.setWidgetResizable(True)
        self.scores.setAutoFillBackground(False)
        bars.setFrameShape(QScrollArea.Shape.NoFrame)
        bars.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        heading = QLabel(tr("Scores"))
        heading.setObjectName("heading")
        tick = _words(tr("Tick: operating point. A click chooses the map."))
        slider = QHBoxLayout()
        slider.addWidget(QLabel(tr("Opacity")))
        slider.addWidget(self.opacity)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 10, 8, 10)
        layout.addWidget(heading)
        layout.addWidget(self._why)
        layout.addWidget(bars, 1)
        layout.addWidget(tick)
        layout.addSpacing(6)
        layout.addWidget(self.heat)
        layout.addLayout(slider)
        layout.addWidget(_words(f"{tr(CAPTION)}."))
        layout.addSpacing(8)
        layout.addWidget(self.reading)


def _calls(row: Row | None) -> dict[Target, Opinion]:
    """Calls as the buttons and marks show them: present is agreement."""
    calls = row.calls.items() if row else ()
    return {target: Opinion.AGREE if seen else Opinion.DISAGREE for target, seen in calls}


def _reason(row: Row | None, *, waiting: str, blind: bool) -> str:
    if row is None or row.verdict is None:
        return waiting
    if blind and row.scored:
        return tr("Read it first: say what is present or absent, then commit. Scores are hidden until then.")
    if isinstance(row.verdict, Refused):
        return tr("Not scored. {reason}", reason=row.verdict.message)
    if row.stale:
        name = row.verdict.provenance.bundle_sha256[:8]
        other = tr("Scores of another bundle ({name}); they are not comparable with those of this one.", name=name)
        return f"{other} {waiting}"
    return "; ".join(filter(None, (row.why, row.disagreement)))


def _words(text: str) -> QLabel:
    label = QLabel(text)
    label.setObjectName("dim")
    label.setWordWrap(True)
    return label
