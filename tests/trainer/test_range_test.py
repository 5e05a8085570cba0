"""The range test's judgement of a curve."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_trainer.errors import RangeTestError
from cxr_trainer.range_test import LossSmoother, suggest
from cxr_trainer.schedule import Ramp

RATES = [Ramp(1e-7, 1.0, 141).rate(i) for i in range(141)]


def _valley(at: float) -> list[float]:
    return [0.5 + 0.05 * (math.log10(rate) - math.log10(at)) ** 2 for rate in RATES]


def test_minimum_and_a_quarter_of_it() -> None:
    result = suggest(RATES, _valley(3e-2), smoothing=0.0)
    assert result.max_lr == pytest.approx(3e-2, rel=0.1)
    assert result.base_lr == result.max_lr / 4


@given(at=st.floats(1e-5, 1e-1))
def test_the_minimum_is_found_wherever_it_lies(at: float) -> None:
    result = suggest(RATES, _valley(at), smoothing=0.0)
    assert math.log10(result.max_lr) == pytest.approx(math.log10(at), abs=0.06)


def test_survives_nan() -> None:
    losses = _valley(1e-2)
    losses[3] = losses[40] = math.nan
    losses[-4:] = [math.inf] * 4
    assert suggest(RATES, losses, smoothing=0.0, diverged=True).max_lr == pytest.approx(1e-2, rel=0.1)


@pytest.mark.parametrize(("losses", "word"), [(list(range(141)), "only rises"), (list(range(141, 0, -1)), "very end")])
def test_refuses_a_curve_without_minimum(losses: list[float], word: str) -> None:
    with pytest.raises(RangeTestError, match=word):
        suggest(RATES, losses, smoothing=0.0)


def test_refuses_too_few_losses() -> None:
    with pytest.raises(RangeTestError, match="3 usable losses"):
        suggest(RATES[:5], [1.0, math.nan, 0.5, math.nan, 0.7], smoothing=0.0)


def test_smoothing_is_bias_corrected() -> None:
    smoother = LossSmoother(0.9)
    assert smoother.add(2.0) == pytest.approx(2.0)
    assert smoother.add(2.0) == pytest.approx(2.0)
    # (0.9·0.1·2 + 0.9·0.1·2 ... ) by hand: weights 0.081, 0.09, 0.1 on 2, 2, 5
    assert smoother.add(5.0) == pytest.approx((0.081 * 2 + 0.09 * 2 + 0.1 * 5) / 0.271)
    assert math.isnan(LossSmoother(0.9).add(math.nan))
