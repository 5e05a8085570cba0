"""The range test's judgement of a curve."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_trainer.range_test import LossSmoother, measure_spread, smooth, suggest
from cxr_trainer.recipe import Suggester
from cxr_trainer.schedule import LinearRamp, Ramp
from cxr_trainer.suggesters import Suggestion

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


def _sigmoid_fall(rates: list[float], *, steepest: float = 1e-3, minimum: float = 3e-2) -> list[float]:
    """Falls by a logistic curve in log10 of the rate, steepest at its middle, and rises behind the minimum."""
    places = [math.log10(rate) for rate in rates]
    falls = [0.4 + 0.3 / (1.0 + math.exp(4.0 * (x - math.log10(steepest)))) for x in places]
    return [loss + max(0.0, x - math.log10(minimum)) for loss, x in zip(falls, places, strict=True)]


def _rates(result_of: list[float], losses: list[float], smoothing: float = 0.0) -> dict[Suggester, float | None]:
    suggestions = suggest(result_of, losses, smoothing=smoothing).suggestions
    return {name: each.rate for name, each in suggestions.items()}


@pytest.mark.parametrize("smoothing", [0.0, 0.9])
@given(steepest=st.floats(1e-5, 1e-3))
def test_steepest_is_where_the_loss_falls_fastest_in_the_logarithm_of_the_rate(
    smoothing: float, steepest: float
) -> None:
    found = _rates(RATES, _sigmoid_fall(RATES, steepest=steepest), smoothing)["steepest"]
    assert found is not None
    assert math.log10(found) == pytest.approx(math.log10(steepest), abs=0.06)


def test_steepest_on_a_linear_ramp_is_not_drowned_by_its_close_last_rates() -> None:
    """Neighbours of the last rates are a hundredth of a decade apart: a slope between two updates is noise."""
    ramp = LinearRamp(1e-4, 1.0, 400)
    rates = [ramp.rate(i) for i in range(400)]
    noise = np.random.default_rng(0).normal(0, 0.01, 400)
    losses = [loss + float(n) for loss, n in zip(_sigmoid_fall(rates, steepest=3e-2, minimum=0.8), noise, strict=True)]
    found = _rates(rates, losses, 0.9)["steepest"]
    assert found is not None
    assert 1e-2 < found < 1e-1


def test_valley_is_two_thirds_along_the_longest_descent() -> None:
    losses = [1.0] * 40 + [1.0 - 0.01 * i for i in range(1, 61)] + [0.5 + 0.01 * i for i in range(41)]
    # The descent has 61 places, from the last 1.0 (39) to 0.4 (99): the fortieth behind the first is 79.
    assert _rates(RATES, losses)["valley"] == RATES[79]


def test_a_bump_does_not_end_a_descent_and_a_shorter_one_does_not_count() -> None:
    losses = [1.0] * 40 + [1.0 - 0.01 * i for i in range(1, 61)] + [0.5 + 0.01 * i for i in range(41)]
    bumped = [*losses[:60], losses[60] + 0.03, *losses[61:]]
    place = RATES.index(_rates(RATES, bumped)["valley"] or 0.0)
    assert abs(place - 79) <= 1
    early = [2.0 - 0.1 * i for i in range(10)] + [1.0] * 30 + losses[40:]
    assert RATES.index(_rates(RATES, early)["valley"] or 0.0) > 60


@given(st.lists(st.floats(0.0, 5.0) | st.just(math.nan) | st.just(math.inf), min_size=1, max_size=141))
def test_any_curve_gives_each_suggester_a_rate_inside_the_ramp_or_a_reason(losses: list[float]) -> None:
    rates = RATES[: len(losses)]
    for name, each in suggest(rates, losses, smoothing=0.5).suggestions.items():
        assert (each.rate is None) == bool(each.refusal), name
        if each.rate is not None:
            assert rates[0] < each.rate < rates[-1]


def test_the_chosen_suggester_gives_the_bounds_and_the_others_stand_beside() -> None:
    losses = _sigmoid_fall(RATES)
    every = _rates(RATES, losses)
    for name in ("minimum", "steepest", "valley"):
        result = suggest(RATES, losses, smoothing=0.0, suggester=name)
        assert (result.suggester, result.max_lr) == (name, every[name])
        assert result.max_lr is not None
        assert result.base_lr == result.max_lr / 4
    assert len(set(every.values())) == 3


@pytest.mark.parametrize(
    ("losses", "reasons"),
    [
        (
            [float(i) for i in range(141)],
            {"minimum": "only rises", "steepest": "never falls", "valley": "has 1 of the 5 updates"},
        ),
        (
            [-(1.05**i) for i in range(141)],
            {"minimum": "very end", "steepest": "fastest at the last rate", "valley": "has not ended"},
        ),
        (
            [0.95**i for i in range(130)] + [float(i) for i in range(11)],
            {"minimum": "", "steepest": "fastest at the first rate", "valley": ""},
        ),
        ([0.7] * 141, dict.fromkeys(("minimum", "steepest", "valley"), "same at every rate")),
        ([math.nan] * 141, dict.fromkeys(("minimum", "steepest", "valley"), "0 usable losses")),
    ],
)
def test_each_suggester_refuses_in_its_own_terms(losses: list[float], reasons: dict[Suggester, str]) -> None:
    suggestions = suggest(RATES, losses, smoothing=0.0).suggestions
    for name, reason in reasons.items():
        assert reason in suggestions[name].refusal
        assert bool(reason) == bool(suggestions[name].refusal)


def test_a_result_with_nan_is_written_as_json() -> None:
    losses = [*_valley(1e-2)[:-2], math.nan, math.inf]
    fields = json.loads(json.dumps(suggest(RATES, losses, smoothing=0.0).as_json(), allow_nan=False))
    assert fields["losses"][-2:] == [None, None]
    assert fields["suggestions"]["minimum"] == {"rate": fields["max_lr"], "refusal": ""}


def test_spread_is_measured_in_decades_over_the_seeds_that_suggest() -> None:
    rates = [Suggestion(1e-3), Suggestion(None, "none"), Suggestion(1e-2), Suggestion(1e-1)]
    spread = measure_spread(rates)
    assert (spread.tests, spread.suggested, spread.lowest, spread.highest) == (4, 3, 1e-3, 1e-1)
    assert (spread.median, spread.decades) == (pytest.approx(1e-2), pytest.approx(2.0))
    assert measure_spread([Suggestion(1e-4), Suggestion(1e-2)]).median == pytest.approx(1e-3), "of the logarithms"
    assert measure_spread([Suggestion(None, "none")]).median is None
