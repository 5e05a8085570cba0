"""The column beside the film: score bars and the heat map's controls."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QScrollArea, QSlider, QVBoxLayout, QWidget

from cxr_desktop.inference.heatmap import CAPTION
from cxr_desktop.inference.verdict import Refused, Scored, Verdict
from cxr_desktop.ui.widgets.scores import ScoreBars
from cxr_shared.findings import Target


class SidePanel(QWidget):
    """Scores, the reason for the film's place, and the heat map's switch and opacity."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("side")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setMinimumWidth(230)
        self.scores = ScoreBars()
        self.heat = QCheckBox("Heat map (H)")
        self.heat.setChecked(True)
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(0, 100)
        self.opacity.setValue(50)
        self.opacity.setAccessibleName("Opacity of the heat map")
        self._why = _words("")
        self._lay_out()

    def show_verdict(self, verdict: Verdict | None, target: Target | None, *, waiting: str) -> None:
        """Show scores, or the reason why there are none."""
        scored = verdict if isinstance(verdict, Scored) else None
        self.scores.show_scores(scored, target)
        if isinstance(verdict, Refused):
            self._why.setText(f"Not scored. {verdict.message}")
        else:
            self._why.setText(scored.urgency.why if scored else waiting)

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
        heading = QLabel("Scores")
        heading.setObjectName("heading")
        tick = _words("Tick: operating point. A click chooses the map.")
        slider = QHBoxLayout()
        slider.addWidget(QLabel("Opacity"))
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
        layout.addWidget(_words(f"{CAPTION}."))


def _words(text: str) -> QLabel:
    label = QLabel(text)
    label.setObjectName("dim")
    label.setWordWrap(True)
    return label
