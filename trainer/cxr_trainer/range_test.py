"""The learning-rate finder: from losses at rising rates to the bounds of the CLR stage (paper §6).

This module judges a curve; `cxr_trainer.fit.finder` runs the test on a copy of the model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from cxr_trainer.recipe import Suggester
from cxr_trainer.suggesters import Curve, Suggestion, read_suggestions

BASE_SHARE = 0.25
"""base_lr = max_lr / 4 (paper §6)."""


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
    from scipy.ndimage import median_filter

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
    suggestions = read_suggestions(Curve.of(rates, smoothed, usable, reach=_reach(smoothing), diverged=diverged))
    chosen = suggestions[suggester]
    base_lr = None if chosen.rate is None else chosen.rate * BASE_SHARE
    return RangeTestResult(
        tuple(rates), tuple(losses), smoothed, chosen.rate, base_lr, diverged, chosen.refusal, suggester, suggestions
    )


def _reach(smoothing: float) -> int:
    """Updates that the running median looks back and ahead."""
    return round(0.5 / (1.0 - smoothing) - 0.5 + 1e-9)


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
