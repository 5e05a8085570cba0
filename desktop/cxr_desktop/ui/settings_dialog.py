"""The settings page: weights of findings, from where a film is urgent, ageing."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFormLayout,
    QGroupBox,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from cxr_desktop.inference.lanes import DEFAULT_POLICY, TriagePolicy
from cxr_desktop.ui.i18n import tr
from cxr_shared.findings import Target


class SettingsDialog(QDialog):
    """Shows a policy to be edited; it stops nothing, and nothing changes before Apply or OK.

    Signals
    -------
    chosen
        TriagePolicy.
    """

    chosen = Signal(object)

    def __init__(self, policy: TriagePolicy, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Settings"))
        self.weights = {target: _spin(0, 1, step=0.05, decimals=2) for target in Target}
        self.urgent_from = _spin(0, 1, step=0.05, decimals=2)
        self.ageing = _spin(0, 8760, step=1, decimals=1)
        self.ageing.setSuffix(tr(" h"))
        self.ageing.setSpecialValueText(tr("off"))
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok
            | QDialogButtonBox.StandardButton.Cancel
            | QDialogButtonBox.StandardButton.Apply
            | QDialogButtonBox.StandardButton.RestoreDefaults
        )
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        self.accepted.connect(self._choose)
        buttons.button(QDialogButtonBox.StandardButton.Apply).clicked.connect(self._choose)
        buttons.button(QDialogButtonBox.StandardButton.RestoreDefaults).clicked.connect(
            lambda: self.show_policy(DEFAULT_POLICY)
        )
        self._lay_out(buttons)
        self.show_policy(policy)

    @property
    def policy(self) -> TriagePolicy:
        """What is entered; weights that are the defaults are left out."""
        weights = {target: round(spin.value(), 2) for target, spin in self.weights.items()}
        return TriagePolicy(
            weights={target: weight for target, weight in weights.items() if weight != target.urgency},
            urgent_from=round(self.urgent_from.value(), 2),
            ageing_hours=round(self.ageing.value(), 1),
        )

    def show_policy(self, policy: TriagePolicy) -> None:
        """Enter a policy."""
        for target, spin in self.weights.items():
            spin.setValue(policy.weight(target))
        self.urgent_from.setValue(policy.urgent_from)
        self.ageing.setValue(policy.ageing_hours)

    def _choose(self) -> None:
        self.chosen.emit(self.policy)

    def _lay_out(self, buttons: QDialogButtonBox) -> None:
        order = QGroupBox(tr("Order of the worklist"))
        form = QFormLayout(order)
        form.addRow(tr("A film is urgent from an urgency of"), self.urgent_from)
        form.addRow(tr("An unread film moves up a lane every"), self.ageing)
        weights = QGroupBox(tr("Weight of each finding (0 can wait, 1 act now)"))
        rows = QFormLayout(weights)
        for target, spin in self.weights.items():
            rows.addRow(target.display, spin)
        hint = QLabel(tr("Thresholds belong to the bundle and are not changed here."))
        hint.setObjectName("dim")
        layout = QVBoxLayout(self)
        for widget in (order, weights, hint, buttons):
            layout.addWidget(widget)


def _spin(low: float, high: float, *, step: float, decimals: int) -> QDoubleSpinBox:
    spin = QDoubleSpinBox()
    spin.setRange(low, high)
    spin.setSingleStep(step)
    spin.setDecimals(decimals)
    return spin
