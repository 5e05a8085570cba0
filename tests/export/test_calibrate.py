from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from cxr_export import calibrate as module
from cxr_export.calibrate import (
    Fitted,
    calibrate,
    calibrated_threshold,
    fit_calibration,
    rank_calibrations,
    reliability_before_after,
    with_test_figures,
)
from cxr_export.cli import calibration
from cxr_shared.bundle import Calibration, Interval, OperatingPoint
from cxr_shared.logistic import SATURATION, sigmoid, threshold_logit
from cxr_trainer.evaluate.operating_points import choose_operating_points
from cxr_trainer.fit.run import Run

calibrations = st.builds(Calibration, slope=st.floats(0.05, 2), offset=st.floats(-5, 5))


def _films(patients: int, *, slope: float, offset: float, seed: int = 0, films: int = 2) -> pd.DataFrame:
    """Films whose true probability is ``sigmoid(slope · logit + offset)``, some in each of two parts."""
    generator = np.random.default_rng(seed)
    logit = generator.normal(0, 4, 2 * patients * films)
    label = (generator.random(len(logit)) < expit(slope * logit + offset)).astype(int)
    patient = np.arange(len(logit)) // films
    part = np.where(np.arange(len(logit)) < patients * films, "validation", "test")
    return pd.DataFrame({"patient": patient.astype(str), "part": part, "label": label, "logit": logit})


def _point(threshold: float) -> OperatingPoint:
    return OperatingPoint(name="balanced", threshold=threshold, sensitivity=0.9, specificity=0.8)


@pytest.mark.parametrize("method", ["platt", "temperature"])
def test_fits_are_those_of_scikit_learn_on_platts_targets(method: Fitted) -> None:
    films = _films(60, slope=0.4, offset=-1.0)
    logit, label = films["logit"].to_numpy(), films["label"].to_numpy()
    positives, negatives = label.sum(), (1 - label).sum()
    target = np.where(label == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    model = LogisticRegression(C=np.inf, fit_intercept=method == "platt", tol=1e-12, max_iter=10_000)
    model.fit(np.tile(logit, 2)[:, None], np.repeat([1, 0], len(logit)), sample_weight=np.r_[target, 1 - target])
    found = fit_calibration(logit, label, method)
    assert found is not None
    assert found.slope == pytest.approx(model.coef_[0, 0], rel=1e-5)
    assert found.offset == pytest.approx(model.intercept_[0] if method == "platt" else 0.0, rel=1e-5)
    assert (found.method, found.films) == (method, 240)


def test_two_logits_have_a_closed_form() -> None:
    """8 of 10 films at +2 are positive and 1 of 5 at -2: targets are 10/11 and 1/8, and each logit gets its mean."""
    logit = np.repeat([2.0, -2.0], [10, 5])
    label = np.r_[np.ones(8), np.zeros(2), np.ones(1), np.zeros(4)]
    above = (8 * 10 / 11 + 2 / 8) / 10
    below = (1 * 10 / 11 + 4 / 8) / 5
    platt = fit_calibration(logit, label, "platt")
    assert platt is not None
    assert platt.probability(2.0) == pytest.approx(above, abs=1e-8)
    assert platt.probability(-2.0) == pytest.approx(below, abs=1e-8)
    temperature = fit_calibration(logit, label, "temperature")
    assert temperature is not None
    assert temperature.probability(2.0) == pytest.approx((10 * above + 5 * (1 - below)) / 15, abs=1e-8)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0])
def test_films_that_the_logit_separates_give_a_finite_slope(scale: float) -> None:
    logit = scale * np.r_[np.linspace(1, 3, 9), np.linspace(-3, -1, 9)]
    found = fit_calibration(logit, (logit > 0).astype(int), "platt")
    assert found is not None
    assert 0.5 < found.slope * scale < 10


@pytest.mark.parametrize(
    ("logit", "label"),
    [([1.0, 1.0, 1.0], [0, 1, 1]), ([1.0, 2.0, 3.0], [1, 1, 1]), ([3.0, 2.0, -1.0, -2.0], [0, 0, 1, 1])],
    ids=["equal logits", "one class", "the wrong way round"],
)
def test_what_cannot_be_calibrated_is_not(logit: list[float], label: list[int]) -> None:
    assert fit_calibration(logit, label, "platt") is None
    assert fit_calibration(logit, label, "temperature") is None


def test_a_crooked_logit_is_put_right_and_a_straight_one_left_alone() -> None:
    crooked, points = _films(300, slope=0.3, offset=-1.5), (_point(0.5),)
    found, _ = calibrate(crooked, points)
    assert found.method == "platt"
    assert (found.slope, found.offset) == (pytest.approx(0.3, abs=0.08), pytest.approx(-1.5, abs=0.3))
    assert found.ece_before is not None
    assert found.ece_after is not None
    assert found.ece_after.high < found.ece_before.low
    straight, (kept,) = calibrate(_films(300, slope=1.0, offset=0.0), points)
    assert (straight.method, straight.films, kept.threshold) == ("none", 600, 0.5)


