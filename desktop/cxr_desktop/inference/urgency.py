r"""How urgent a film is, from its scores alone.

For each target whose probability p reaches its threshold t, with the target's weight w (`TriagePolicy.weight`):

    c = w · (1 + m) / 2,   m = (p − t) / (1 − t)

so a finding weighs between half and all of w, the more the further p is above t. The film's urgency is

    u = 0.9 · max(c) + 0.1 · (1 − ∏(1 − c))

The gravest finding decides; further findings only break ties, so that many chronic ones do not overtake a
pneumothorax. u is 0 where nothing reaches its threshold, and never falls when a probability rises.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from cxr_desktop.inference.lanes import DEFAULT_POLICY, TriagePolicy
from cxr_shared.findings import Target

_GRAVEST: Final = 0.9
_NAMED: Final = 3


class Judged(Protocol):
    """What urgency needs of a score."""

    @property
    def target(self) -> Target:
        """What was asked."""

    @property
    def probability(self) -> float:
        """0..1."""

    @property
    def threshold(self) -> float:
        """The operating point, 0..1."""

    @property
    def point(self) -> str:
        """Name of the operating point; may be empty."""


@dataclass(frozen=True, slots=True)
class Urgency:
    """A film's place in the worklist.

    Attributes
    ----------
    value
        0 (nothing reaches its threshold) to 1.
    nearness
        Largest weighted p / t, 0..∞: orders films of equal urgency.
    why
        The reason in words, such as ``pneumothorax 0.93, above the balanced point (0.44)``.
    positive
        The targets that reach their threshold, the gravest first.
    """

    value: float
    nearness: float
    why: str
    positive: tuple[Target, ...]


def contribution(score: Judged, policy: TriagePolicy = DEFAULT_POLICY) -> float:
    """Return what one target adds, 0..1; 0 below its threshold."""
    if score.probability < score.threshold:
        return 0.0
    margin = (score.probability - score.threshold) / (1.0 - score.threshold) if score.threshold < 1.0 else 1.0
    return policy.weight(score.target) * (1.0 + margin) / 2.0


def urgency(scores: Iterable[Judged], policy: TriagePolicy = DEFAULT_POLICY) -> Urgency:
    """Judge a film by its scores; the module's text gives the formula."""
    all_scores = list(scores)
    above = [score for score in all_scores if score.probability >= score.threshold]
    above.sort(key=lambda score: (-contribution(score, policy), score.target.value))
    parts = [contribution(score, policy) for score in above]
    rest = 1.0 - math.prod(1.0 - part for part in parts)
    return Urgency(
        value=_GRAVEST * max(parts, default=0.0) + (1.0 - _GRAVEST) * rest,
        nearness=max((_nearness(score, policy) for score in all_scores), default=0.0),
        why=_why(above, all_scores, policy),
        positive=tuple(score.target for score in above),
    )


def _nearness(score: Judged, policy: TriagePolicy) -> float:
    return policy.weight(score.target) * score.probability / max(score.threshold, 1e-6)


def _why(above: list[Judged], all_scores: list[Judged], policy: TriagePolicy) -> str:
    if above:
        first = above[:_NAMED]
        words = _above(first)
        return words + (f" and {len(above) - _NAMED} more" if len(above) > _NAMED else "")
    if not all_scores:
        return "nothing was asked"
    nearest = max(all_scores, key=lambda score: _nearness(score, policy))
    return f"all below; nearest {_name(nearest)} {nearest.probability:.2f} of {nearest.threshold:.2f}"


def _above(scores: list[Judged]) -> str:
    """Name scores and their thresholds; the operating point once, where it is the same one of all."""
    points = {score.point for score in scores}
    if points == {""}:
        return ", ".join(f"{_name(each)} {each.probability:.2f} above {each.threshold:.2f}" for each in scores)
    if len(points) > 1:
        return "; ".join(_above([each]) for each in scores)
    names = ", ".join(f"{_name(each)} {each.probability:.2f}" for each in scores)
    thresholds = ", ".join(f"{each.threshold:.2f}" for each in scores)
    return f"{names}, above the {scores[0].point} point{'s' if len(scores) > 1 else ''} ({thresholds})"


def _name(score: Judged) -> str:
    return score.target.display.lower()
