"""Whether probabilities mean what they say: Brier score, expected calibration error and the reliability diagram."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from cxr_trainer.evaluate.intervals import LEVEL, Estimate, Floats, PatientBootstrap, mean, quotient, share

BINS: Final = 15
"""Equal-width bins of the probability, as in Guo et al. 2017, "On calibration of modern neural networks"."""


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """One row for each of the `BINS` bins; NaN where a bin is empty.

    Attributes
    ----------
    predicted
        (15,) mean probability.
    observed, low, high
        (15,) share of positive films, with its interval.
    films
        (15,) how many films.
    """

    predicted: Floats
    observed: Floats
    low: Floats
    high: Floats
    films: npt.NDArray[np.int64]


def brier_score(labels: npt.ArrayLike, probabilities: npt.ArrayLike, bootstrap: PatientBootstrap) -> Estimate:
    """Mean squared difference of probability (n,) and label (n,), with its interval."""
    error = np.square(np.asarray(probabilities, dtype=np.float64) - np.asarray(labels, dtype=np.float64))
    return mean(error, np.ones(len(error), dtype=bool), bootstrap)


def expected_calibration_error(
    labels: npt.ArrayLike, probabilities: npt.ArrayLike, bootstrap: PatientBootstrap
) -> Estimate:
    """Mean over films of |share of positives - mean probability| of the film's bin, with its interval.

    Chance differences add up and never cancel, so a small part has an error however well it is calibrated, and
    resamples have more; a percentile interval would never reach 0. The errors of the bins' own differences are at most
    what resamples show, so by the triangle inequality the lower end is the value less their sum's 97.5 % quantile: it
    is 0 where chance explains the value, and rather too low elsewhere. The upper end is the basic bootstrap's (Davison
    & Hinkley 1997, §5.2).

    Parameters
    ----------
    labels, probabilities
        (n,) each.
    bootstrap
        Resamples of the patients of the n films.
    """
    probability = np.asarray(probabilities, dtype=np.float64)
    gap = (np.asarray(labels, dtype=np.float64) - probability)[:, None] * _membership(probability)
    point = float(np.abs(gap.sum(axis=0)).sum() / len(probability))
    if bootstrap.patients < 2:
        return Estimate(point, None, None, "one patient")
    films = bootstrap.sums(np.ones(len(probability)))
    resampled = bootstrap.sums(gap) / films
    noise = np.abs(resampled - gap.sum(axis=0) / len(probability)).sum(axis=1)
    tail = (1.0 - LEVEL) / 2
    low = point - float(np.quantile(noise, 1.0 - tail))
    high = 2 * point - float(np.quantile(np.abs(resampled).sum(axis=1), tail))
    return Estimate(point, max(0.0, low), max(point, high))


def reliability(labels: npt.ArrayLike, probabilities: npt.ArrayLike, bootstrap: PatientBootstrap) -> Reliability:
    """Rows of the reliability diagram, for the arguments of `expected_calibration_error`."""
    label, probability = (np.asarray(each, dtype=np.float64) for each in (labels, probabilities))
    member = _membership(probability)
    films = member.sum(axis=0)
    shares = [share(label == 1.0, member[:, i] > 0, bootstrap) for i in range(BINS)]
    return Reliability(
        predicted=quotient(probability @ member, films),
        observed=quotient(label @ member, films),
        low=_numbers([each.low for each in shares]),
        high=_numbers([each.high for each in shares]),
        films=films.astype(np.int64),
    )


def _membership(probability: Floats) -> Floats:
    """(n, 15) 1 where a film lies in a bin; a probability of 1 belongs to the last."""
    number = np.minimum((probability * BINS).astype(np.int64), BINS - 1)
    member: Floats = (number[:, None] == np.arange(BINS)).astype(np.float64)
    return member


def _numbers(values: list[float | None]) -> Floats:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
