"""Figures of merit of each part of a split, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_shared.bundle import OperatingPoint
from cxr_trainer.evaluate.calibration import BINS, brier_score, expected_calibration_error
from cxr_trainer.evaluate.intervals import LEVEL, REPLICATES, PatientBootstrap, share
from cxr_trainer.evaluate.operating_points import choose_operating_points
from cxr_trainer.evaluate.predict import Predictions
from cxr_trainer.evaluate.ranking import areas

METHODS: Final = {
    "intervals": "percentile bootstrap over patients",
    "replicates": REPLICATES,
    "level": LEVEL,
    "all_alike": "exact binomial interval (Clopper-Pearson) of the patients, for the AUC of pairs of patients",
    "ece": f"{BINS} equal-width bins (Guo et al. 2017); its interval reaches 0 where chance explains the value",
}
"""How the figures were made, for ``metrics.json``."""


def auc(predictions: Predictions) -> float:
    """Area under the ROC curve of logits, in 0..1."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(predictions.labels, predictions.logits))


def evaluate(scored: Mapping[str, Predictions], split: pd.DataFrame) -> dict[str, Any]:
    """Operating points, chosen on validation alone, and every part's figures at them.

    Parameters
    ----------
    scored
        Predictions of train, validation and test, each in the order of its part's rows in `split`.
    split
        Films with `part` and `patient`.

    Returns
    -------
    dict
        ``operating_points`` and ``parts``, as ``metrics.json`` holds them.
    """
    validation = scored["validation"]
    points = choose_operating_points(validation.labels, validation.probabilities)
    return {
        "parts": evaluate_parts(scored, split, points=points),
        "operating_points": [point.model_dump() for point in points],
    }


def evaluate_parts(
    scored: Mapping[str, Predictions], split: pd.DataFrame, *, points: Sequence[OperatingPoint] = ()
) -> dict[str, Any]:
    """Figures of each part by its name; see `part_metrics`."""
    return {
        part: part_metrics(each, split.loc[split["part"] == part, "patient"], points=points)
        for part, each in scored.items()
    }


def part_metrics(
    predictions: Predictions, patients: npt.ArrayLike, *, points: Sequence[OperatingPoint] = ()
) -> dict[str, Any]:
    """Figures of one part; a figure that the part does not allow is null, with the reason.

    Parameters
    ----------
    predictions
        Of the part.
    patients
        (n,) patient of each film, in the same order.
    points
        Thresholds to measure at.

    Returns
    -------
    dict
        ``films``, ``patients``, ``positives``, ``prevalence``; ``accuracy`` (at 0.5, the paper's), ``auc``,
        ``auprc``, ``brier`` and ``ece`` as value, low and high; ``cross_entropy``; ``operating_points`` by name.
    """
    labels, bootstrap = predictions.labels, PatientBootstrap(patients)
    right = (predictions.logits >= 0.0) == (labels == 1.0)
    area = areas(labels, predictions.logits, bootstrap)
    return {
        "films": len(labels),
        "patients": bootstrap.patients,
        "positives": int(labels.sum()),
        "prevalence": float(labels.mean()),
        "accuracy": share(right, np.ones(len(right), dtype=bool), bootstrap).fields(),
        "auc": area.auc.fields(),
        "auprc": area.auprc.fields(),
        "brier": brier_score(labels, predictions.probabilities, bootstrap).fields(),
        "ece": expected_calibration_error(labels, predictions.probabilities, bootstrap).fields(),
        "cross_entropy": predictions.loss,
        "operating_points": {
            point.name: _at_threshold(labels == 1.0, predictions.probabilities >= point.threshold, bootstrap)
            for point in points
        },
    }


def _at_threshold(
    positive: npt.NDArray[np.bool_], called: npt.NDArray[np.bool_], bootstrap: PatientBootstrap
) -> dict[str, Any]:
    """Rates and counts of one threshold; PPV and NPV hold at the part's own prevalence only."""
    rates = {
        "sensitivity": share(called, positive, bootstrap),
        "specificity": share(~called, ~positive, bootstrap),
        "ppv": share(positive, called, bootstrap),
        "npv": share(~positive, ~called, bootstrap),
        "accuracy": share(called == positive, np.ones(len(called), dtype=bool), bootstrap),
    }
    counts = {
        "true_positives": int((positive & called).sum()),
        "false_positives": int((~positive & called).sum()),
        "false_negatives": int((positive & ~called).sum()),
        "true_negatives": int((~positive & ~called).sum()),
    }
    return {**counts, **{name: rate.fields() for name, rate in rates.items()}}
