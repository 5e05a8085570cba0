"""Which rows are shown, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from cxr_desktop.inference.lanes import Lane, TriagePolicy
from cxr_desktop.intake.files import natural_key
from cxr_desktop.worklist.row import Row


class Column(IntEnum):
    """Columns of the worklist."""

    LANE = 0
    URGENCY = 1
    WHY = 2
    FILM = 3
    PATIENT = 4
    AGE = 5
    SEX = 6
    VIEW = 7
    ACQUIRED = 8
    DISAGREEMENT = 9
    STATE = 10

    @property
    def title(self) -> str:
        """Heading."""
        return _TITLES[self]

    @property
    def is_private(self) -> bool:
        """Whether it can tell who the patient is."""
        return self in _PRIVATE


_TITLES = ("Lane", "Urgency", "Why", "Film", "Patient", "Age", "Sex", "View", "Acquired", "Models disagree", "State")
_PRIVATE = frozenset({Column.FILM, Column.PATIENT, Column.AGE, Column.SEX, Column.ACQUIRED})
HIDDEN = "•••"
"""Stands for patient data that are hidden."""


@dataclass(frozen=True, slots=True)
class View:
    """What the list shows.

    Attributes
    ----------
    lane
        Only this lane; None shows all.
    unread
        Only films that were not marked read.
    search
        Words that must all occur in what a row shows, in any case.
    column, descending
        Sorted by this column; by lane and by urgency mean the triage order.
    grouped
        Films of a patient stand together, at the place of the most urgent one.
    hidden
        Patient data are hidden, and are not searched.
    blind
        Films that were neither read nor committed show neither score nor lane, and stand as they were added.
    """

    lane: Lane | None = None
    unread: bool = False
    search: str = ""
    column: Column = Column.LANE
    descending: bool = False
    grouped: bool = False
    hidden: bool = False
    blind: bool = False


def arrange(rows: Iterable[Row], view: View, policy: TriagePolicy, *, now: float) -> list[Row]:
    """Choose and sort the rows that are shown.

    Parameters
    ----------
    rows
        All rows.
    view
        What is shown, and how.
    policy
        What the triage order follows.
    now
        Seconds since the epoch, for ageing.
    """
    words = view.search.casefold().split()
    shown = [row for row in rows if _matches(row, view, words)]
    keys = {id(row): _key(row, view, policy, now) for row in shown}
    shown.sort(key=lambda row: keys[id(row)], reverse=view.descending)
    if not view.grouped:
        return shown
    first: dict[str, int] = {}
    for place, row in enumerate(shown):
        first.setdefault(group_of(row), place)
    return sorted(shown, key=lambda row: first[group_of(row)])  # sorting is stable: the order inside a group stays


def group_of(row: Row) -> str:
    """Patient by whom a row is grouped; a film without one is a group of its own."""
    return row.identity.patient_id or f"\0{row.number}"


def concealed(row: Row, view: View) -> bool:
    """Whether the reader must not see the row's scores yet."""
    return view.blind and (row.read is None or not (row.read.blind or row.read.finished))


def text(row: Row, column: Column, view: View) -> str:
    """Return what a cell says."""
    if view.hidden and column.is_private:
        return f"Film {row.number}" if column is Column.FILM else HIDDEN if _plain(row, column) else ""
    if concealed(row, view) and column in (Column.LANE, Column.URGENCY, Column.WHY, Column.DISAGREEMENT):
        return "blind" if column is Column.WHY and row.scored else "–"
    return _plain(row, column)


def _plain(row: Row, column: Column) -> str:
    return _TEXTS[column](row)


def _patient(row: Row) -> str:
    identity = row.identity
    return " · ".join(filter(None, (identity.patient_id, identity.patient_name.replace("^", " ").strip())))


def _age(row: Row) -> str:
    """DICOM's Age String, PS3.5 6.2: ``058Y`` as 58, ``003M`` as 3 months; anything else as it is written."""
    written = row.identity.patient_age
    number, unit = written[:-1], written[-1:]
    if not number.isdecimal() or unit not in _UNITS:
        return written
    return f"{int(number)} {_UNITS[unit]}".strip()


_UNITS: Final = {"Y": "", "M": "months", "W": "weeks", "D": "days"}
_TEXTS: Final[dict[Column, Callable[[Row], str]]] = {
    Column.LANE: lambda row: row.lane.words,
    Column.URGENCY: lambda row: f"{row.urgency:.2f}" if row.scored else "–",
    Column.WHY: lambda row: row.why,
    Column.FILM: lambda row: row.source.name,
    Column.PATIENT: _patient,
    Column.AGE: _age,
    Column.SEX: lambda row: row.identity.patient_sex,
    Column.VIEW: lambda row: row.view,
    Column.ACQUIRED: lambda row: row.identity.acquired.replace("T", " ")[:16],
    Column.DISAGREEMENT: lambda row: row.disagreement,
    Column.STATE: lambda row: row.state,
}


def _matches(row: Row, view: View, words: list[str]) -> bool:
    if view.lane is not None and (row.lane is not view.lane or concealed(row, view)):
        return False
    if view.unread and row.finished:
        return False
    if not words:
        return True
    all_text = " ".join(text(row, column, view) for column in Column).casefold()
    if not view.hidden:
        all_text += f" {row.source}".casefold()
    return all(word in all_text for word in words)


def _key(row: Row, view: View, policy: TriagePolicy, now: float) -> Any:  # noqa: ANN401  (keys of a kind compare)
    if view.column not in (Column.LANE, Column.URGENCY):
        return natural_key(text(row, view.column, view)), row.number
    if concealed(row, view):
        return (row.finished, Lane.WAITING, 0.0, 0.0, row.number)
    return row.order(now, policy)
