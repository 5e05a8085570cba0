"""Figures over seeds, and differences between choices with their uncertainty, paired by seed and by film."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxr_trainer.evaluate.intervals import mean_interval

_NORMAL = 1.96


@dataclass(frozen=True, slots=True)
class Summary:
    """A measure over seeds: mean, standard deviation (NaN for one), range, and how many seeds have no value.

    All are NaN where no seed has one.
    """

    mean: float
    sd: float
    min: float
    max: float
    count: int
    absent: int


@dataclass(frozen=True, slots=True)
class Difference:
    """Mean difference of two shares with its 95 % interval within −1 to 1, and the difference of each seed.

    `covers` says of what the interval is: seeds and test patients, or patients alone.
    """

    value: float
    low: float
    high: float
    by_seed: tuple[float, ...]
    covers: str


def summarise(values: Sequence[float]) -> Summary:
    """Mean, spread and range of the values that are numbers."""
    known = [value for value in values if not math.isnan(value)]
    absent = len(values) - len(known)
    if not known:
        return Summary(math.nan, math.nan, math.nan, math.nan, 0, absent)
    sd = float(np.std(known, ddof=1)) if len(known) > 1 else math.nan
    return Summary(float(np.mean(known)), sd, min(known), max(known), len(known), absent)


def epochs_to_reach(values: Sequence[float], level: float) -> float:
    """The first epoch (from 1) whose value is `level` or more; NaN: never."""
    return next((float(epoch) for epoch, value in enumerate(values, 1) if value >= level), math.nan)


def film_difference(
    first: Sequence[npt.NDArray[np.bool_]], second: Sequence[npt.NDArray[np.bool_]], patients: npt.ArrayLike
) -> Difference:
    """Difference of two accuracies, with an interval over training seeds and test patients.

    The variance is that of the seeds' differences plus that of a bootstrap over patients of the differences' mean
    over seeds; the chance that films and seeds share is in both, so the interval is a little too wide rather than
    too narrow. Degrees of freedom: Satterthwaite 1946. For one seed the interval is over patients alone.

    Parameters
    ----------
    first, second
        For each seed, (films,) whether each test film is answered rightly.
    patients
        (films,) whose film it is.
    """
    films = np.stack(first).astype(float) - np.stack(second).astype(float)
    by_seed = films.mean(axis=1)
    over_patients = mean_interval(films.mean(axis=0), patients)
    groups = len(np.unique(np.asarray(patients)))
    parts = [(((over_patients.high - over_patients.low) / (2 * _NORMAL)) ** 2, max(1, groups - 1))]
    if len(by_seed) > 1:
        parts.append((float(by_seed.var(ddof=1)) / len(by_seed), len(by_seed) - 1))
    half = _half_width(parts)
    mean = float(by_seed.mean())
    covers = "seeds and test patients" if len(by_seed) > 1 else "test patients"
    return Difference(mean, max(-1.0, mean - half), min(1.0, mean + half), tuple(map(float, by_seed)), covers)


def _half_width(parts: Sequence[tuple[float, int]]) -> float:
    """Half a 95 % interval from independent (variance, degrees of freedom)."""
    variance = sum(part for part, _ in parts)
    if variance == 0.0:
        return 0.0
    from scipy import stats

    freedom = variance**2 / sum(part**2 / degrees for part, degrees in parts)
    return float(stats.t.ppf(0.975, freedom) * math.sqrt(variance))


def sign_test(wins: int, losses: int) -> float:
    """Two-sided p of `wins` against `losses`, ties left out; 1 where there are neither."""
    if wins + losses == 0:
        return 1.0
    from scipy import stats

    return float(stats.binomtest(wins, wins + losses, 0.5).pvalue)
