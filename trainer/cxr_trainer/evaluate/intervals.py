"""Accuracy and AUC with 95 % intervals by patient-clustered bootstrap.

Films of one patient resemble one another, so patients are drawn, not films; an interval that draws films is
too narrow (Efron & Tibshirani 1993, ch. 8; Rutter 2000 on clustered ROC data).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_shared.bundle import Interval

_RESAMPLES = 2000
_BLOCK = 100
Weights = npt.NDArray[np.float64]


def auc_interval(labels: npt.ArrayLike, scores: npt.ArrayLike, patients: npt.ArrayLike, *, seed: int = 0) -> Interval:
    """Area under the ROC curve (ties count half) with its interval; NaN-free only if both labels occur.

    Parameters
    ----------
    labels
        (n,) 0 or 1.
    scores
        (n,) any monotone score.
    patients
        (n,) identifiers; drawn with replacement.
    seed
        Of the resampling.
    """
    label = np.asarray(labels, dtype=float)
    score = np.asarray(scores, dtype=float)
    order = np.argsort(score, kind="stable")
    ranks = np.unique(score[order], return_inverse=True)[1]
    blocks = [
        _weighted_auc(weights[:, order] * label[order], weights[:, order] * (1.0 - label[order]), ranks)
        for weights in _resampled_weights(patients, seed=seed)
    ]
    point = _weighted_auc(label[order][None], 1.0 - label[order][None], ranks)[0]
    return _interval(float(point), np.concatenate(blocks))


def mean_interval(values: npt.ArrayLike, patients: npt.ArrayLike, *, seed: int = 0) -> Interval:
    """Mean of per-film values (for accuracy: 1 where right, else 0) with its interval."""
    value = np.asarray(values, dtype=float)
    blocks = [weights @ value / weights.sum(axis=1) for weights in _resampled_weights(patients, seed=seed)]
    return _interval(float(value.mean()), np.concatenate(blocks))


def _resampled_weights(patients: npt.ArrayLike, *, seed: int) -> Iterator[Weights]:
    """(block, films) weights: how often each film's patient was drawn; in blocks, to bound the memory."""
    codes, unique = pd.factorize(np.asarray(patients))
    generator = np.random.default_rng(seed)
    count = len(unique)
    for _ in range(_RESAMPLES // _BLOCK):
        drawn = generator.multinomial(count, np.full(count, 1.0 / count), size=_BLOCK)
        yield drawn[:, codes].astype(np.float64)


def _weighted_auc(positive: Weights, negative: Weights, ranks: npt.NDArray[np.int64]) -> Weights:
    """AUC of each row of weights over films sorted by score; `ranks` are equal for equal scores."""
    starts = np.flatnonzero(np.r_[True, np.diff(ranks) > 0])
    positive = np.add.reduceat(positive, starts, axis=1)
    negative = np.add.reduceat(negative, starts, axis=1)
    below = np.cumsum(negative, axis=1) - 0.5 * negative
    total = positive.sum(axis=1) * negative.sum(axis=1)
    won = (positive * below).sum(axis=1)
    auc: Weights = np.divide(won, total, out=np.full(len(won), np.nan), where=total > 0)
    return auc


def _interval(point: float, values: Weights) -> Interval:
    usable = values[np.isfinite(values)]
    low, high = np.quantile(usable, [0.025, 0.975]) if len(usable) else (point, point)
    return Interval(value=point, low=float(low), high=float(high))
