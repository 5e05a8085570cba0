from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_desktop.inference.urgency import contribution, urgency
from cxr_desktop.inference.verdict import Score
from cxr_shared.findings import Target
from cxr_shared.logistic import sigmoid, to_logit

logits = st.floats(-12, 12)
thresholds = st.floats(0.01, 0.99)
scores = st.lists(
    st.builds(Score, target=st.sampled_from(Target), logit=logits, threshold=thresholds),
    min_size=1,
    max_size=15,
    unique_by=lambda score: score.target,
)


def _score(target: Target, probability: float, threshold: float) -> Score:
    return Score(target=target, logit=to_logit(probability), threshold=threshold)


@given(scores, st.data())
def test_more_probable_is_never_less_urgent(judged: list[Score], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(judged) - 1))
    old = judged[index]
    raised = Score(old.target, old.logit + data.draw(st.floats(0, 5)), old.threshold)
    after = urgency([*judged[:index], raised, *judged[index + 1 :]])
    assert after.value >= urgency(judged).value - 1e-12
    assert after.nearness >= urgency(judged).nearness - 1e-12


@given(scores)
def test_urgency_is_between_0_and_1_and_0_only_without_findings(judged: list[Score]) -> None:
    result = urgency(judged)
    assert 0 <= result.value <= 1
    assert (result.value > 0) == any(score.positive for score in judged) == bool(result.positive)


@given(scores)
def test_the_order_of_scores_does_not_matter(judged: list[Score]) -> None:
    assert urgency(reversed(judged)).value == pytest.approx(urgency(judged).value)
    assert urgency(reversed(judged)).why == urgency(judged).why


def test_a_clear_pneumothorax_comes_before_many_chronic_findings() -> None:
    chronic = [Target.FIBROSIS, Target.EMPHYSEMA, Target.HERNIA, Target.PLEURAL_THICKENING, Target.NODULE]
    many = urgency([_score(target, 0.99, 0.3) for target in chronic])
    assert urgency([_score(Target.PNEUMOTHORAX, 0.6, 0.41)]).value > many.value


def test_why_names_the_gravest_first_with_its_threshold() -> None:
    judged = [_score(Target.HERNIA, 0.99, 0.5), _score(Target.PNEUMOTHORAX, 0.93, 0.41)]
    assert urgency(judged).why == "pneumothorax 0.93 above 0.41, hernia 0.99 above 0.50"
    assert urgency(judged).positive == (Target.PNEUMOTHORAX, Target.HERNIA)


def test_why_names_the_operating_point_once_where_it_is_one() -> None:
    gas = dataclasses.replace(_score(Target.PNEUMOTHORAX, 0.93, 0.44), point="balanced")
    fluid = dataclasses.replace(_score(Target.EFFUSION, 0.71, 0.38), point="balanced")
    assert urgency([gas]).why == "pneumothorax 0.93, above the balanced point (0.44)"
    assert urgency([gas, fluid]).why == "pneumothorax 0.93, effusion 0.71, above the balanced points (0.44, 0.38)"
    fluid = dataclasses.replace(fluid, point="high-sensitivity")
    assert urgency([gas, fluid]).why == (
        "pneumothorax 0.93, above the balanced point (0.44); effusion 0.71, above the high-sensitivity point (0.38)"
    )


def test_why_of_a_film_below_every_threshold_names_the_nearest() -> None:
    judged = [_score(Target.HERNIA, 0.1, 0.5), _score(Target.MASS, 0.4, 0.5)]
    assert urgency(judged).why == "all below; nearest mass 0.40 of 0.50"


def test_a_finding_weighs_half_at_its_threshold_and_all_when_certain() -> None:
    assert contribution(_score(Target.PNEUMOTHORAX, 0.4, 0.4 - 1e-12)) == pytest.approx(0.5)
    assert contribution(Score(Target.PNEUMOTHORAX, 50.0, 0.4)) == pytest.approx(1.0)
    assert contribution(_score(Target.PNEUMOTHORAX, 0.39, 0.4)) == 0.0


@given(st.floats(0.001, 0.999))
def test_logit_undoes_sigmoid(probability: float) -> None:
    assert sigmoid(to_logit(probability)) == pytest.approx(probability)


def test_extreme_logits_do_not_overflow() -> None:
    assert (sigmoid(-1e4), sigmoid(1e4)) == (0.0, 1.0)
