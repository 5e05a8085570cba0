"""The learning-rate finder: from losses at rising rates to the bounds of the CLR stage (paper §6).

This module judges a curve; `cxr_trainer.fit.finder` runs the test on a copy of the model.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import median_filter

from cxr_trainer.recipe import Suggester

BASE_SHARE = 0.25
"""base_lr = max_lr / 4 (paper §6)."""
_FEWEST_POINTS = 10
_SHORTEST_DESCENT = 5


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What one suggester reads off a curve: a rate, or why there is none."""

    rate: float | None
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class RangeTestResult:
    """The curve and what it suggests.

    Attributes
    ----------
    rates, losses
        One of each for every update; a loss may be NaN or infinite.
    smoothed
        Running median of the losses (see `smooth`).
    max_lr, base_lr
        The bounds that `suggester` suggests, None where it suggests none.
    diverged
        Whether the test ended early because the loss ran away.
    refusal
        Why the suggester finds no bounds, else empty.
    suggester
        Whose rate is max_lr.
    suggestions
        What each suggester says of the curve.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    max_lr: float | None
    base_lr: float | None
    diverged: bool
    refusal: str
    suggester: Suggester
    suggestions: Mapping[Suggester, Suggestion]

    def as_json(self) -> dict[str, Any]:
        """Fields for a JSON file, which has no NaN: a loss that was no number is None."""
        fields = asdict(self)
        finite = {name: [v if math.isfinite(v) else None for v in fields[name]] for name in ("losses", "smoothed")}
        return {**fields, **finite}


class LossSmoother:
    """Exponential running mean with bias correction, as Adam corrects its moments; skips non-finite values."""

    def __init__(self, smoothing: float) -> None:
        self._smoothing = smoothing
        self._mean = 0.0
        self._weight = 0.0

    def add(self, loss: float) -> float:
        """Take one loss in and return the smoothed value (NaN before the first finite one)."""
        if math.isfinite(loss):
            self._mean = self._smoothing * self._mean + (1.0 - self._smoothing) * loss
            self._weight = self._smoothing * self._weight + (1.0 - self._smoothing)
        if self._weight == 0.0:
            return math.nan
        return self._mean / self._weight


def smooth(losses: Sequence[float], smoothing: float) -> tuple[float, ...]:
    """Centred running median over about ``1 / (1 - smoothing)`` updates.

    It is not late, as a running mean from one side is, and the steep rise at divergence does not reach back into
    the valley before it. At the ends the window is mirrored, so that no single loss decides. A loss that is no number
    counts as infinite.
    """
    values = np.where(np.isfinite(losses), losses, np.inf)
    return tuple(float(value) for value in median_filter(values, size=2 * _reach(smoothing) + 1, mode="reflect"))


def suggest(
    rates: Sequence[float],
    losses: Sequence[float],
    *,
    smoothing: float,
    suggester: Suggester = "minimum",
    diverged: bool = False,
) -> RangeTestResult:
    """Read max_lr off a curve by `suggester`, and base_lr = max_lr / 4; the other suggesters' rates stand beside it.

    - ``minimum``: the rate of the lowest smoothed loss, the paper's rule;
    - ``steepest``: where the smoothed loss falls fastest with the logarithm of the rate, before its minimum. The
      slope is that of a straight line through as many neighbours as are smoothed over;
    - ``valley``: two thirds along the smoothed loss's longest descent. Updates that rise in between are left out of
      a descent and do not end it.

    A suggestion that would be an end of the ramp is refused: what is looked for may lie outside.

    Parameters
    ----------
    rates
        Rising rates, one for each update.
    losses
        Their losses; NaN and infinity are left out.
    smoothing
        See `smooth`.
    suggester
        Whose rate becomes max_lr.
    diverged
        Passed on to the result.
    """
    smoothed = smooth(losses, smoothing)
    usable = np.isfinite(losses) & np.isfinite(smoothed)
    suggestions = _suggestions(_Curve.of(rates, smoothed, usable, reach=_reach(smoothing), diverged=diverged))
    chosen = suggestions[suggester]
    base_lr = None if chosen.rate is None else chosen.rate * BASE_SHARE
    return RangeTestResult(
        tuple(rates), tuple(losses), smoothed, chosen.rate, base_lr, diverged, chosen.refusal, suggester, suggestions
    )


def _reach(smoothing: float) -> int:
    """Updates that the running median looks back and ahead."""
    return round(0.5 / (1.0 - smoothing) - 0.5 + 1e-9)


@dataclass(frozen=True, slots=True, eq=False)
class _Curve:
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
    ) -> _Curve:
        """`reach` counts updates of an exponential ramp over the same rates."""
        kept_rates = np.asarray(rates, dtype=np.float64)[usable]
        kept = np.asarray(smoothed, dtype=np.float64)[usable]
        width = math.log(rates[-1] / rates[0]) / max(1, len(rates) - 1)
        best = int(np.argmin(kept)) if len(kept) else 0
        return cls(kept_rates, kept, reach * width, best, reach, len(kept) - 1 - (0 if diverged else reach))

    @property
    def span(self) -> str:
        return f"between {self.rates[0]:.1e} and {self.rates[-1]:.1e}"


def _suggestions(curve: _Curve) -> dict[Suggester, Suggestion]:
    suggesters: dict[Suggester, Callable[[_Curve], Suggestion]] = {
        "minimum": _minimum,
        "steepest": _steepest,
        "valley": _valley,
    }
    if refusal := _unusable(curve):
        return {name: Suggestion(None, refusal) for name in suggesters}
    return {name: read(curve) for name, read in suggesters.items()}


def _unusable(curve: _Curve) -> str:
    if len(curve.losses) < _FEWEST_POINTS:
        return f"it has {len(curve.losses)} usable losses and {_FEWEST_POINTS} are needed"
    if np.ptp(curve.losses) == 0.0:
        return f"its loss is the same at every rate {curve.span}, so these rates change nothing"
    return ""


def _minimum(curve: _Curve) -> Suggestion:
    if not curve.first < curve.best < curve.last:
        side = "falls to its very end" if curve.best > curve.first else "only rises"
        return Suggestion(None, f"its loss {side}, so no rate {curve.span} is its minimum")
    return Suggestion(float(curve.rates[curve.best]))


def _steepest(curve: _Curve) -> Suggestion:
    slopes = _slopes(np.log(curve.rates), curve.losses, curve.reach)[: curve.best + 1]
    place = int(np.argmin(slopes))
    if curve.best == 0 or slopes[place] >= 0.0:
        return Suggestion(None, f"its loss never falls {curve.span}, so there is no steepest descent")
    if place in (0, len(curve.losses) - 1):
        end = "first" if place == 0 else "last"
        return Suggestion(None, f"its loss falls fastest at the {end} rate {curve.span}, and may fall faster beyond it")
    return Suggestion(float(curve.rates[place]))


def _valley(curve: _Curve) -> Suggestion:
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


@dataclass(frozen=True, slots=True)
class Spread:
    """How far a suggester's rates lie apart over several tests.

    Attributes
    ----------
    tests, suggested
        How many tests were made, and how many gave a rate.
    median, lowest, highest
        Of the rates, by their logarithms; None where no test gave one.
    decades
        ``log10(highest / lowest)``.
    """

    tests: int
    suggested: int
    median: float | None
    lowest: float | None
    highest: float | None
    decades: float | None


def measure_spread(suggestions: Sequence[Suggestion]) -> Spread:
    """Median and range of one suggester's rates over tests that differ in their seeds."""
    rates = [each.rate for each in suggestions if each.rate is not None]
    if not rates:
        return Spread(len(suggestions), 0, None, None, None, None)
    low, high = min(rates), max(rates)
    median = low if low == high else float(np.exp(np.median(np.log(rates))))
    return Spread(len(suggestions), len(rates), median, low, high, math.log10(high / low))
