"""Which rows are shown, and in which order."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from cxr_desktop.inference.lanes import Lane, TriagePolicy
from cxr_desktop.intake.files import natural_key as _natural_key
from cxr_desktop.intake.names import shown_name
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
natural_key = functools.lru_cache(maxsize=2**16)(_natural_key)

_AT_A_STEP: Final = 50
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
    sifts = bool(words) or view.unread or view.lane is not None
    shown = [row for row in rows if _matches(row, view, words)] if sifts else list(rows)
    shown.sort(key=_key_of(view, policy, now), reverse=view.descending)
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
    """Whether the reader must not see the row's scores yet; who said something of them has seen them."""
    if not view.blind or row.read is None:
        return view.blind
    return not (row.read.blind or row.read.finished or row.opinions)


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
_TEXTS: Final[tuple[Callable[[Row], str], ...]] = (
    lambda row: row.lane.words,
    lambda row: f"{row.urgency:.2f}" if row.scored else "–",
    lambda row: row.why,
    lambda row: shown_name(row.source),
    _patient,
    _age,
    lambda row: row.identity.patient_sex,
    lambda row: row.view,
    lambda row: row.identity.acquired.replace("T", " ")[:16],
    lambda row: row.disagreement,
    lambda row: row.state,
)
"""In the order of the columns; a tuple, since hashing a member of an enumeration calls Python."""


def _matches(row: Row, view: View, words: list[str]) -> bool:
    if view.lane is not None and (row.lane is not view.lane or concealed(row, view)):
        return False
    if view.unread and row.finished:
        return False
    if not words:
        return True
    return all(map(_words(row, view).__contains__, words))


def _words(row: Row, view: View) -> str:
    """All that a row shows and is found by."""
    if not view.hidden and not view.blind:
        known: str | None = row.sought.get("words")
        return known or str(_sought(row, "words", _words_of))
    scores = text(row, Column.WHY, view) if concealed(row, view) else _sought(row, "scores", _scores_of)
    film = f"film {row.number}" if view.hidden else _sought(row, "film", _film_of)
    return f"{scores}\n{film}\n{row.view.casefold()}\n{row.state}"


def prepare_search(rows: Iterable[Row], view: View) -> Iterator[None]:
    """Work out what rows are found by before anybody searches, a few rows at each step; those that know it are quick.

    At 10,000 rows all of it takes a tenth of a second, which the first key of a search would otherwise wait for.
    """
    for number, row in enumerate(rows, 1):
        _words(row, view)
        if number % _AT_A_STEP == 0:
            yield


def _words_of(row: Row) -> str:
    return f"{_scores_of(row)}\n{_film_of(row)}\n{row.view.casefold()}\n{row.state}"


def _scores_of(row: Row) -> str:
    return "\n".join((row.lane.words, _plain(row, Column.URGENCY), row.why, row.disagreement)).casefold()


def _film_of(row: Row) -> str:
    identity = row.identity
    return "\n".join((_patient(row), _age(row), identity.patient_sex, identity.acquired, str(row.source))).casefold()


def _sought(row: Row, name: object, make: Callable[[Row], Any]) -> Any:  # noqa: ANN401  (what `make` gives)
    """Work something out of a row once, until it is judged again."""
    known = row.sought.get(name)
    if known is None:
        known = row.sought[name] = make(row)
    return known


def _key_of(view: View, policy: TriagePolicy, now: float) -> Callable[[Row], Any]:
    """Make the sort key of a view; keys of one view compare with each other."""
    column = view.column
    if column in (Column.LANE, Column.URGENCY):
        return (lambda row: _blind_key(row, view, policy, now)) if view.blind else lambda row: row.order(now, policy)
    if column is Column.STATE or view.blind or (view.hidden and column.is_private):
        return lambda row: (_text_key(column, text(row, column, view)), row.number)
    name = int(column)

    def kept(row: Row) -> Any:  # noqa: ANN401
        known = row.sought.get(name)
        return known or _sought(row, name, lambda row: (_text_key(column, _plain(row, column)), row.number))

    return kept


def _blind_key(row: Row, view: View, policy: TriagePolicy, now: float) -> tuple[bool, int, float, float, int]:
    if concealed(row, view):
        return row.finished, Lane.WAITING, 0.0, 0.0, row.number
    return row.order(now, policy)


def _text_key(column: Column, words: str) -> Any:  # noqa: ANN401  (keys of a column compare)
    return natural_key(words) if column in _NUMBERED else words.casefold()


_NUMBERED: Final = frozenset({Column.FILM, Column.PATIENT, Column.AGE})
"""Columns in which 9 stands before 10."""
