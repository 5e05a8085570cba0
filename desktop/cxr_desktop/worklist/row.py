"""One film of the worklist."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cxr_desktop.inference.lanes import DEFAULT_POLICY, Lane, TriagePolicy, aged, lane_of
from cxr_desktop.inference.verdict import Refused, Scored, Verdict
from cxr_desktop.store.records import Opinion, Read
from cxr_shared.film import Identity, ViewPosition
from cxr_shared.findings import Target

_NOBODY: Final = Identity()
_HOUR_S: Final = 3600.0
_WAITING: Final = "waiting to be scored"


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
    lane, scored, urgency, nearness, why, disagreement
        What `judge` worked out, since a long list asks for them at every turn: where it stands; the verdict, where it
        is one with scores of the bundle in use; 0..1 and how near to a threshold, 0 where it was not scored; the reason
        for its place; how the models disagree, in words.
    sought
        What a search and a sorted column were given of it, until it is judged again.
    """

    number: int
    source: Path
    added_at: float = 0.0
    verdict: Verdict | None = None
    stale: bool = False
    read: Read | None = None
    lane: Lane = field(default=Lane.WAITING, init=False)
    scored: Scored | None = field(default=None, init=False)
    urgency: float = field(default=0.0, init=False)
    nearness: float = field(default=0.0, init=False)
    why: str = field(default=_WAITING, init=False)
    disagreement: str = field(default="", init=False)
    sought: dict[object, Any] = field(default_factory=dict, init=False)

    def judge(self, verdict: Verdict | None, policy: TriagePolicy = DEFAULT_POLICY, *, stale: bool = False) -> None:
        """Take a verdict, or None to wait again."""
        self.verdict, self.stale = verdict, stale
        self.lane = lane_of(None if stale else verdict, policy)
        self.scored = verdict if isinstance(verdict, Scored) and not stale else None
        self.urgency = self.scored.urgency.value if self.scored else 0.0
        self.nearness = self.scored.urgency.nearness if self.scored else 0.0
        self.why = _why(verdict, stale=stale)
        self.disagreement = self.scored.disagreement if self.scored else ""
        self.sought.clear()

    @property
    def finished(self) -> bool:
        """Whether it was marked read."""
        return self.read is not None and self.read.finished

    @property
    def opinions(self) -> Mapping[Target, Opinion]:
        """What the reader said of the scores that are shown; what was said of another bundle's stays in the store."""
        if self.read is None:
            return {}
        shown = self.verdict.provenance.bundle_sha256 if self.verdict else self.read.bundle_sha256
        return self.read.opinions if self.read.bundle_sha256 in ("", shown) else {}

    @property
    def calls(self) -> Mapping[Target, bool]:
        """What the reader saw on the film before its scores were shown to them."""
        return self.read.calls if self.read else {}

    def was_read_in_another(self, state: tuple[int, int]) -> bool:
        """Whether its file had another size or time of change when it was read; False where that is not known."""
        known = self.verdict.file_state if self.verdict else None
        return known is not None and known != state

    def hear(self, read: Read | None) -> None:
        """Take what the reader said."""
        self.read = read
        self.sought.clear()

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
        finished, lane = self.finished, self.lane
        if not finished and lane is not Lane.WAITING:
            lane = aged(lane, (now - self.added_at) / _HOUR_S, policy)
        return finished, lane, -self.urgency, -self.nearness, self.number


def _why(verdict: Verdict | None, *, stale: bool) -> str:
    if verdict is None:
        return _WAITING
    if stale:
        return "scored by another bundle; waits to be scored again"
    return verdict.message if isinstance(verdict, Refused) else verdict.urgency.why
