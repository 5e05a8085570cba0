"""Figures of merit against scikit-learn; intervals; what permuted test labels must not change."""

from __future__ import annotations

import json
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    precision_score,
    recall_score,
    roc_auc_score,
)

from cxr_trainer.evaluate.calibration import BINS, expected_calibration_error, reliability
from cxr_trainer.evaluate.intervals import PatientBootstrap
from cxr_trainer.evaluate.metrics import evaluate, part_metrics
from cxr_trainer.evaluate.operating_points import choose_operating_points
from cxr_trainer.evaluate.predict import Predictions
from cxr_trainer.evaluate.ranking import areas, curves, weighted_areas

ALL = ("accuracy", "auc", "auprc", "brier", "ece")


def _part(seed: int, films: int = 120, *, ties: bool = False) -> tuple[Predictions, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = np.r_[0, 1, generator.integers(0, 2, films - 2)].astype(float)
    logits = 1.6 * labels - 0.8 + generator.normal(0, 1.2, films)
    return Predictions(np.round(logits) if ties else logits, labels), generator.integers(0, films // 2, films)


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), ties=st.booleans())
def test_areas_of_weighted_films_are_scikit_learns(seed: int, ties: bool) -> None:
    part, _ = _part(seed, 60, ties=ties)
    weights = np.random.default_rng(seed).integers(0, 4, (3, 60)).astype(float)
    weights[:, :2] = 1.0  # both classes
    auc, average = weighted_areas(part.labels, part.logits, weights)
    for row, one, other in zip(weights, auc, average, strict=True):
        assert one == pytest.approx(roc_auc_score(part.labels, part.logits, sample_weight=row))
        assert other == pytest.approx(average_precision_score(part.labels, part.logits, sample_weight=row))


@pytest.mark.parametrize("ties", [False, True])
def test_every_figure_is_scikit_learns(ties: bool) -> None:
    part, patients = _part(3, ties=ties)
    validation, _ = _part(4)
    points = choose_operating_points(validation.labels, validation.probabilities)
    found = part_metrics(part, patients, points=points)
    probability, called = part.probabilities, part.logits >= 0
    share, predicted = calibration_curve(part.labels, probability, n_bins=BINS, strategy="uniform")
    films = np.histogram(probability, BINS, (0, 1))[0]
    expected = {
        "accuracy": accuracy_score(part.labels, called),
        "auc": roc_auc_score(part.labels, part.logits),
        "auprc": average_precision_score(part.labels, part.logits),
        "brier": brier_score_loss(part.labels, probability),
        "ece": np.average(np.abs(share - predicted), weights=films[films > 0]),
    }
    assert {name: found[name]["value"] for name in ALL} == pytest.approx(expected)
    for point in points:
        positive, rates = probability >= point.threshold, found["operating_points"][point.name]
        assert rates["sensitivity"]["value"] == pytest.approx(recall_score(part.labels, positive))
        assert rates["specificity"]["value"] == pytest.approx(recall_score(part.labels, positive, pos_label=0))
        assert rates["ppv"]["value"] == pytest.approx(precision_score(part.labels, positive))
        assert rates["npv"]["value"] == pytest.approx(precision_score(part.labels, positive, pos_label=0))
    assert found["prevalence"] == pytest.approx(part.labels.mean())


def test_intervals_are_those_of_a_bootstrap_written_out() -> None:
    """Patients drawn one by one, their films put together, and scikit-learn asked each time."""
    part, patients = _part(5, 200)
    found = part_metrics(part, patients)
    generator, ids = np.random.default_rng(9), np.unique(patients)
    films = {patient: np.flatnonzero(patients == patient) for patient in ids}
    auc, average = [], []
    for _ in range(600):
        rows = np.concatenate([films[patient] for patient in generator.choice(ids, len(ids))])
        auc.append(roc_auc_score(part.labels[rows], part.logits[rows]))
        average.append(average_precision_score(part.labels[rows], part.logits[rows]))
    for name, values in (("auc", auc), ("auprc", average)):
        low, high = np.quantile(values, [0.025, 0.975])
        assert (found[name]["low"], found[name]["high"]) == pytest.approx((low, high), abs=0.15 * (high - low))


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000))
def test_permuted_test_labels_change_no_threshold(seed: int) -> None:
    parts = {name: _part(seed + i, 60) for i, name in enumerate(("train", "validation", "test"))}
    split = pd.concat([pd.DataFrame({"part": name, "patient": ids}) for name, (_, ids) in parts.items()])
    scored = {name: each for name, (each, _) in parts.items()}
    before = evaluate(scored, split)
    shuffled = np.random.default_rng(seed).permutation(scored["test"].labels)
    after = evaluate({**scored, "test": Predictions(scored["test"].logits, shuffled)}, split)
    assert after["operating_points"] == before["operating_points"]
    assert after["parts"]["validation"] == before["parts"]["validation"]


