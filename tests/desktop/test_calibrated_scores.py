"""Calibration reaches every place: probabilities are calibrated, maps stay in the model's own logits."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_desktop.batch import Reports, score_all
from cxr_desktop.inference.heatmap import colour, colour_range
from cxr_desktop.inference.providers import Wanted
from cxr_desktop.inference.toy import write_toy_bundle
from cxr_desktop.inference.verdict import Score, Scored
from cxr_desktop.intake.pool import MakePool
from cxr_desktop.ui.bundle_table import bundle_rows
from cxr_shared.bundle import Bundle, Calibration, Interval, OperatingPoint, open_bundle
from cxr_shared.findings import Target

# sigmoid(0.5 · 3 − 1) = 0.6224593; the logit at probability 0.4 is (ln(0.4 / 0.6) + 1) / 0.5 = 1.1890698.
HALVED = Calibration(method="platt", slope=0.5, offset=-1.0, films=50)


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    path = tmp_path_factory.mktemp("bundle") / "calibrated.cxr"
    write_toy_bundle(path, {Target.EFFUSION: (12.0, -8.0)}, size=64, threshold=0.4, calibration=HALVED)
    return open_bundle(path)


def test_a_score_is_the_calibrated_probability_and_its_threshold_has_a_logit() -> None:
    score = Score(Target.HERNIA, logit=3.0, threshold=0.4, calibration=HALVED)
    assert score.probability == pytest.approx(0.6224593, abs=1e-7)
    assert score.threshold_logit == pytest.approx(1.1890698, abs=1e-7)
    assert score.positive
    assert not replace(score, logit=1.18).positive
    assert replace(score, logit=1.2).positive


def test_colours_begin_at_the_operating_points_own_logit() -> None:
    low, high = colour_range(Score(Target.HERNIA, logit=0.0, threshold=0.4, calibration=HALVED, map_peak=6.0))
    assert (low, high) == (pytest.approx(1.1890698, abs=1e-7), 6.0)
    assert colour(np.array([[1.18, 1.5]], np.float32), low=low, high=high)[0, :, 3].tolist()[0] == 0
    assert colour(np.array([[1.18, 1.5]], np.float32), low=low, high=high)[0, 1, 3] > 0


@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_a_threshold_of_0_or_1_has_no_logit(threshold: float) -> None:
    score = Score(Target.HERNIA, logit=0.0, threshold=threshold, calibration=HALVED)
    assert math.isinf(score.threshold_logit)
    assert all(math.isfinite(end) for end in colour_range(score))


@given(st.floats(-30, 30), st.floats(0.01, 0.99), st.floats(0.1, 4), st.floats(-4, 4))
def test_a_film_is_positive_where_its_map_lies_above_the_colour_scales_zero(
    logit: float, threshold: float, slope: float, offset: float
) -> None:
    score = Score(Target.HERNIA, logit, threshold, Calibration(slope=slope, offset=offset))
    if abs(logit - score.threshold_logit) > 1e-6:
        assert score.positive == (logit > score.threshold_logit)


def test_triage_and_its_reports_state_logit_and_calibrated_probability(
    calibrated: Bundle, films: dict[str, Path], tmp_path: Path, warm_pools: MakePool
) -> None:
    worklist = score_all([films["bright"]], calibrated, wanted=Wanted.CPU, make_pool=warm_pools)
    (verdict,) = worklist.verdicts
    assert isinstance(verdict, Scored)
    score = verdict.scores[Target.EFFUSION]
    assert verdict.maps[Target.EFFUSION].mean() == pytest.approx(score.logit, abs=1e-4)
    expected = 1 / (1 + math.exp(1.0 - 0.5 * score.logit))
    assert score.probability == pytest.approx(expected)
    assert verdict.urgency.why == f"effusion {expected:.2f}, above the balanced point (0.40)"
    Reports(json=tmp_path / "w.json", csv=tmp_path / "w.csv").write(worklist, calibrated)
    (film,) = json.loads((tmp_path / "w.json").read_text())["films"]
    stated = film["scores"]["effusion"]
    assert (stated["logit"], stated["probability"]) == (
        pytest.approx(score.logit, abs=1e-6),
        pytest.approx(expected, abs=1e-6),
    )
    assert (stated["threshold"], stated["threshold_logit"]) == (0.4, pytest.approx(1.189070, abs=1e-6))
    with (tmp_path / "w.csv").open(newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert row["notice"] == "NOT FOR CLINICAL USE"
    assert float(row["effusion"]) == pytest.approx(expected, abs=1e-6)
    assert float(row["effusion_logit"]) == pytest.approx(score.logit, abs=1e-6)


def test_json_has_null_where_a_threshold_has_no_logit(
    tmp_path: Path, films: dict[str, Path], warm_pools: MakePool
) -> None:
    path = tmp_path / "sure.cxr"
    write_toy_bundle(path, {Target.EFFUSION: (12.0, -8.0)}, size=64, threshold=1.0)
    bundle = open_bundle(path)
    Reports(json=tmp_path / "w.json").write(
        score_all([films["bright"]], bundle, wanted=Wanted.CPU, make_pool=warm_pools), bundle
    )
    (film,) = json.loads((tmp_path / "w.json").read_text())["films"]
    assert film["scores"]["effusion"]["threshold_logit"] is None


def test_the_bundles_table_shows_calibration_points_and_gate(calibrated: Bundle) -> None:
    measured = Interval(value=0.9, low=0.8, high=0.95)
    points = [
        OperatingPoint(name=name, threshold=threshold, sensitivity=0.9, specificity=0.7, test_sensitivity=figure)
        for name, threshold, figure in (("high-sensitivity", 0.1, measured), ("balanced", 0.4, None))
    ]
    entry = calibrated.manifest.models[0].model_copy(
        update={
            "operating_points": tuple(points),
            "calibration": HALVED.model_copy(update={"ece_before": measured, "ece_after": measured}),
        }
    )
    rows = bundle_rows(replace(calibrated, manifest=calibrated.manifest.model_copy(update={"models": (entry,)})))
    assert rows[1][0] == "Effusion"
    assert rows[1][2:4] == ("platt: 0.50 · logit -1.00", "0.900 (0.800–0.950) → 0.900 (0.800–0.950)")
    assert rows[4] == ("Effusion", "high-sensitivity", "0.10", "0.90", "0.900 (0.800–0.950)", "0.70", "not measured")
    assert rows[5][1:5] == ("balanced *", "0.40", "0.90", "not measured")
    assert ("Film gate", "none: any picture is scored") in rows
