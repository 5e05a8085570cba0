"""From logits to probabilities that mean what they say, and the operating points taken along.

Two ways are tried on the validation films, Platt's ``sigmoid(a·logit + b)`` (Platt 1999, "Probabilistic outputs for
support vector machines") and temperature scaling, ``b = 0`` (Guo et al. 2017, "On calibration of modern neural
networks"). Which is used, or neither, is decided by the cross-entropy of validation films whose patients did not fit
it: with few films a parameter may cost more than it gives. Test films decide nothing; they measure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_shared.bundle import Calibration, Interval, OperatingPoint
from cxr_shared.logistic import sigmoid, threshold_logit
from cxr_trainer.evaluate.calibration import Reliability, expected_calibration_error, reliability
from cxr_trainer.evaluate.intervals import Estimate, PatientBootstrap

Floats = npt.NDArray[np.float64]
Fitted = Literal["temperature", "platt"]

FEWEST_PATIENTS: Final = 10
"""Patients of each class among the validation films, below which nothing is fitted."""
_FOLDS: Final = 5
_METHODS: Final[tuple[Fitted, ...]] = ("temperature", "platt")
_PLAIN: Final = Calibration()


def calibrate(
    predictions: pd.DataFrame, points: Sequence[OperatingPoint]
) -> tuple[Calibration, tuple[OperatingPoint, ...]]:
    """Calibrate a model on its validation films and take its operating points along.

    Parameters
    ----------
    predictions
        A run's predictions: part, patient, label and logit of each film.
    points
        Chosen on the validation films, with thresholds on the logit's own sigmoid.

    Returns
    -------
    Calibration
        With the expected calibration error of the test films before and after.
    tuple of OperatingPoint
        With calibrated thresholds. No film of `predictions` changes side: a calibration so steep that float64 cannot
        tell films at a threshold apart is not used.
    """
    validation = predictions[predictions["part"] == "validation"]
    ranked = rank_calibrations(*_columns(validation), validation["patient"])
    logits = predictions["logit"].to_numpy(dtype=np.float64)
    chosen = next(each for each in ranked if _keeps_sides(each, points, logits))
    moved = tuple(
        point.model_copy(update={"threshold": calibrated_threshold(point.threshold, chosen)}) for point in points
    )
    return chosen.model_copy(update=_test_errors(predictions, chosen)), moved


def rank_calibrations(logits: npt.ArrayLike, labels: npt.ArrayLike, patients: npt.ArrayLike) -> list[Calibration]:
    """Order the calibrations that are worth having, the best first; the last is the logit's own sigmoid.

    The logit's own sigmoid gives way to a temperature, and that to Platt's two parameters, only where the mean
    cross-entropy, in five folds that share no patient, falls by more than one standard error (the rule of Breiman et
    al. 1984, "Classification and regression trees", §3.4.3).

    Parameters
    ----------
    logits, labels, patients
        (n,) each, of the validation films.
    """
    logit, label = np.asarray(logits, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    patient = pd.factorize(np.asarray(patients))[0]
    plain = _PLAIN.model_copy(update={"films": len(logit)})
    if min(len(np.unique(patient[label == each])) for each in (0.0, 1.0)) < FEWEST_PATIENTS:
        return [plain]
    chosen: list[Calibration] = [plain]
    loss = _cross_entropy(logit, label, plain)
    for method in _METHODS:
        fitted, held_out = fit_calibration(logit, label, method), _held_out_loss(logit, label, patient, method)
        if fitted is not None and (loss - held_out).mean() > _standard_error(loss - held_out, patient):
            chosen, loss = [fitted, *chosen], held_out
    return chosen


def fit_calibration(logits: npt.ArrayLike, labels: npt.ArrayLike, method: Fitted) -> Calibration | None:
    """Fit one kind of calibration by maximum likelihood.

    Both use Platt's smoothed targets, ``(positives + 1) / (positives + 2)`` and ``1 / (negatives + 2)``, so that
    films which the logit separates perfectly do not make the slope infinite.

    Parameters
    ----------
    logits, labels
        (n,) each.
    method
        ``platt`` fits slope and offset, ``temperature`` the slope alone.

    Returns
    -------
    Calibration or None
        None where there is no slope above 0: one class only, equal logits, or logits that rank films the wrong way.
    """
    logit, label = np.asarray(logits, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    positives = float(label.sum())
    negatives = len(label) - positives
    spread = float(logit.std())
    if not (positives and negatives and spread > 0):
        return None
    target = np.where(label == 1.0, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    scale = float(np.abs(logit).max())  # a slope near 1 for the optimiser, whatever the logits' size
    terms = np.column_stack([logit / scale, np.ones_like(logit)][: 2 if method == "platt" else 1])
    slope, *offset = _maximum_likelihood(terms, target)
    if not (np.isfinite(slope) and slope / scale > 0):
        return None
    return Calibration(method=method, slope=slope / scale, offset=offset[0] if offset else 0.0, films=len(logit))


def calibrated_threshold(threshold: float, calibration: Calibration) -> float:
    """Move a threshold on the logit's own sigmoid to where calibration moves the films at it.

    The way leads over the logit, since a probability near 1 has few places left; 0 stays 0, and 1 is the least logit
    whose sigmoid is 1.
    """
    return calibration.probability(threshold_logit(threshold))


def with_test_figures(points: Sequence[OperatingPoint], test: Mapping[str, Any]) -> tuple[OperatingPoint, ...]:
    """Add to each point what it achieved on the test films.

    Parameters
    ----------
    points
        As chosen.
    test
        The part ``test`` of a run's metrics; a figure that it lacks, or gives no interval for, stays None.
    """
    measured = test.get("operating_points", {})
    return tuple(
        point.model_copy(
            update={f"test_{rate}": _interval(measured.get(point.name, {}).get(rate)) for rate in _RATES},
        )
        for point in points
    )


def reliability_before_after(predictions: pd.DataFrame, calibration: Calibration) -> tuple[Reliability, Reliability]:
    """Rows of the test films' reliability diagram without the calibration and with it."""
    test = predictions[predictions["part"] == "test"]
    logit, label = _columns(test)
    bootstrap = PatientBootstrap(test["patient"])
    before, after = (reliability(label, _probabilities(logit, each), bootstrap) for each in (_PLAIN, calibration))
    return before, after