def _has_no_nan(found: dict) -> bool:
    return bool(json.dumps(found, allow_nan=False))


def test_a_part_of_one_class_says_what_it_cannot_measure() -> None:
    points = choose_operating_points([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9])
    found = part_metrics(Predictions(np.array([1.0, -1.0, 2.0]), np.ones(3)), ["a", "b", "c"], points=points)
    for name in ("auc", "auprc"):
        assert found[name] == {
            "value": None, "low": None, "high": None, "reason": "films of both classes are needed"
        }  # fmt: skip
    balanced = found["operating_points"]["balanced"]
    assert balanced["specificity"]["value"] is None
    assert balanced["specificity"]["reason"] == "no film to measure it on"
    assert balanced["sensitivity"]["value"] == pytest.approx(2 / 3)
    assert _has_no_nan(found)


def test_one_patient_gives_values_without_intervals() -> None:
    found = part_metrics(Predictions(np.array([2.0, -1.0, 0.5, -0.3]), np.array([1.0, 0, 0, 1])), ["a"] * 4)
    for name in ("auc", "auprc", "brier", "ece"):
        assert found[name]["value"] is not None
        assert (found[name]["low"], found[name]["high"]) == (None, None)
        assert found[name]["reason"] == "one patient"
    assert _has_no_nan(found)


def test_a_perfect_score_is_not_certain() -> None:
    """Ten patients of ten films each, all rightly called: at best ten independent trials (rule of three: 0.69)."""
    labels = np.repeat(np.arange(20) % 2, 10).astype(float)
    found = part_metrics(Predictions(8 * labels - 4, labels), np.repeat(np.arange(20), 10))
    assert found["auc"]["value"] == 1.0
    assert found["auc"]["low"] == pytest.approx(0.025 ** (1 / 10))
    assert found["accuracy"]["low"] == pytest.approx(0.025 ** (1 / 20))
    assert found["auprc"] == {"value": 1.0, "low": None, "high": None, "reason": "all resamples agree"}


def test_calibration_error_of_calibrated_probabilities_is_not_told_from_none() -> None:
    """Its value is always above 0; its interval knows that chance alone explains it."""
    covered = 0
    for seed in range(40):
        generator = np.random.default_rng(seed)
        probability = generator.uniform(0, 1, 400)
        labels = (generator.uniform(0, 1, 400) < probability).astype(float)
        found = expected_calibration_error(labels, probability, PatientBootstrap(np.arange(400), replicates=300))
        covered += found.low == 0.0
        assert found.value is not None
        assert 0 < found.value <= found.high
    assert covered >= 36


@pytest.mark.parametrize("excess", [0.05, 0.3])
def test_calibration_error_of_overconfident_probabilities_is_covered(excess: float) -> None:
    """Positives are rarer by `excess` than every probability says, so the true error is `excess`."""
    covered = 0
    for seed in range(40):
        generator = np.random.default_rng(seed)
        probability = generator.uniform(0.35, 1, 600)
        labels = (generator.uniform(0, 1, 600) < probability - excess).astype(float)
        found = expected_calibration_error(labels, probability, PatientBootstrap(np.arange(600), replicates=300))
        covered += found.low <= excess <= found.high
    assert covered >= 36


def test_reliability_rows_count_every_film() -> None:
    part, patients = _part(1, 150)
    rows = reliability(part.labels, part.probabilities, PatientBootstrap(patients))
    assert rows.films.sum() == 150
    filled = rows.films > 0
    assert (rows.low[filled] <= rows.observed[filled]).all()
    assert (rows.observed[filled] <= rows.high[filled]).all()
    edges = np.arange(BINS) / BINS
    assert ((rows.predicted >= edges) & (rows.predicted <= edges + 1 / BINS))[filled].all()


def test_curves_enclose_their_areas() -> None:
    part, patients = _part(2, 300)
    bootstrap = PatientBootstrap(patients)
    roc, recall = curves(part.labels, part.logits, bootstrap)
    area = areas(part.labels, part.logits, bootstrap)
    assert np.trapezoid(roc.y, roc.x) == pytest.approx(area.auc.value)
    assert np.sum(np.diff(recall.x) * recall.y[1:]) == pytest.approx(area.auprc.value)
    inside = np.interp(roc.grid, roc.x, roc.y)
    assert (roc.low[1:-1] <= inside[1:-1] + 1e-9).all()
    assert (inside[1:-1] <= roc.high[1:-1] + 1e-9).all()


def test_two_thousand_resamples_of_five_thousand_films_take_seconds() -> None:
    part, _ = _part(0, 5000)
    patients = np.random.default_rng(1).integers(0, 2000, 5000)
    began = time.process_time()
    part_metrics(part, patients, points=choose_operating_points(part.labels, part.probabilities))
    assert time.process_time() - began < 10, "measured at 0.8 s; a loop over resamples takes minutes"
