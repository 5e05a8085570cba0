"""The rows of the worklist and what is known of each. No Qt."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cxr_desktop.inference.lanes import Lane, lane_of, worklist_order
from cxr_desktop.inference.verdict import Provenance, Scored, Verdict
from cxr_desktop.report import Worklist
from cxr_shared.film import ViewPosition


@dataclass(slots=True)
class Row:
    """One film of the worklist; `verdict` is None while it waits."""

    source: Path
    verdict: Verdict | None = None

    @property
    def lane(self) -> Lane:
        """Where it stands."""
        return lane_of(self.verdict)

    @property
    def urgency(self) -> float:
        """0..1; 0 where it was not scored."""
        return self.verdict.urgency.value if isinstance(self.verdict, Scored) else 0.0

    @property
    def why(self) -> str:
        """The reason for its place."""
        if self.verdict is None:
            return Lane.WAITING.words
        return self.verdict.urgency.why if isinstance(self.verdict, Scored) else self.verdict.message

    @property
    def patient(self) -> str:
        """The patient's identifier, where the film was read and says it."""
        return self.verdict.facts.identity.patient_id if isinstance(self.verdict, Scored) else ""

    @property
    def view(self) -> str:
        """PA or AP, where known."""
        view = self.verdict.facts.view if isinstance(self.verdict, Scored) else ViewPosition.UNKNOWN
        return "" if view is ViewPosition.UNKNOWN else view.value

    def order(self) -> tuple[int, float, float]:
        """Sort key, the most urgent first."""
        return worklist_order(self.verdict)


class Sheet:
    """All rows, in the order in which they were added; a film is in it once."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._index: dict[str, int] = {}

    def new_among(self, files: Iterable[Path]) -> list[Path]:
        """Return those that are in no row yet."""
        fresh = {_identity(path): path for path in files}
        return [path for identity, path in fresh.items() if identity not in self._index]

    def add(self, files: Sequence[Path]) -> None:
        """Append a waiting row for each file; the caller passes what `new_among` returned."""
        for path in files:
            self._index[_identity(path)] = len(self.rows)
            self.rows.append(Row(path))

    def judge(self, verdict: Verdict) -> int | None:
        """Give a row its verdict and return its number; None where there is no such row."""
        number = self._index.get(_identity(verdict.source))
        if number is not None:
            self.rows[number].verdict = verdict
        return number

    def forget_verdicts(self) -> None:
        """Let every row wait again, as another bundle asks for."""
        for row in self.rows:
            row.verdict = None

    def count(self, lane: Lane) -> int:
        """Count the rows in one lane."""
        return sum(row.lane is lane for row in self.rows)

    def worklist(self, provenance: Provenance) -> Worklist:
        """Collect what was judged for a report."""
        verdicts = [row.verdict for row in self.rows if row.verdict is not None]
        return Worklist(provenance, found=len(self.rows), verdicts=verdicts)


def _identity(path: Path) -> str:
    return os.path.realpath(path)
