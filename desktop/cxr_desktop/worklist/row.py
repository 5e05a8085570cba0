"""One film of the worklist."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cxr_desktop.inference.lanes import DEFAULT_POLICY, Lane, TriagePolicy, aged, lane_of
from cxr_desktop.inference.verdict import Refused, Scored, Verdict
from cxr_desktop.store.records import Read
from cxr_shared.film import Identity, ViewPosition

_NOBODY: Final = Identity()
_HOUR_S: Final = 3600.0


@dataclass(slots=True, eq=False)
class Row:
    """One film of the worklist.

    Attributes
    ----------
    number
        Counts the films in the order in which they were added, from 1; what a film is called while patient data are
        hidden.
    source
        The file.
    added_at
        Seconds since the epoch.
    verdict
        None while it waits.
    stale
        Whether the verdict is another bundle's: it is shown as such, and the film waits for a new one.
    read
        What the reader said last; None before they said anything.
    lane
        Where it stands; `judge` keeps it.
    """

    number: int
    source: Path
    added_at: float = 0.0
    verdict: Verdict | None = None
    stale: bool = False
    read: Read | None = None
    lane: Lane = field(default=Lane.WAITING)

    def judge(self, verdict: Verdict | None, policy: TriagePolicy = DEFAULT_POLICY, *, stale: bool = False) -> None:
        """Take a verdict, or None to wait again."""
        self.verdict, self.stale = verdict, stale
        self.lane = lane_of(None if stale else verdict, policy)

    @property
    def finished(self) -> bool:
        """Whether it was marked read."""
        return self.read is not None and self.read.finished

    @property
    def scored(self) -> Scored | None:
        """The verdict, where it is one with scores of the bundle in use."""
        return self.verdict if isinstance(self.verdict, Scored) and not self.stale else None

    @property
    def urgency(self) -> float:
        """0..1; 0 where it was not scored."""
        return self.scored.urgency.value if self.scored else 0.0

    @property
    def why(self) -> str:
        """The reason for its place."""
        if self.verdict is None:
            return "waiting to be scored"
        if self.stale:
            return "scored by another bundle; waits to be scored again"
        return self.verdict.message if isinstance(self.verdict, Refused) else self.verdict.urgency.why

    @property
    def disagreement(self) -> str:
        """How the models disagree, in words."""
        return self.scored.disagreement if self.scored else ""

    @property
    def state(self) -> str:
        """Such as ``waiting``, ``scored``, ``refused`` or ``read``."""
        if self.finished:
            return "read"
        if self.stale:
            return "older bundle"
        if self.verdict is None:
            return "waiting"
        return "refused" if isinstance(self.verdict, Refused) else "scored"

    @property
    def sha256(self) -> str:
        """SHA-256 of the file's content, in hexadecimal; empty until it was read."""
        return self.verdict.sha256 if self.verdict else ""

    @property
    def identity(self) -> Identity:
        """Who and what it shows, as far as it was read."""
        return self.verdict.identity if self.verdict else _NOBODY

    @property
    def view(self) -> str:
        """PA or AP, where known."""
        facts = self.verdict.facts if self.verdict else None
        if facts is None:
            return ""
        return "" if facts.view is ViewPosition.UNKNOWN else facts.view.value

    def order(self, now: float, policy: TriagePolicy = DEFAULT_POLICY) -> tuple[bool, int, float, float, int]:
        """Sort key: unread before read, lanes with ageing, the most urgent first, then as they were added.

        Parameters
        ----------
        now
            Seconds since the epoch.
        policy
            Whose ageing counts.
        """
        waited = 0.0 if self.finished or self.lane is Lane.WAITING else (now - self.added_at) / _HOUR_S
        scored = self.scored
        nearness = scored.urgency.nearness if scored else 0.0
        return self.finished, aged(self.lane, waited, policy), -self.urgency, -nearness, self.number
