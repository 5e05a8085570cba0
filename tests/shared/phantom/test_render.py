"""What every phantom film has in common."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxr_shared.errors import UnknownName
from cxr_shared.film.film import ViewPosition
from cxr_shared.findings import FINDINGS, Target
from cxr_shared.phantom import render
from cxr_shared.phantom.anatomy import draw_patient
from cxr_shared.phantom.render import draw_severity, draw_view


def test_equal_arguments_give_equal_pixels():
    first = render(11, findings=[Target.EDEMA, Target.EFFUSION])
    second = render(11, findings=[Target.EFFUSION, Target.EDEMA])
    np.testing.assert_array_equal(first.pixels, second.pixels)
    assert first.boxes == second.boxes
    assert first.severity == second.severity


def test_different_seeds_give_different_films(film):
    assert not np.array_equal(film(1).pixels, film(2).pixels)


def test_a_film_is_1024_square_8_bit_and_uses_the_range(film):
    pixels = film(1).pixels
    assert pixels.shape == (1024, 1024)
    assert pixels.dtype == np.uint8
    dark, bright = np.percentile(pixels, [2, 98])
    assert dark < 60
    assert bright > 190


def test_a_normal_film_has_no_boxes(film):
    assert film(1).boxes == ()
    assert film(1).findings == frozenset()
    assert film(1).severity == {}


@pytest.mark.parametrize("finding", FINDINGS)
def test_each_finding_has_boxes_inside_the_film(film, finding):
    phantom = film(3, finding, severity=0.6)
    assert phantom.findings == {finding}
    assert {box.finding for box in phantom.boxes} == {finding}
    for box in phantom.boxes:
        assert box.width > 4
        assert box.height > 4
        assert box.x >= 0
        assert box.y >= 0
        assert box.x + box.width <= 1024
        assert box.y + box.height <= 1024


@pytest.mark.parametrize("finding", [each for each in FINDINGS if each is not Target.CARDIOMEGALY])
def test_a_finding_changes_the_film_most_within_its_box(film, finding):
    seed = 4
    change = np.abs(film(seed, finding).pixels.astype(float) - film(seed).pixels)
    inside = np.zeros((1024, 1024), bool)
    for box in film(seed, finding).boxes:
        inside[int(box.y) : int(box.y + box.height), int(box.x) : int(box.x + box.width)] = True
    assert change[inside].mean() > 1.5 * change[~inside].mean()


@settings(max_examples=6)
@given(
    seed=st.integers(0, 2**32 - 1),
    findings=st.sets(st.sampled_from(FINDINGS), max_size=3),
    severity=st.floats(0, 1),
)
def test_any_combination_can_be_drawn(seed, findings, severity):
    phantom = render(seed, findings=findings, severity=severity)
    assert {box.finding for box in phantom.boxes} == findings
    assert set(phantom.severity) == findings
    for box in phantom.boxes:
        assert 0 <= box.x <= box.x + box.width <= 1024
        assert 0 <= box.y <= box.y + box.height <= 1024


def test_the_view_is_drawn_when_none_is_given_and_kept_when_one_is():
    assert {draw_view(seed) for seed in range(40)} == {ViewPosition.PA, ViewPosition.AP}
    assert render(5, view=ViewPosition.AP).view is ViewPosition.AP
    assert render(5, view=ViewPosition.UNKNOWN).view is draw_view(5)


def test_severities_are_mostly_clear_and_sometimes_subtle():
    drawn = np.array([draw_severity(seed, Target.MASS) for seed in range(400)])
    assert np.all((drawn >= 0) & (drawn <= 1))
    assert 0.03 < np.mean(drawn < 0.3) < 0.3
    assert np.mean(drawn > 0.4) > 0.65


def test_a_patients_films_share_the_body_and_differ_in_position():
    first, second = (render(seed, patient=77, view=ViewPosition.PA) for seed in (1, 2))
    assert first.sex == second.sex == draw_patient(77).sex
    assert first.age == second.age
    assert render(1, patient=77, age=81).age == 81
    assert not np.array_equal(first.pixels, second.pixels)
    assert first.cardiothoracic_ratio == pytest.approx(second.cardiothoracic_ratio, abs=0.01)


def test_both_sexes_and_all_adult_ages_occur():
    patients = [draw_patient(seed) for seed in range(200)]
    assert {patient.sex for patient in patients} == {"M", "F"}
    assert min(patient.birth_age for patient in patients) < 30
    assert max(patient.birth_age for patient in patients) > 75


def test_anomaly_is_no_finding_to_draw():
    with pytest.raises(UnknownName):
        render(1, findings=[Target.ANOMALY])


def test_a_severity_outside_0_to_1_is_refused():
    with pytest.raises(ValueError, match=r"outside 0\.\.1"):
        render(1, findings=[Target.MASS], severity=1.5)
