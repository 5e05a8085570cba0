"""What a search in an archive found, as a Qt model whose rows can be chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from cxr_desktop.ui.i18n import tr

if TYPE_CHECKING:
    from cxr_desktop.pacs.query import Found

Index = QModelIndex | QPersistentModelIndex
Role = Qt.ItemDataRole

HIDDEN: Final = "·····"
"""Stands for patient data while they are hidden."""
_NOWHERE: Final = QModelIndex()


def _name(found: Found) -> str:
    return found.patient_name.partition("=")[0].replace("^", " ").strip()


_COLUMNS: Final[tuple[tuple[str, Callable[[Found], str], bool], ...]] = (
    ("Patient", _name, True),
    ("ID", lambda found: found.patient_id, True),
    ("Born", lambda found: found.birth_date, True),
    ("Sex", lambda found: found.sex, True),
    ("Study", lambda found: found.acquired[:16].replace("T", " "), True),
    ("Description", lambda found: found.description, False),
    ("Part", lambda found: found.body_part, False),
    ("Modality", lambda found: ", ".join(found.modalities), False),
    ("Accession", lambda found: found.accession_number, True),
    ("Films", lambda found: "" if found.instances is None else str(found.instances), False),
)
"""Title, text, and whether it is patient data."""
TITLES: Final = tuple(title for title, _, _ in _COLUMNS)


class FoundModel(QAbstractTableModel):
    """Studies, each chosen or not; the first column has the boxes.

    Signals
    -------
    chosen_changed
        Another study is chosen, or none of one.
    """

    chosen_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[Found] = []
        self._chosen: set[str] = set()
        self._hidden = False

    @property
    def chosen(self) -> list[Found]:
        """The studies that are chosen, in their order."""
        return [found for found in self._rows if found.study_uid in self._chosen]

    def add(self, found: Sequence[Found], *, chosen: bool = False) -> None:
        """Add studies at the end."""
        if not found:
            return
        first = len(self._rows)
        self.beginInsertRows(QModelIndex(), first, first + len(found) - 1)
        self._rows.extend(found)
        self.endInsertRows()
        if chosen:
            self._chosen.update(each.study_uid for each in found)
            self.chosen_changed.emit()

    def clear(self) -> None:
        """Show nothing."""
        self.beginResetModel()
        self._rows.clear()
        self._chosen.clear()
        self.endResetModel()
        self.chosen_changed.emit()

    def choose_all(self, chosen: bool) -> None:  # noqa: FBT001  (a Qt slot)
        """Choose every study, or none."""
        self._chosen = {found.study_uid for found in self._rows} if chosen else set()
        self._all_changed()
        self.chosen_changed.emit()

    def set_hidden(self, hidden: bool) -> None:  # noqa: FBT001  (a Qt slot)
        """Hide patient data, or show them."""
        self._hidden = hidden
        self._all_changed()

    def rowCount(self, parent: Index = _NOWHERE) -> int:  # noqa: N802
        """How many studies."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = _NOWHERE) -> int:  # noqa: N802
        """How many columns."""
        return 0 if parent.isValid() else len(_COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Role.DisplayRole) -> Any:  # noqa: N802, ANN401
        """Titles of the columns."""
        if orientation is Qt.Orientation.Horizontal and role == Role.DisplayRole:
            return tr(TITLES[section])
        return None

    def data(self, index: Index, role: int = Role.DisplayRole) -> Any:  # noqa: ANN401
        """Text of a cell, and whether its study is chosen."""
        found = self._rows[index.row()]
        _, text, private = _COLUMNS[index.column()]
        if role in (Role.DisplayRole, Role.ToolTipRole):
            return HIDDEN if private and self._hidden and text(found) else text(found)
        if role == Role.CheckStateRole and index.column() == 0:
            return Qt.CheckState.Checked if found.study_uid in self._chosen else Qt.CheckState.Unchecked
        return None

    def setData(self, index: Index, value: Any, role: int = Role.EditRole) -> bool:  # noqa: N802, ANN401
        """Choose a study, or not."""
        if role != Role.CheckStateRole:
            return False
        uid = self._rows[index.row()].study_uid
        if Qt.CheckState(value) is Qt.CheckState.Checked:
            self._chosen.add(uid)
        else:
            self._chosen.discard(uid)
        self.dataChanged.emit(index, index)
        self.chosen_changed.emit()
        return True

    def flags(self, index: Index) -> Qt.ItemFlag:
        """The first column's boxes can be ticked."""
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return flags | Qt.ItemFlag.ItemIsUserCheckable if index.column() == 0 else flags

    def _all_changed(self) -> None:
        if self._rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._rows) - 1, len(_COLUMNS) - 1))
