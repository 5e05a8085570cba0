"""Intervals and operating points."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from cxr_trainer.evaluate.intervals import mean_interval
from cxr_trainer.evaluate.operating_points import choose_operating_points
from cxr_trainer.evaluate.ranking import auc_interval


@settings(max_examples=15)
@given(seed=st.integers(0, 1000), ties=st.booleans())
def test_auc_is_scikit_learns_and_lies_in_its_interval(seed: int, ties: bool) -> None:
    generator = np.random.default_rng(seed)
    labels = np.r_[0, 1, generator.integers(0, 2, 60)]
    scores = labels + generator.normal(0, 1.5, 62)
    scores = np.round(scores) if ties else scores
    interval = auc_interval(labels, scores, np.arange(62))
    assert interval.value == pytest.approx(roc_auc_score(labels, scores))
    assert interval.low <= interval.value <= interval.high


def test_interval_of_independent_films_is_the_binomials() -> None:
    right = np.r_[np.ones(80), np.zeros(20)]
    interval = mean_interval(right, np.arange(100))
    half = 1.96 * np.sqrt(0.8 * 0.2 / 100)
    assert interval.value == pytest.approx(0.8)
    assert interval.high - interval.low == pytest.approx(2 * half, rel=0.1)


def test_films_of_one_patient_count_as_one() -> None:
    """Each patient's films agree, so ten films a patient bring no more certainty than one."""
    right = np.repeat(np.r_[np.ones(8), np.zeros(2)], 10)
    patients = np.repeat(np.arange(10), 10)
    clustered, independent = mean_interval(right, patients), mean_interval(right, np.arange(100))
    assert clustered.high - clustered.low > 2.5 * (independent.high - independent.low)


def test_operating_points_reach_what_they_are_named_for() -> None:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 400)
    probabilities = 1 / (1 + np.exp(-(2.5 * labels - 1.25 + generator.normal(0, 1, 400))))
    points = {point.name: point for point in choose_operating_points(labels, probabilities)}
    assert points["high-sensitivity"].sensitivity >= 0.95
    assert points["high-specificity"].specificity >= 0.95
    youden = points["balanced"].sensitivity + points["balanced"].specificity
    assert youden == pytest.approx(
        max(
            (probabilities[labels == 1] >= cut).mean() + (probabilities[labels == 0] < cut).mean()
            for cut in np.unique(probabilities)
        )
    )
    thresholds = [points[name].threshold for name in ("high-sensitivity", "balanced", "high-specificity")]
    assert thresholds == sorted(thresholds)
    assert not np.isin(thresholds, probabilities).any(), "a threshold on a score would depend on rounding"


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 20)), min_size=2, max_size=60))
def test_operating_points_are_in_order(scored: list[tuple[bool, int]]) -> None:
    labels = [int(positive) for positive, _ in scored]
    assume(0 < sum(labels) < len(labels))
    points = choose_operating_points(labels, [score / 21 for _, score in scored])
    sensitive, balanced, specific = (points[i] for i in range(3))
    assert sensitive.threshold <= balanced.threshold <= specific.threshold
    assert sensitive.sensitivity >= max(0.95, balanced.sensitivity)
    assert specific.specificity >= max(0.95, balanced.specificity)


def test_a_negative_scored_exactly_one_is_counted_against_the_specificity() -> None:
    for point in choose_operating_points([0, 0, 0, 1], [1.0, 0.2, 0.1, 0.9]):
        assert 0 <= point.threshold <= 1
        assert point.specificity <= 2 / 3


def test_separable_scores_put_every_threshold_into_the_gap() -> None:
    labels, probabilities = [0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]
    for point in choose_operating_points(labels, probabilities):
        assert point.threshold == pytest.approx(0.5)
        assert (point.sensitivity, point.specificity) == (1.0, 1.0)
