"""95 % intervals by a bootstrap that draws patients.

Films of one patient resemble one another, so patients are drawn, not films; an interval that draws films is
too narrow (Efron & Tibshirani 1993, ch. 8; Rutter 2000 on clustered ROC data). A resample only weights the films, so
they are sorted once and every figure of every resample follows from sums of weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_shared.bundle import Interval

REPLICATES: Final = 2000
"""Resamples behind each interval."""
LEVEL: Final = 0.95
"""Coverage of the intervals."""
_ELEMENTS = 400_000
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval; None where there is none, and then `reason` says why."""

    value: float | None
    low: float | None
    high: float | None
    reason: str = ""

    def fields(self) -> dict[str, Any]:
        """Value, low and high, and the reason where there is one, for JSON."""
        fields: dict[str, Any] = {"value": self.value, "low": self.low, "high": self.high}
        return fields | ({"reason": self.reason} if self.reason else {})


class PatientBootstrap:
    """Resamples of the patients of some films, drawn once: figures of the same resamples may be compared.

    Parameters
    ----------
    patients
        (n,) identifier of each film's patient, at least one.
    seed
        Of the resampling.
    replicates
        How many resamples.

    Attributes
    ----------
    patients
        How many patients there are.
    replicates
        As given.
    """

    def __init__(self, patients: npt.ArrayLike, *, seed: int = 0, replicates: int = REPLICATES) -> None:
        self._codes, unique = pd.factorize(np.asarray(patients))
        self.patients, self.replicates = len(unique), replicates
        self._drawn = _draw(self.patients, replicates, np.random.default_rng(seed))

    def weights(self, films: npt.NDArray[np.int64]) -> Iterator[Floats]:
        """(block, n) how often each of `films` was drawn, in blocks of resamples that bound the memory."""
        codes, step = self._codes[films], max(1, _ELEMENTS // max(1, len(films)))
        for start in range(0, self.replicates, step):
            yield self._drawn[start : start + step].take(codes, axis=1).astype(np.float64)

    def sums(self, values: npt.ArrayLike) -> Floats:
        """Sum over the films of each resample.

        Parameters
        ----------
        values
            (n, k) or (n,), k being 1 then.

        Returns
        -------
        ndarray
            (replicates, k).
        """
        columns = np.asarray(values, dtype=np.float64).reshape(len(self._codes), -1).T
        per_patient = np.stack([np.bincount(self._codes, weights=each, minlength=self.patients) for each in columns])
        step = max(1, 10 * _ELEMENTS // self.patients)
        blocks = [
            self._drawn[start : start + step].astype(np.float64) @ per_patient.T
            for start in range(0, self.replicates, step)
        ]
        return np.concatenate(blocks)

    def patients_with(self, films: npt.NDArray[np.bool_]) -> int:
        """How many patients have a film among `films`, (n,)."""
        return len(np.unique(self._codes[films]))


def mean_interval(values: npt.ArrayLike, patients: npt.ArrayLike, *, seed: int = 0) -> Interval:
    """Mean of per-film values with its interval, of no width where every resample agrees.

    Parameters
    ----------
    values
        (n,) at least one.
    patients
        (n,) identifiers.
    seed
        Of the resampling.
    """
    value = np.asarray(values, dtype=np.float64)
    found = mean(value, np.ones(len(value), dtype=bool), PatientBootstrap(patients, seed=seed))
    point = float(value.mean())
    return Interval(
        value=point, low=point if found.low is None else found.low, high=point if found.high is None else found.high
    )


def mean(values: npt.ArrayLike, among: npt.NDArray[np.bool_], bootstrap: PatientBootstrap) -> Estimate:
    """Mean of `values` over the films `among`, with its interval.

    Parameters
    ----------
    values
        (n,).
    among
        (n,) the films that count.
    bootstrap
        Resamples of the patients of the n films.
    """
    value = np.asarray(values, dtype=np.float64)
    if not among.any():
        return Estimate(None, None, None, "no film to measure it on")
    sums = bootstrap.sums(np.column_stack([np.where(among, value, 0.0), among]))
    return percentile(float(value[among].mean()), quotient(sums[:, 0], sums[:, 1]), bootstrap)


def share(films: npt.NDArray[np.bool_], among: npt.NDArray[np.bool_], bootstrap: PatientBootstrap) -> Estimate:
    """Share of `films` among the films `among`, (n,) both, with its interval.

    Where all films agree, so do all resamples, which is not certainty: such a share gets the exact binomial interval
    (Clopper & Pearson 1934), each patient counted once.
    """
    point = float(films[among].mean()) if among.any() else np.nan
    if point in (0.0, 1.0):
        return all_alike(point, bootstrap.patients_with(among))
    return mean(films, among, bootstrap)


def all_alike(point: float, trials: int) -> Estimate:
    """Exact binomial interval of a share, 0 or 1, on which all of `trials` independent trials agree."""
    from scipy.stats import binomtest

    exact = binomtest(trials if point else 0, trials).proportion_ci(LEVEL, method="exact")
    return Estimate(point, float(exact.low), float(exact.high))


def percentile(point: float, resampled: Floats, bootstrap: PatientBootstrap) -> Estimate:
    """Percentile interval from a figure's resampled values, (replicates,); NaN where a resample has none."""
    if not np.isfinite(point):
        return Estimate(None, None, None, "films of both classes are needed")
    if bootstrap.patients < 2:
        return Estimate(point, None, None, "one patient")
    usable = resampled[np.isfinite(resampled)]
    if len(usable) and (usable == point).all():
        return Estimate(point, None, None, "all resamples agree")
    if len(usable) < len(resampled) / 2:
        return Estimate(point, None, None, "too few patients: most resamples lack a class")
    tail = (1.0 - LEVEL) / 2
    low, high = np.quantile(usable, [tail, 1.0 - tail])
    return Estimate(point, float(low), float(high))


def quotient(numerator: Floats, denominator: Floats) -> Floats:
    """Element by element; NaN where the denominator is 0."""
    result: Floats = np.divide(numerator, denominator, out=np.full(numerator.shape, np.nan), where=denominator > 0)
    return result


def _draw(patients: int, replicates: int, generator: np.random.Generator) -> npt.NDArray[np.int16]:
    """(replicates, patients) how often each patient was drawn."""
    drawn = np.empty((replicates, patients), dtype=np.int16)
    step = max(1, _ELEMENTS // patients)
    for start in range(0, replicates, step):
        block = min(step, replicates - start)
        picks = generator.integers(0, patients, size=(block, patients)) + np.arange(block)[:, None] * patients
        counts = np.bincount(picks.ravel(), minlength=block * patients)
        drawn[start : start + block] = counts.reshape(block, patients)
    return drawn
