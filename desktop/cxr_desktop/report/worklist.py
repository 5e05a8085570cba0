"""The verdicts of one run, in the worklist's order."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from cxr_desktop.inference.lanes import DEFAULT_POLICY, Lane, TriagePolicy, lane_of, worklist_order
from cxr_desktop.inference.verdict import Provenance, Refused, Scored, Verdict
from cxr_desktop.intake.files import natural_key

PICTURED: Final = 200
"""Films that keep their thumbnail: the most urgent ones, so that an archive fits in memory."""


@dataclass
class Worklist:
    """The verdicts of one run.

    Attributes
    ----------
    provenance
        What scored the films.
    found
        Number of files that were found.
    verdicts
        Those done; `ordered` sorts them.
    stopped
        The run was ended before its end.
    policy
        What lanes and order follow.
    deidentified
        The verdicts hold no identifiers (`deidentify.deidentified`).
    """

    provenance: Provenance
    found: int = 0
    verdicts: list[Verdict] = field(default_factory=list)
    stopped: bool = False
    policy: TriagePolicy = DEFAULT_POLICY
    deidentified: bool = False
    _pictured: int = 0

    @property
    def complete(self) -> bool:
        """Whether every file found has a verdict."""
        return not self.stopped and len(self.verdicts) >= self.found

    def add(self, verdict: Verdict) -> None:
        """Take a verdict; beyond twice `PICTURED`, the least urgent lose their thumbnails."""
        self.verdicts.append(verdict)
        if isinstance(verdict, Scored) and verdict.thumbnail is not None:
            self._pictured += 1
            if self._pictured >= 2 * PICTURED:
                self.verdicts = list(_without_far_pictures(self.ordered()))
                self._pictured = PICTURED

    def ordered(self) -> list[Verdict]:
        """Lanes, then the most urgent first, then by file."""
        return sorted(self.verdicts, key=self._place)

    def lane(self, verdict: Verdict) -> Lane:
        """Lane of one verdict."""
        return lane_of(verdict, self.policy)

    def count(self, *lanes: Lane) -> int:
        """Count the verdicts in some lanes."""
        return sum(self.lane(verdict) in lanes for verdict in self.verdicts)

    def _place(self, verdict: Verdict) -> tuple[object, ...]:
        return (*worklist_order(verdict, self.policy), natural_key(str(verdict.source)))


def _without_far_pictures(verdicts: Iterable[Verdict]) -> Iterable[Verdict]:
    seen = 0
    for verdict in verdicts:
        if isinstance(verdict, Refused) or verdict.thumbnail is None:
            yield verdict
            continue
        seen += 1
        yield verdict if seen <= PICTURED else dataclasses.replace(verdict, thumbnail=None)
