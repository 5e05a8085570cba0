"""The learning-rate finder: from losses at rising rates to the bounds of the CLR stage (paper §6).

This module judges a curve; `cxr_trainer.fit.stages` runs it on a copy of the model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import median_filter

BASE_SHARE = 0.25
"""base_lr = max_lr / 4 (paper §6)."""
_FEWEST_POINTS = 10


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
        The suggested bounds, None where the curve suggests none.
    diverged
        Whether the test ended early because the loss ran away.
    refusal
        Why the curve suggests no bounds, else empty.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    max_lr: float | None
    base_lr: float | None
    diverged: bool
    refusal: str = ""


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
    window = 2 * _reach(smoothing) + 1
    values = np.where(np.isfinite(losses), losses, np.inf)
    return tuple(float(value) for value in median_filter(values, size=window, mode="reflect"))


def _reach(smoothing: float) -> int:
    """Updates that the running median looks back and ahead."""
    return round(0.5 / (1.0 - smoothing) - 0.5 + 1e-9)


def suggest(
    rates: Sequence[float], losses: Sequence[float], *, smoothing: float, diverged: bool = False
) -> RangeTestResult:
    """Take max_lr at the minimum of the smoothed loss (the paper's rule) and base_lr = max_lr / 4.

    A curve with too few finite losses, or with its minimum at an end of the ramp or too near for the running median
    to tell, suggests nothing; the result's `refusal` says why.
    """
    smoothed = smooth(losses, smoothing)
    usable = [i for i, loss in enumerate(losses) if math.isfinite(loss) and math.isfinite(smoothed[i])]
    if len(usable) < _FEWEST_POINTS:
        refusal = f"it has {len(usable)} usable losses and {_FEWEST_POINTS} are needed"
        return RangeTestResult(tuple(rates), tuple(losses), smoothed, None, None, diverged, refusal)
    best = min(usable, key=lambda i: smoothed[i])
    reach = _reach(smoothing)  # nearer to an end than this, the median does not see both sides
    first, last = usable[0] + reach, usable[-1] - (0 if diverged else reach)
    if not first < best < last:
        side = "falls to its very end" if best > first else "only rises"
        refusal = f"its loss {side}, so no rate between {rates[0]:.1e} and {rates[-1]:.1e} is its minimum"
        return RangeTestResult(tuple(rates), tuple(losses), smoothed, None, None, diverged, refusal)
    max_lr = rates[best]
    return RangeTestResult(tuple(rates), tuple(losses), smoothed, max_lr, max_lr * BASE_SHARE, diverged)
