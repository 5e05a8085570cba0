"""Figures of merit of one part of a split."""

from __future__ import annotations

from typing import Any

import pandas as pd
from sklearn.metrics import roc_auc_score

from cxr_shared.bundle import Interval
from cxr_trainer.evaluate.intervals import auc_interval, mean_interval
from cxr_trainer.evaluate.predict import Predictions


def auc(predictions: Predictions) -> float:
    """Area under the ROC curve of logits, in 0..1."""
    return float(roc_auc_score(predictions.labels, predictions.logits))


def part_metrics(predictions: Predictions, patients: pd.Series[str]) -> dict[str, Any]:
    """Accuracy (at 0.5, the paper's) and AUC with 95 % intervals, cross-entropy, and how many films and patients.

    Parameters
    ----------
    predictions
        Of the part.
    patients
        (n,) patient of each film, in the same order.
    """
    right = (predictions.logits >= 0.0) == (predictions.labels == 1.0)
    return {
        "films": len(right),
        "patients": int(patients.nunique()),
        "positives": int(predictions.labels.sum()),
        "accuracy": _fields(mean_interval(right, patients)),
        "auc": _fields(auc_interval(predictions.labels, predictions.logits, patients)),
        "cross_entropy": predictions.loss,
    }


def _fields(interval: Interval) -> dict[str, float]:
    return {"value": interval.value, "low": interval.low, "high": interval.high}
