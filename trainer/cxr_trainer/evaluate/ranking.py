"""Figures of how a score ranks films: ROC and precision-recall curves, their areas, and intervals of all four.

Curves and areas follow from the weights of true and false positives, summed up from the highest score on; equal
scores enter together, so that ties count half in the ROC area.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxr_trainer.evaluate.intervals import (
    LEVEL,
    Estimate,
    Floats,
    PatientBootstrap,
    all_alike,
    percentile,
    quotient,
)

_GRID = 101


@dataclass(frozen=True, slots=True, eq=False)
class Areas:
    """Areas under both curves.

    Attributes
    ----------
    auc, auprc
        Estimates. AUPRC is the average precision, which does not interpolate (Davis & Goadrich 2006).
    resampled_auc
        (replicates,) for the difference of two scores on the same resamples; NaN where a class is missing.
    """

    auc: Estimate
    auprc: Estimate
    resampled_auc: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A curve and its pointwise 95 % band.

    Attributes
    ----------
    x, y
        (m,) the films' own curve.
    grid, low, high
        (101,) the band; NaN where resamples give none.
    """

    x: Floats
    y: Floats
    grid: Floats
    low: Floats
    high: Floats


def areas(labels: npt.ArrayLike, scores: npt.ArrayLike, bootstrap: PatientBootstrap) -> Areas:
    """AUC and average precision of `scores`, with intervals.

    An AUC of 0 or 1 has resamples that all agree, which is not certainty. As many positive as negative patients make
    that many independent pairs, each ranked alike: it gets the exact binomial interval (Clopper & Pearson 1934).

    Parameters
    ----------
    labels
        (n,) 0 or 1.
    scores
        (n,) any monotone score.
    bootstrap
        Resamples of the patients of the n films.
    """
    ranked = _Ranked.of(labels, scores)
    point = _areas(*ranked.cumulative(np.ones((1, len(ranked.order)))))
    blocks = [_areas(*ranked.cumulative(weights)) for weights in bootstrap.weights(ranked.order)]
    auc, auprc = (np.concatenate(each) for each in zip(*blocks, strict=True))
    value = float(point[0][0])
    if value in (0.0, 1.0):
        positive = np.asarray(labels, dtype=np.float64) == 1.0
        pairs = min(bootstrap.patients_with(positive), bootstrap.patients_with(~positive))
        area = all_alike(value, pairs)
    else:
        area = percentile(value, auc, bootstrap)
    return Areas(area, percentile(float(point[1][0]), auprc, bootstrap), auc)


def auc_interval(labels: npt.ArrayLike, scores: npt.ArrayLike, patients: npt.ArrayLike, *, seed: int = 0) -> Estimate:
    """Area under the ROC curve (ties count half) with its interval; see `areas`."""
    return areas(labels, scores, PatientBootstrap(patients, seed=seed)).auc


def weighted_areas(labels: npt.ArrayLike, scores: npt.ArrayLike, weights: npt.ArrayLike) -> tuple[Floats, Floats]:
    """AUC and average precision for each of several weightings of the films.

    Parameters
    ----------
    labels, scores
        (n,).
    weights
        (k, n), not negative.

    Returns
    -------
    tuple of ndarray
        (k,) each; NaN where a class has no weight.
    """
    ranked = _Ranked.of(labels, scores)
    return _areas(*ranked.cumulative(np.asarray(weights, dtype=np.float64)[:, ranked.order]))


def curves(labels: npt.ArrayLike, scores: npt.ArrayLike, bootstrap: PatientBootstrap) -> tuple[Curve, Curve]:
    """ROC curve (sensitivity over false positive rate) and precision over recall, with pointwise bands.

    Parameters
    ----------
    labels
        (n,) 0 or 1, both present.
    scores, bootstrap
        As for `areas`.
    """
    ranked, grid = _Ranked.of(labels, scores), np.linspace(0.0, 1.0, _GRID)
    roc, precision = [], []
    for weights in bootstrap.weights(ranked.order):
        for tp, fp in zip(*ranked.cumulative(weights), strict=True):
            if tp[-1] > 0 and fp[-1] > 0:
                roc.append(np.interp(grid, np.r_[0.0, fp / fp[-1]], np.r_[0.0, tp / tp[-1]]))
                precision.append(_precision_at(grid, tp, fp))
    tp, fp = (each[0] for each in ranked.cumulative(np.ones((1, len(ranked.order)))))
    found = int(np.searchsorted(tp, tp[-1])) + 1  # what follows only lowers the precision of full recall
    recall, share = tp / tp[-1], quotient(tp, tp + fp)
    return (
        Curve(np.r_[0.0, fp / fp[-1]], np.r_[0.0, recall], grid, *_band(roc)),
        Curve(np.r_[0.0, recall[:found]], np.r_[share[0], share[:found]], grid, *_band(precision)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Ranked:
    """Films from the highest score to the lowest, and where each group of equal scores ends."""

    order: npt.NDArray[np.int64]
    positive: Floats
    ends: npt.NDArray[np.int64]

    @classmethod
    def of(cls, labels: npt.ArrayLike, scores: npt.ArrayLike) -> _Ranked:
        score = np.asarray(scores, dtype=np.float64)
        order = np.argsort(-score, kind="stable")
        ends = np.flatnonzero(np.r_[np.diff(score[order]) != 0, True])
        return cls(order, np.asarray(labels, dtype=np.float64)[order], ends)

    def cumulative(self, weights: Floats) -> tuple[Floats, Floats]:
        """Weights (k, n) in this order → true and false positives (k, groups) from the highest score on."""
        every = np.cumsum(weights, axis=1)
        tp = np.cumsum(weights * self.positive, axis=1)
        if len(self.ends) < len(self.order):
            every, tp = every[:, self.ends], tp[:, self.ends]
        return tp, every - tp


def _areas(tp: Floats, fp: Floats) -> tuple[Floats, Floats]:
    """AUC (trapezoids) and average precision of each row."""
    positives, negatives = tp[:, -1], fp[:, -1]
    rise = np.diff(tp, axis=1, prepend=0.0)
    # Each positive is ranked above the negatives still to come, and ties with half of those of its own group.
    above = negatives[:, None] - fp + 0.5 * np.diff(fp, axis=1, prepend=0.0)
    auc = quotient(np.einsum("ij,ij->i", rise, above), positives * negatives)
    precision = tp / np.maximum(tp + fp, 1e-300)  # nothing rises before the first film that was drawn
    average = quotient(np.einsum("ij,ij->i", rise, precision), np.where(negatives > 0, positives, 0.0))
    return auc, average


def _precision_at(grid: Floats, tp: Floats, fp: Floats) -> Floats:
    """Precision where recall first reaches each value of `grid`; a resample without high scores starts at 0 + 0."""
    first = np.searchsorted(tp, grid * tp[-1] - 1e-9)
    first = np.maximum(first, int(np.argmax(tp > 0)))
    return np.asarray(tp[first] / (tp[first] + fp[first]))


def _band(resampled: list[Floats]) -> tuple[Floats, Floats]:
    if not resampled:
        return np.full(_GRID, np.nan), np.full(_GRID, np.nan)
    tail = (1.0 - LEVEL) / 2
    low, high = np.quantile(np.stack(resampled), [tail, 1.0 - tail], axis=0)
    return low, high
