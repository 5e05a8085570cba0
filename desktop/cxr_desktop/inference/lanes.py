"""Which lane of the worklist a film stands in, and its place there.

A film is *normal* only where two kinds of model agree that it is: the anomaly model and every model of a finding.
With only one kind in the bundle there is no second opinion, and the lane says so. A refused film stands before all
that are below their thresholds, since no model has seen it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from cxr_shared.findings import Target

if TYPE_CHECKING:
    from cxr_desktop.inference.verdict import Verdict

NOTHING_FIRES: Final = "anomaly model fires, no finding does"


class Lane(IntEnum):
    """Where a film stands in the worklist, the most urgent lane first."""

    URGENT = 0
    """Its urgency reaches the policy's `urgent_from`."""
    ABNORMAL = 1
    """At least one target reaches its operating point."""
    DISAGREEMENT = 2
    """The anomaly model says normal and a finding's model fires, or the reverse."""
    REFUSED = 3
    """The models have not judged it, a person must."""
    WAITING = 4
    """Not scored yet."""
    UNCONFIRMED = 5
    """Every target is below its operating point, but only one kind of model was asked."""
    NORMAL = 6
    """The anomaly model and every model of a finding say normal."""

    @property
    def words(self) -> str:
        """The lane's name for reports and rows."""
        return _WORDS[self]


_WORDS: Final = ("urgent", "abnormal", "disagreement", "refused", "waiting", "below thresholds", "normal")

_LANES: Final = tuple(Lane)

POSITIVE: Final = frozenset({Lane.URGENT, Lane.ABNORMAL, Lane.DISAGREEMENT})
"""Lanes of films on which at least one model fires."""
NEGATIVE: Final = frozenset({Lane.UNCONFIRMED, Lane.NORMAL})
"""Lanes of films on which none does."""


@dataclass(frozen=True, slots=True)
class TriagePolicy:
    """What a site decides about the order of its worklist.

    Attributes
    ----------
    weights
        Weight of each target's finding, 0 (can wait) to 1 (act now); targets left out keep `Target.urgency`.
    urgent_from
        Urgency from which a film is urgent, 0..1. At 0.5 a pneumothorax always is.
    ageing_hours
        An unread film moves up by one lane each time it has waited this long, so that none starves; 0 turns it off.
    """

    weights: Mapping[Target, float] = field(default_factory=dict)
    urgent_from: float = 0.5
    ageing_hours: float = 8.0

    def weight(self, target: Target) -> float:
        """Weight of a target's finding, 0..1."""
        return self.weights.get(target, target.urgency)


DEFAULT_POLICY: Final = TriagePolicy()


def disagreement(asked: Collection[Target], positive: Collection[Target]) -> str:
    """Say in words how the anomaly model and the findings' models disagree; nothing where they agree.

    Parameters
    ----------
    asked
        The targets of the bundle.
    positive
        Those that reach their operating point.
    """
    normal = Target.ANOMALY not in positive
    fired = [target for target in asked if target in positive and target is not Target.ANOMALY]
    if Target.ANOMALY not in asked or len(asked) == 1 or normal != bool(fired):
        return ""
    if not normal:
        return NOTHING_FIRES
    others = f" and {len(fired) - 1} more" if len(fired) > 1 else ""
    return f"anomaly model says normal, {fired[0].display.lower()}{others} fires"


def lane_of(verdict: Verdict | None, policy: TriagePolicy = DEFAULT_POLICY) -> Lane:
    """Lane of a verdict; None is a film that waits."""
    from cxr_desktop.inference.verdict import Refused

    if verdict is None:
        return Lane.WAITING
    if isinstance(verdict, Refused):
        return Lane.REFUSED
    if verdict.urgency.positive and verdict.urgency.value >= policy.urgent_from:
        return Lane.URGENT
    if verdict.disagreement:
        return Lane.DISAGREEMENT
    if verdict.urgency.positive:
        return Lane.ABNORMAL
    both = Target.ANOMALY in verdict.scores and len(verdict.scores) > 1
    return Lane.NORMAL if both else Lane.UNCONFIRMED


def worklist_order(verdict: Verdict | None, policy: TriagePolicy = DEFAULT_POLICY) -> tuple[int, float, float]:
    """Sort key: lanes, then the most urgent first, then the nearest to its threshold first."""
    from cxr_desktop.inference.verdict import Scored

    lane = lane_of(verdict, policy)
    if isinstance(verdict, Scored):
        return lane, -verdict.urgency.value, -verdict.urgency.nearness
    return lane, 0.0, 0.0


def aged(lane: Lane, waited_hours: float, policy: TriagePolicy = DEFAULT_POLICY) -> Lane:
    """Lane among whose films an unread one is sorted after it has waited; never past `Lane.URGENT`."""
    if policy.ageing_hours <= 0 or waited_hours < policy.ageing_hours:
        return lane
    lanes = int(min(waited_hours / policy.ageing_hours, len(_LANES)))
    return _LANES[max(0, lane - lanes)]
