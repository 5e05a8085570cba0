"""The range test's judgement of a curve."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_trainer.range_test import LossSmoother, smooth, suggest
from cxr_trainer.schedule import Ramp

RATES = [Ramp(1e-7, 1.0, 141).rate(i) for i in range(141)]


def _valley(at: float) -> list[float]:
    return [0.5 + 0.05 * (math.log10(rate) - math.log10(at)) ** 2 for rate in RATES]


def test_minimum_and_a_quarter_of_it() -> None:
    result = suggest(RATES, _valley(3e-2), smoothing=0.0)
    assert result.max_lr == pytest.approx(3e-2, rel=0.1)
    assert result.max_lr is not None
    assert result.base_lr == result.max_lr / 4
    assert result.refusal == ""


@given(at=st.floats(1e-5, 1e-1))
def test_the_minimum_is_found_wherever_it_lies(at: float) -> None:
    result = suggest(RATES, _valley(at), smoothing=0.0)
    assert result.max_lr is not None
    assert math.log10(result.max_lr) == pytest.approx(math.log10(at), abs=0.06)


def test_survives_nan() -> None:
    losses = _valley(1e-2)
    losses[3] = losses[40] = math.nan
    losses[-4:] = [math.inf] * 4
    assert suggest(RATES, losses, smoothing=0.0, diverged=True).max_lr == pytest.approx(1e-2, rel=0.1)


@pytest.mark.parametrize(("losses", "word"), [(list(range(141)), "only rises"), (list(range(141, 0, -1)), "very end")])
def test_a_curve_without_minimum_suggests_nothing_and_says_why(losses: list[float], word: str) -> None:
    result = suggest(RATES, losses, smoothing=0.9)
    assert (result.max_lr, result.base_lr) == (None, None)
    assert word in result.refusal


def test_too_few_losses_suggest_nothing() -> None:
    assert "3 usable losses" in suggest(RATES[:5], [1.0, math.nan, 0.5, math.nan, 0.7], smoothing=0.0).refusal


@pytest.mark.parametrize("updates", [100, 541])
def test_smoothing_does_not_move_the_minimum(updates: int) -> None:
    """A running mean from one side alone finds it up to four times too high on 100 updates."""
    rates = [Ramp(1e-7, 1.0, updates).rate(i) for i in range(updates)]
    losses = [0.5 + 0.05 * (math.log10(rate) + 2.0) ** 2 for rate in rates]
    found = suggest(rates, losses, smoothing=0.9).max_lr
    assert found is not None
    assert 0.6e-2 < found < 1.7e-2


def test_smoothing_is_symmetric() -> None:
    losses = [3.0, 1.0, 2.0, 5.0, 4.0]
    assert smooth(losses, 0.9) == pytest.approx(smooth(losses[::-1], 0.9)[::-1])


def test_smoothing_is_bias_corrected() -> None:
    smoother = LossSmoother(0.9)
    assert smoother.add(2.0) == pytest.approx(2.0)
    assert smoother.add(2.0) == pytest.approx(2.0)
    # (0.9·0.1·2 + 0.9·0.1·2 ... ) by hand: weights 0.081, 0.09, 0.1 on 2, 2, 5
    assert smoother.add(5.0) == pytest.approx((0.081 * 2 + 0.09 * 2 + 0.1 * 5) / 0.271)
    assert math.isnan(LossSmoother(0.9).add(math.nan))


def test_steep_divergence_does_not_reach_back_into_the_valley() -> None:
    losses = [value if rate < 0.05 else 50.0 for value, rate in zip(_valley(1e-2), RATES, strict=True)]
    found = suggest(RATES, losses, smoothing=0.9, diverged=True).max_lr
    assert found is not None
    assert 0.5e-2 < found < 2e-2


@pytest.mark.parametrize("place", [0, -1])
def test_one_low_loss_at_an_end_is_no_minimum(place: int) -> None:
    losses = _valley(1e-3)
    losses[place] = 0.0
    assert suggest(RATES, losses, smoothing=0.9).max_lr == pytest.approx(1e-3, rel=0.5)
