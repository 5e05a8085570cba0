"""Rules that read a learning rate off a range test's smoothed curve (paper §6: the minimum)."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxr_trainer.recipe import Suggester

_FEWEST_POINTS = 10
_SHORTEST_DESCENT = 5


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What one suggester reads off a curve: a rate, or why there is none."""

    rate: float | None
    refusal: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """The usable part of a smoothed curve, at least one point.

    Attributes
    ----------
    rates, losses
        (n,) float64.
    reach
        Half the width over which a slope is taken, in natural logarithms of the rate.
    best
        Where the lowest loss is.
    first, last
        Points at and beyond which the running median does not see both sides, so that a minimum there is none. After
        divergence the end is a rise of its own.
    """

    rates: npt.NDArray[np.float64]
    losses: npt.NDArray[np.float64]
    reach: float
    best: int
    first: int
    last: int

    @classmethod
    def of(
        cls,
        rates: Sequence[float],
        smoothed: Sequence[float],
        usable: npt.NDArray[np.bool_],
        *,
        reach: int,
        diverged: bool,
    ) -> Curve:
        """`reach` counts updates of an exponential ramp over the same rates."""
        kept_rates = np.asarray(rates, dtype=np.float64)[usable]
        kept = np.asarray(smoothed, dtype=np.float64)[usable]
        width = math.log(rates[-1] / rates[0]) / max(1, len(rates) - 1)
        best = int(np.argmin(kept)) if len(kept) else 0
        return cls(kept_rates, kept, reach * width, best, reach, len(kept) - 1 - (0 if diverged else reach))

    @property
    def span(self) -> str:
        """The rates it covers, in words."""
        return f"between {self.rates[0]:.1e} and {self.rates[-1]:.1e}"


def read_suggestions(curve: Curve) -> dict[Suggester, Suggestion]:
    """What each suggester reads off `curve`."""
    suggesters: dict[Suggester, Callable[[Curve], Suggestion]] = {
        "minimum": _minimum,
        "steepest": _steepest,
        "valley": _valley,
    }
    if refusal := _unusable(curve):
        return {name: Suggestion(None, refusal) for name in suggesters}
    return {name: read(curve) for name, read in suggesters.items()}


def _unusable(curve: Curve) -> str:
    if len(curve.losses) < _FEWEST_POINTS:
        return f"it has {len(curve.losses)} usable losses and {_FEWEST_POINTS} are needed"
    if np.ptp(curve.losses) == 0.0:
        return f"its loss is the same at every rate {curve.span}, so these rates change nothing"
    return ""


def _minimum(curve: Curve) -> Suggestion:
    if not curve.first < curve.best < curve.last:
        side = "falls to its very end" if curve.best > curve.first else "only rises"
        return Suggestion(None, f"its loss {side}, so no rate {curve.span} is its minimum")
    return Suggestion(float(curve.rates[curve.best]))


def _steepest(curve: Curve) -> Suggestion:
    slopes = _slopes(np.log(curve.rates), curve.losses, curve.reach)[: curve.best + 1]
    place = int(np.argmin(slopes))
    if curve.best == 0 or slopes[place] >= 0.0:
        return Suggestion(None, f"its loss never falls {curve.span}, so there is no steepest descent")
    if place in (0, len(curve.losses) - 1):
        end = "first" if place == 0 else "last"
        return Suggestion(None, f"its loss falls fastest at the {end} rate {curve.span}, and may fall faster beyond it")
    return Suggestion(float(curve.rates[place]))


def _valley(curve: Curve) -> Suggestion:
    descent = _longest_descent(curve.losses[: curve.best + 1])
    if len(descent) < _SHORTEST_DESCENT:
        return Suggestion(
            None,
            f"its longest descent {curve.span} has {len(descent)} of the {_SHORTEST_DESCENT} updates of a valley",
        )
    if descent[-1] >= curve.last:
        return Suggestion(
            None, f"its longest descent {curve.span} has not ended at the last rate, so its valley is open"
        )
    return Suggestion(float(curve.rates[descent[round(2 * (len(descent) - 1) / 3)]]))


def _slopes(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], reach: float) -> npt.NDArray[np.float64]:
    """Slope at each point of the least-squares line through the points within `reach` in `x`, at least its neighbours.

    A width in `x` and not in points keeps the slopes of a linear ramp, whose last rates are close together in
    the logarithm, from being noise alone.
    """
    place, slack = np.arange(len(x)), reach * 1e-9
    low = np.maximum(0, np.minimum(place - 1, np.searchsorted(x, x - reach - slack)))
    high = np.minimum(len(x), np.maximum(place + 2, np.searchsorted(x, x + reach + slack, side="right")))

    def sums(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        total = np.concatenate([[0.0], np.cumsum(values)])
        return np.asarray(total[high] - total[low])

    x, y = x - x.mean(), y - y.mean()
    count, in_x, in_y = (high - low).astype(np.float64), sums(x), sums(y)
    return (count * sums(x * y) - in_x * in_y) / (count * sums(x * x) - in_x**2)


def _longest_descent(values: npt.NDArray[np.float64]) -> list[int]:
    """Places of the longest strictly decreasing subsequence; of several, the one with the lowest end."""
    ends: list[float] = []  # ends[k]: negated last value of the best descent of k + 1 places
    places: list[int] = []
    before: list[int] = []
    for place, value in enumerate(-values):
        length = bisect_left(ends, value)
        before.append(places[length - 1] if length else -1)
        ends[length : length + 1] = [value]
        places[length : length + 1] = [place]
    descent = [places[-1]]
    while before[descent[-1]] >= 0:
        descent.append(before[descent[-1]])
    return descent[::-1]
