"""The dialog that finds films in an archive and fetches them; it asks `Finding` and stops nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from PySide6.QtCore import QDate, QSize, QSortFilterProxyModel, Qt, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QDateEdit,
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from cxr_desktop.ui.finding import Asked, Finding
from cxr_desktop.ui.i18n import tr
from cxr_desktop.ui.models.found import FoundModel

_SIZE = QSize(1120, 620)
_WIDTHS = (190, 110, 95, 45, 140, 200, 90, 80, 110, 55)


class FindDialog(QDialog):
    """Search, choose, fetch.

    Parameters
    ----------
    finding
        Searches and fetches.
    peers
        Names of the archives.
    ask
        Begins the search of what was entered; None asks `finding` itself. With it the fields for dates, patient and
        accession number are not shown.
    parent
        The window.

    Signals
    -------
    closed
        FindDialog: this one, which is no more.
    """

    closed = Signal(object)

    def __init__(
        self,
        finding: Finding,
        peers: Sequence[str],
        *,
        ask: Callable[[str], None] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.finding = finding
        self._ask = ask
        self._busy = ""
        self.setWindowTitle(tr("Priors of this film") if ask else tr("Find films in the archive"))
        self._make_fields(peers)
        self._make_table()
        self._make_bottom()
        self._lay_out()
        self._connect()
        self._show_state()
        self.resize(_SIZE)

    @property
    def is_busy(self) -> bool:
        """Whether a search or a fetch runs."""
        return bool(self._busy)

    def search(self) -> None:
        """Begin a search, or stop the one that runs."""
        if self._busy == "search":
            self.finding.stop()
            return
        self.found.clear()
        self.all.setChecked(False)
        self._begin("search", tr("Searching…"))
        if self._ask is not None:
            self._ask(self.peer.currentText())
        else:
            self.finding.search(self._asked())

    def fetch(self) -> None:
        """Fetch what is chosen, or stop the fetch that runs."""
        if self._busy == "fetch":
            self.words.setText(tr("Stopping…"))
            self.finding.stop()
            return
        self._begin("fetch", tr("Fetching…"))
        self.progress.setRange(0, 0)
        self.finding.fetch(self.found.chosen)

    def hide_patients(self, hidden: bool) -> None:  # noqa: FBT001  (a Qt slot)
        """Hide patient data, or show them."""
        self.found.set_hidden(hidden)
        mode = QLineEdit.EchoMode.Password if hidden else QLineEdit.EchoMode.Normal
        self.patient.setEchoMode(mode)
        self.accession.setEchoMode(mode)

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        """End what is under way."""
        self.finding.stop()
        event.accept()
        self.closed.emit(self)

    def reject(self) -> None:
        """Close, as Escape asks for."""
        self.close()

    def _asked(self) -> Asked:
        any_date = self.any_date.isChecked()
        return Asked(
            self.peer.currentText(),
            None if any_date else _day(self.since),
            None if any_date else _day(self.until),
            self.patient.text().strip(),
            self.accession.text().strip(),
        )

    def _begin(self, what: str, words: str) -> None:
        self._busy = what
        self.words.setText(words)
        self._show_state()

    def _ended(self, words: str) -> None:
        self._over(words, grave=False)

    def _broken(self, words: str) -> None:
        self._over(words, grave=True)

    def _over(self, words: str, *, grave: bool) -> None:
        self._busy = ""
        self.words.setText(words)
        self.words.setProperty("grave", grave)
        self.words.style().unpolish(self.words)
        self.words.style().polish(self.words)
        self._show_state()

    def _progressed(self, words: str, done: int, total: int) -> None:
        self.words.setText(words)
        self.progress.setRange(0, max(total, 1))
        self.progress.setValue(done)

    def _show_state(self) -> None:
        chosen = len(self.found.chosen)
        searching, fetching = self._busy == "search", self._busy == "fetch"
        self.go.setText(tr("Stop") if searching else tr("Search"))
        self.go.setEnabled(not fetching)
        many = tr("Fetch {count:,} studies", count=chosen) if chosen else tr("Fetch")
        self.get.setText(tr("Stop") if fetching else tr("Fetch 1 study") if chosen == 1 else many)
        self.get.setEnabled(fetching or (bool(chosen) and not searching))
        self.progress.setVisible(fetching)
        for field in self._fields:
            field.setEnabled(not self._busy)
        for day in (self.since, self.until):
            day.setEnabled(not self._busy and not self.any_date.isChecked())

    def _add(self, found: Sequence[object]) -> None:
        self.found.add(found, chosen=self._ask is not None)  # type: ignore[arg-type]

    def _make_fields(self, peers: Sequence[str]) -> None:
        self.peer = QComboBox(self)
        self.peer.addItems(list(peers))
        self.since, self.until = (QDateEdit(QDate.currentDate(), self) for _ in range(2))
        for each in (self.since, self.until):
            each.setDisplayFormat("yyyy-MM-dd")
            each.setCalendarPopup(True)
        self.any_date = QCheckBox(tr("Any date"), self)
        self.patient, self.accession = QLineEdit(self), QLineEdit(self)
        self.patient.setMaxLength(64)
        self.accession.setMaxLength(16)
        self.patient.setPlaceholderText(tr("any"))
        self.accession.setPlaceholderText(tr("any"))
        self.go = QPushButton(tr("Search"), self)
        self.go.setDefault(True)
        self._fields = (self.peer, self.any_date, self.patient, self.accession)

    def _make_table(self) -> None:
        self.found = FoundModel(self)
        sorted_rows = QSortFilterProxyModel(self)
        sorted_rows.setSourceModel(self.found)
        self.table = QTableView(self)
        self.table.setModel(sorted_rows)
        self.table.setSortingEnabled(True)
        self.table.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setShowGrid(False)
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setSectionResizeMode(5, QHeaderView.ResizeMode.Stretch)
        self.table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for column, width in enumerate(_WIDTHS):
            self.table.setColumnWidth(column, width)

    def _make_bottom(self) -> None:
        self.all = QCheckBox(tr("Choose all"), self)
        self.words = QLabel(self)
        self.words.setObjectName("outcome")
        self.words.setWordWrap(True)
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.progress = QProgressBar(self)
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(6)
        self.get = QPushButton(self)
        self.get.setAutoDefault(False)
        self.away = QPushButton(tr("Close"), self)
        self.away.setAutoDefault(False)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 14, 14, 12)
        layout.setSpacing(10)
        layout.addLayout(self._lay_out_fields())
        layout.addWidget(self.table, 1)
        layout.addWidget(self.progress)
        bottom = QHBoxLayout()
        bottom.setSpacing(12)
        bottom.addWidget(self.all)
        bottom.addWidget(self.words, 1)
        bottom.addWidget(self.get)
        bottom.addWidget(self.away)
        layout.addLayout(bottom)

    def _lay_out_fields(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(4)
        columns: list[tuple[str, QWidget, int]] = [(tr("Archive"), self.peer, 3)]
        if self._ask is None:
            columns += [
                (tr("From"), self.since, 0),
                (tr("To"), self.until, 0),
                ("", self.any_date, 0),
                (tr("Patient ID"), self.patient, 3),
                (tr("Accession number"), self.accession, 2),
            ]
        else:
            for each in (self.since, self.until, self.any_date, self.patient, self.accession):
                each.hide()
        for column, (title, field, stretch) in enumerate((*columns, ("", self.go, 0))):
            label = QLabel(title, self)
            label.setObjectName("dim")
            label.setBuddy(field)
            field.setAccessibleName(title or field.accessibleName())
            grid.addWidget(label, 0, column)
            grid.addWidget(field, 1, column)
            grid.setColumnStretch(column, stretch)
        return grid

    def _connect(self) -> None:
        self.go.clicked.connect(self.search)
        self.get.clicked.connect(self.fetch)
        self.away.clicked.connect(self.close)
        self.any_date.toggled.connect(self._show_state)
        self.all.toggled.connect(self.found.choose_all)
        self.found.chosen_changed.connect(self._show_state)
        self.finding.found.connect(self._add)
        self.finding.progressed.connect(self._progressed)
        self.finding.ended.connect(self._ended)
        self.finding.broken.connect(self._broken)


def _day(field: QDateEdit) -> date:
    day = field.date()
    return date(day.year(), day.month(), day.day())
