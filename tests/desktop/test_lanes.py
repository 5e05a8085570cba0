"""Lanes: worked out by hand from the rules in the module's text."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_desktop.inference.lanes import Lane, TriagePolicy, aged, disagreement
from cxr_desktop.inference.urgency import urgency
from cxr_shared.findings import FINDINGS, Target


@dataclass(frozen=True)
class _Score:
    target: Target
    probability: float
    threshold: float = 0.5
    point: str = ""

    @property
    def positive(self) -> bool:
        return self.probability >= self.threshold


def test_models_disagree_where_only_one_kind_fires() -> None:
    anomaly, hernia, mass, edema = Target.ANOMALY, Target.HERNIA, Target.MASS, Target.EDEMA
    assert disagreement([anomaly, hernia, edema], [hernia]) == "anomaly model says normal, hernia fires"
    # Named in the bundle's order, whichever is the gravest.
    fired = disagreement([anomaly, hernia, mass, edema], [mass, hernia])
    assert fired == "anomaly model says normal, hernia and 1 more fires"
    assert disagreement([anomaly, edema], [anomaly]) == "anomaly model fires, no finding does"
    assert disagreement([anomaly, hernia], [hernia, anomaly]) == disagreement([anomaly, edema], []) == ""


@pytest.mark.parametrize("targets", [[], [Target.ANOMALY], [Target.HERNIA], [Target.HERNIA, Target.MASS]])
def test_one_kind_of_model_cannot_disagree_with_itself(targets: list[Target]) -> None:
    assert disagreement(targets, targets) == ""


def test_an_unread_film_moves_up_a_lane_each_time_it_waited_so_long() -> None:
    policy = TriagePolicy(ageing_hours=8)
    assert aged(Lane.NORMAL, 7.9, policy) is Lane.NORMAL
    assert aged(Lane.NORMAL, 8.0, policy) is Lane.UNCONFIRMED
    assert aged(Lane.NORMAL, 47.0, policy) is Lane.ABNORMAL
    assert aged(Lane.NORMAL, 500.0, policy) is Lane.URGENT
    assert aged(Lane.NORMAL, 500.0, TriagePolicy(ageing_hours=0)) is Lane.NORMAL
    assert aged(Lane.ABNORMAL, -3.0, policy) is Lane.ABNORMAL


@given(st.sampled_from(Lane), st.floats(0, 1e4), st.floats(0, 1e4))
def test_waiting_longer_never_moves_a_film_down(lane: Lane, hours: float, more: float) -> None:
    assert aged(lane, hours + more) <= aged(lane, hours) <= lane


def test_a_pneumothorax_is_urgent_however_barely_and_edited_weights_move_it() -> None:
    barely = [_Score(Target.PNEUMOTHORAX, 0.5)]
    assert urgency(barely).value == pytest.approx(0.9 * 0.5 + 0.1 * 0.5)
    lighter = TriagePolicy(weights={Target.PNEUMOTHORAX: 0.2})
    assert urgency(barely, lighter).value == pytest.approx(0.1)


@given(st.lists(st.tuples(st.sampled_from(FINDINGS), st.floats(0, 1)), min_size=1, max_size=14))
def test_urgency_stays_between_0_and_1_for_any_weights(pairs: list[tuple[Target, float]]) -> None:
    scores = [_Score(target, probability) for target, probability in pairs]
    policy = TriagePolicy(weights=dict.fromkeys(FINDINGS, 1.0))
    assert 0 <= urgency(scores).value <= urgency(scores, policy).value + 1e-12 <= 1 + 1e-9