def test_too_hot_a_logit_gets_a_temperature() -> None:
    films = _films(100, slope=0.25, offset=0.0, seed=3)
    found = rank_calibrations(films["logit"], films["label"], films["patient"])[0]
    assert found.method == "temperature"
    assert found.slope == pytest.approx(0.25, abs=0.06)


def test_few_patients_of_a_class_calibrate_nothing() -> None:
    films = _films(200, slope=0.3, offset=-1.5)
    scarce = films[
        (films["label"] == 0) | (films["patient"].isin(films.loc[films["label"] == 1, "patient"].unique()[:9]))
    ]
    scarce = scarce[scarce["label"].eq(0) | scarce["patient"].duplicated(keep=False)]
    only = rank_calibrations(scarce["logit"], scarce["label"], scarce["patient"])
    assert [each.method for each in only] == ["none"]


@given(calibrations, st.floats(-60, 60), st.floats(-60, 60))
def test_calibration_keeps_the_order_of_films(calibration: Calibration, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert calibration.probability(low) <= calibration.probability(high)


@given(calibrations, st.floats(-20, 20))
def test_the_logit_of_a_calibrated_probability_is_the_models_own(calibration: Calibration, z: float) -> None:
    logit = (z - calibration.offset) / calibration.slope
    assert calibration.logit(calibration.probability(logit)) == pytest.approx(logit, abs=1e-4)


@given(
    st.lists(
        st.tuples(st.floats(-6, 6), st.booleans()), min_size=4, max_size=40, unique_by=lambda film: round(film[0], 4)
    ),
    calibrations,
)
def test_no_film_changes_side(films: list[tuple[float, bool]], calibration: Calibration) -> None:
    logit = np.array([film[0] for film in films])
    label = np.array([film[1] for film in films]).astype(int)
    if len(set(label)) < 2:
        label[0] = 1 - label[0]
    for point in choose_operating_points(label, expit(logit)):
        moved = calibrated_threshold(point.threshold, calibration)
        before = [sigmoid(each) >= point.threshold for each in logit.tolist()]
        assert [calibration.probability(each) >= moved for each in logit.tolist()] == before


@given(calibrations, st.floats(-30, 60))
def test_a_threshold_of_0_lets_every_film_through_and_one_of_1_those_scored_1(
    calibration: Calibration, logit: float
) -> None:
    assert calibration.probability(logit) >= calibrated_threshold(0.0, calibration) == 0.0
    moved = calibrated_threshold(1.0, calibration)
    if moved < 1.0 and abs(logit - SATURATION) > 1e-3:
        expected = sigmoid(logit) == 1.0
        assert (calibration.probability(logit) >= moved) == (expected or calibration.probability(logit) == moved)


def test_saturation_is_the_least_logit_scored_1() -> None:
    assert sigmoid(SATURATION) == 1.0
    assert sigmoid(SATURATION - 2e-12) < 1.0
    assert threshold_logit(1.0) == SATURATION
    assert threshold_logit(0.0) == -math.inf


def test_a_calibration_that_merges_films_at_a_threshold_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """At twice the slope, logits of 20 and 40 are both scored 1, and a threshold between them would be lost."""
    films = _films(20, slope=1.0, offset=0.0)
    films.loc[:1, "logit"] = [20.0, 40.0]
    steep, plain = Calibration(method="temperature", slope=2.0), Calibration()
    monkeypatch.setattr(module, "rank_calibrations", lambda *_: [steep, plain])
    found, (point,) = calibrate(films, (_point(sigmoid(30.0)),))
    assert found.method == "none"
    assert sigmoid(20.0) < point.threshold < sigmoid(40.0)
    assert calibrate(films, (_point(0.3),))[0].method == "temperature"


def test_test_figures_are_taken_from_the_metrics_where_they_have_an_interval() -> None:
    whole = {"value": 0.9, "low": 0.8, "high": 1.0}
    lacking = {"value": 1.0, "low": None, "high": None, "reason": "one patient"}
    figures = {"operating_points": {"balanced": {"sensitivity": whole, "specificity": lacking, "ppv": whole}}}
    (point,) = with_test_figures([_point(0.4)], figures)
    assert point.test_sensitivity == Interval(value=0.9, low=0.8, high=1.0)
    assert point.test_specificity is None
    assert with_test_figures([_point(0.4)], {}) == (_point(0.4),), "runs of earlier versions have no such figures"


def test_reliability_is_that_of_the_test_films_before_and_after() -> None:
    films = _films(1000, slope=0.3, offset=0.0)
    before, after = reliability_before_after(films, Calibration(method="temperature", slope=0.3))
    assert before.films.sum() == after.films.sum() == 2000
    error = [np.nansum(np.abs(each.observed - each.predicted) * each.films) / 2000 for each in (before, after)]
    assert error[1] < 0.06 < error[0]


def test_the_command_prints_points_and_reliability(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert calibration(run.folder) == 0
    printed = capsys.readouterr().out
    assert "Hernia: temperature calibration" in printed, "its labels have nothing to do with its logits"
    assert "balanced" in printed
    assert "0.4000" in printed
    assert "not measured" in printed, "the run's metrics have no figures at its points"
