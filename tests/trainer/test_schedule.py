"""Schedules against the published Keras callback's numbers and the paper's figures."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_shared.errors import UnknownName
from cxr_trainer.schedule import (
    Constant,
    Cyclical,
    Decay,
    LinearRamp,
    Ramp,
    exp_range,
    modified_triangular2,
    parse_policy,
    triangular,
    triangular2,
    turning_points,
)


def test_policies_equal_the_published_callback(golden: Path) -> None:
    numbers = json.loads((golden / "clr.json").read_text())
    bounds = {name: numbers[name] for name in ("base_lr", "max_lr", "step_size")}
    policies = {
        "triangular": triangular(**bounds),
        "triangular2": triangular2(**bounds),
        "exp_range": exp_range(**bounds, gamma=numbers["gamma"]),
    }
    assert set(numbers["rates"]) == set(policies)
    for name, schedule in policies.items():
        expected = numbers["rates"][name]
        assert len(expected) >= 60
        assert [schedule.rate(i) for i in range(len(expected))] == pytest.approx(expected, rel=1e-12)


def test_pneumothorax_peaks_of_modified_triangular2() -> None:
    """Paper, Figure 5: 42 epochs of 541 batches, step 1082."""
    schedule = modified_triangular2(base_lr=0.0075, max_lr=0.03, step_size=1082)
    peaks = [schedule.rate(1082 * (2 * cycle + 1)) for cycle in range(7)]
    assert peaks == pytest.approx([0.03, 0.01875, 0.013125, 0.03, 0.01875, 0.013125, 0.03], rel=1e-12)
    assert 42 * 541 / (2 * 1082) == 10.5


def test_pneumothorax_has_nine_triangular_cycles() -> None:
    """Paper, Figure 4: 36 epochs."""
    schedule = triangular(base_lr=0.0075, max_lr=0.03, step_size=2 * 541)
    rates = [schedule.rate(i) for i in range(36 * 541)]
    tops = [i for i, rate in enumerate(rates) if rate == pytest.approx(0.03, rel=1e-12)]
    assert tops == [1082 * (2 * cycle + 1) for cycle in range(9)]
    assert rates[0] == 0.0075


def test_keras_decay() -> None:
    schedule = Decay(0.01, 0.001)
    assert schedule.rate(0) == 0.01
    assert schedule.rate(1000) == pytest.approx(0.005)


def test_ramp_ends() -> None:
    ramp = Ramp(1e-7, 1.0, 100)
    assert ramp.rate(0) == pytest.approx(1e-7)
    assert ramp.rate(99) == pytest.approx(1.0)
    assert math.log(ramp.rate(50) / ramp.rate(49)) == pytest.approx(math.log(ramp.rate(11) / ramp.rate(10)))


@given(
    update=st.integers(0, 10**7),
    step=st.integers(1, 5000),
    base=st.floats(1e-6, 1e-2),
    factor=st.floats(1.0, 100.0),
)
def test_cyclical_rates_stay_within_their_bounds(update: int, step: int, base: float, factor: float) -> None:
    for make in (triangular, triangular2, modified_triangular2):
        schedule: Cyclical = make(base_lr=base, max_lr=base * factor, step_size=step)
        assert base * (1 - 1e-9) <= schedule.rate(update) <= base * factor * (1 + 1e-9)


def test_linear_ramp_rises_by_equal_steps_to_its_end() -> None:
    ramp = LinearRamp(1e-7, 1.0, 101)
    assert (ramp.rate(0), ramp.rate(100)) == (1e-7, pytest.approx(1.0, rel=1e-12))
    assert ramp.rate(31) - ramp.rate(30) == pytest.approx((1.0 - 1e-7) / 100, rel=1e-9)


@given(step=st.integers(1, 50), updates=st.integers(1, 400))
def test_turning_points_are_where_a_triangle_turns(step: int, updates: int) -> None:
    """Between two neighbouring turns the rate changes by the same amount at each update."""
    schedule = modified_triangular2(base_lr=0.1, max_lr=0.7, step_size=step)
    points = turning_points(schedule, updates)
    assert points[0].update == 0
    assert points[-1].update == updates - 1
    for left, right in itertools.pairwise(points):
        rates = [schedule.rate(update) for update in range(left.update, right.update + 1)]
        slope = (right.rate - left.rate) / (right.update - left.update)
        assert rates == pytest.approx([left.rate + slope * i for i in range(len(rates))])
    kinds = [point.kind for point in points if point.kind != "last"]
    assert kinds == ["base", "peak"] * (len(kinds) // 2) + ["base"] * (len(kinds) % 2)


def test_schedules_without_cycles_have_a_first_and_a_last_rate() -> None:
    points = turning_points(Decay(0.1, 0.01), 101)
    assert [(point.kind, point.update) for point in points] == [("first", 0), ("last", 100)]
    assert [point.rate for point in points] == pytest.approx([0.1, 0.05])
    assert len(turning_points(Constant(0.1), 1)) == 1


def test_policies_are_named_with_dashes_or_underscores() -> None:
    assert parse_policy("modified-triangular2") == parse_policy("Modified_Triangular2") == "modified_triangular2"
    with pytest.raises(UnknownName, match="Did you mean 'exp_range'"):
        parse_policy("exp_rang")