_RATES: Final = ("sensitivity", "specificity")


def _columns(films: pd.DataFrame) -> tuple[Floats, Floats]:
    return films["logit"].to_numpy(dtype=np.float64), films["label"].to_numpy(dtype=np.float64)


def _maximum_likelihood(terms: Floats, target: Floats) -> list[float]:
    """Coefficients (k,) of the logistic regression of `target` (n,), in 0..1, on `terms` (n, k)."""
    from scipy.optimize import minimize
    from scipy.special import expit

    def loss(beta: Floats) -> float:
        z = terms @ beta
        return float(np.mean(np.logaddexp(0.0, z) - target * z))

    def gradient(beta: Floats) -> Floats:
        slope: Floats = terms.T @ (expit(terms @ beta) - target) / len(target)
        return slope

    def curvature(beta: Floats) -> Floats:
        p = expit(terms @ beta)
        hessian: Floats = (terms * (p * (1 - p))[:, None]).T @ terms / len(target)
        return hessian

    start = np.zeros(terms.shape[1])
    found = minimize(loss, start, method="trust-exact", jac=gradient, hess=curvature, options={"gtol": 1e-10})
    return [float(each) for each in found.x]


def _held_out_loss(logit: Floats, label: Floats, patient: npt.NDArray[np.int64], method: Fitted) -> Floats:
    """(n,) each film's cross-entropy when films of other patients calibrate it."""
    from sklearn.model_selection import StratifiedGroupKFold

    loss = np.empty_like(logit)
    for kept, left in StratifiedGroupKFold(n_splits=_FOLDS).split(logit, label, patient):
        part = fit_calibration(logit[kept], label[kept], method) or _PLAIN
        loss[left] = _cross_entropy(logit[left], label[left], part)
    return loss


def _standard_error(values: Floats, patient: npt.NDArray[np.int64]) -> float:
    """Standard error of the mean of values whose patients, not films, are independent."""
    sums = np.bincount(patient, weights=values - values.mean())
    return float(np.sqrt(np.square(sums).sum()) / len(values))


def _cross_entropy(logit: Floats, label: Floats, calibration: Calibration) -> Floats:
    z = calibration.slope * logit + calibration.offset
    loss: Floats = np.logaddexp(0.0, z) - label * z
    return loss


def _probabilities(logit: Floats, calibration: Calibration) -> Floats:
    from scipy.special import expit

    probability: Floats = expit(calibration.slope * logit + calibration.offset)
    return probability


def _keeps_sides(calibration: Calibration, points: Sequence[OperatingPoint], logits: Floats) -> bool:
    """Whether each film is on the same side of each threshold as on the logit's own sigmoid."""
    moved = [(point.threshold, calibrated_threshold(point.threshold, calibration)) for point in points]
    return all(
        (sigmoid(logit) >= plain) == (calibration.probability(logit) >= threshold)
        for plain, threshold in moved
        for logit in logits.tolist()
    )


def _test_errors(predictions: pd.DataFrame, calibration: Calibration) -> dict[str, Interval | None]:
    test = predictions[predictions["part"] == "test"]
    if test.empty:
        return {}
    logit, label = _columns(test)
    bootstrap = PatientBootstrap(test["patient"])
    before, after = (
        expected_calibration_error(label, _probabilities(logit, each), bootstrap) for each in (_PLAIN, calibration)
    )
    return {"ece_before": _estimate(before), "ece_after": _estimate(after)}


def _estimate(estimate: Estimate) -> Interval | None:
    return _interval(estimate.fields())


def _interval(fields: Mapping[str, Any] | None) -> Interval | None:
    """An interval from a figure of a run's metrics; None where it has no value or no ends."""
    if not fields or None in (fields.get("value"), fields.get("low"), fields.get("high")):
        return None
    return Interval(value=fields["value"], low=fields["low"], high=fields["high"])


__all__ = [
    "FEWEST_PATIENTS",
    "calibrate",
    "calibrated_threshold",
    "fit_calibration",
    "rank_calibrations",
    "reliability_before_after",
    "with_test_figures",
]
