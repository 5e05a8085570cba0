"""The learning-rate finder: from losses at rising rates to the bounds of the CLR stage (paper §6).

This module judges a curve; `cxr_trainer.fit.stages` runs it on a copy of the model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cxr_trainer.errors import RangeTestError

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
        Bias-corrected running mean of the finite losses, NaN where none has come yet.
    max_lr, base_lr
        The suggested bounds.
    diverged
        Whether the test ended early because the loss ran away.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    max_lr: float
    base_lr: float
    diverged: bool


class LossSmoother:
    """Exponential running mean with bias correction, as Adam corrects its moments; skips non-finite values."""

    def __init__(self, smoothing: float) -> None:
        self._smoothing = smoothing
        self._mean = 0.0
        self._weight = 0.0
        self.best = math.inf

    def add(self, loss: float) -> float:
        """Take one loss in and return the smoothed value (NaN before the first finite one)."""
        if math.isfinite(loss):
            self._mean = self._smoothing * self._mean + (1.0 - self._smoothing) * loss
            self._weight = self._smoothing * self._weight + (1.0 - self._smoothing)
        if self._weight == 0.0:
            return math.nan
        value = self._mean / self._weight
        self.best = min(self.best, value)
        return value


def suggest(
    rates: Sequence[float], losses: Sequence[float], *, smoothing: float, diverged: bool = False
) -> RangeTestResult:
    """Take max_lr at the minimum of the smoothed loss (the paper's rule) and base_lr = max_lr / 4.

    Raises
    ------
    RangeTestError
        Too few finite losses, or the minimum lies at an end of the ramp, so that there is none within it.
    """
    smoother = LossSmoother(smoothing)
    smoothed = tuple(smoother.add(loss) for loss in losses)
    usable = [i for i, loss in enumerate(losses) if math.isfinite(loss) and math.isfinite(smoothed[i])]
    if len(usable) < _FEWEST_POINTS:
        raise RangeTestError(
            f"The range test has {len(usable)} usable losses; {_FEWEST_POINTS} are needed. "
            "Raise range_test.epochs, or give clr.max_lr."
        )
    best = min(usable, key=lambda i: smoothed[i])
    if best in (usable[0], usable[-1]) and not (diverged and best == usable[-1]):
        side = "falls to its very end" if best == usable[-1] else "only rises"
        other = "Raise range_test.end" if best == usable[-1] else "Lower range_test.start"
        raise RangeTestError(
            f"The range test's loss {side}, so no rate between {rates[0]:.1e} and {rates[-1]:.1e} is its minimum. "
            f"{other}, or give clr.max_lr."
        )
    max_lr = rates[best]
    return RangeTestResult(tuple(rates), tuple(losses), smoothed, max_lr, max_lr * BASE_SHARE, diverged)
