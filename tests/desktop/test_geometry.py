"""Zoom, pan, turning and mirroring, and the letters of the edges."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_desktop.ui.geometry import UPRIGHT, EdgeLetters, Pose, edge_letters
from cxr_desktop.ui.transform import Transform, fitted, from_relative, relative_view
from cxr_shared.film import PatientOrientation

_STEPS = (Pose.turned_right, Pose.turned_left, Pose.flipped)


def _lay(steps: list[int]) -> Pose:
    pose = UPRIGHT
    for step in steps:
        pose = _STEPS[step](pose)
    return pose


poses = st.lists(st.integers(0, 2), max_size=6).map(_lay)
scales, places = st.floats(0.02, 30.0), st.floats(-3000, 3000)
sides = st.integers(50, 4000)
transforms = st.builds(Transform, scales, places, places, poses)


@given(transforms, places, places)
def test_screen_and_film_are_inverse_however_the_film_lies(transform: Transform, x: float, y: float) -> None:
    assert transform.to_film(*transform.to_screen(x, y)) == pytest.approx((x, y), abs=1e-6)
    assert transform.to_screen(*transform.to_film(x, y)) == pytest.approx((x, y), abs=1e-6)


@given(transforms, st.floats(0.1, 10), places, places)
def test_zoom_keeps_the_point_under_the_cursor(transform: Transform, factor: float, x: float, y: float) -> None:
    zoomed = transform.zoomed(factor, x, y, least=0.01)
    assert zoomed.to_film(x, y) == pytest.approx(transform.to_film(x, y), abs=1e-4)
    assert zoomed.pose == transform.pose


@given(transforms, poses, places, places)
def test_turning_keeps_the_point_in_the_middle(transform: Transform, pose: Pose, x: float, y: float) -> None:
    assert transform.posed(pose, x, y).to_film(x, y) == pytest.approx(transform.to_film(x, y), abs=1e-4)


@given(sides, sides, sides, sides, poses)
def test_a_fitted_film_fills_the_screen_in_one_direction(
    rows: int, columns: int, height: int, width: int, pose: Pose
) -> None:
    left, top, right, bottom = fitted((rows, columns), (height, width), pose).bounds((rows, columns))
    assert left + right == pytest.approx(width, abs=1e-6)
    assert top + bottom == pytest.approx(height, abs=1e-6)
    assert max((right - left) / width, (bottom - top) / height) == pytest.approx(1.0)


@given(transforms)
def test_a_film_is_never_lost_however_it_lies(transform: Transform) -> None:
    left, top, right, bottom = transform.kept_in_sight((1000, 800), (600, 700)).bounds((1000, 800))
    assert left <= 660 + 1e-6
    assert top <= 560 + 1e-6
    assert right >= 40 - 1e-6
    assert bottom >= 40 - 1e-6


def test_a_turn_to_the_right_brings_the_top_to_the_right() -> None:
    """By hand: a film 100 wide and 200 high; its top left corner goes to the top right."""
    turned = fitted((200, 100), (100, 200), UPRIGHT.turned_right())
    assert turned.to_screen(0, 0) == pytest.approx((200, 0))
    assert turned.to_screen(100, 0) == pytest.approx((200, 100))
    assert turned.to_screen(0, 200) == pytest.approx((0, 0))


def test_a_flip_exchanges_left_and_right_as_seen() -> None:
    assert UPRIGHT.flipped().apply(1, 0) == (-1, 0)
    sideways = UPRIGHT.turned_right().flipped()
    assert sideways.apply(1, 0) == (0, 1)
    assert sideways.apply(0, 1) == (1, 0)


def test_four_turns_and_two_flips_are_none() -> None:
    assert _lay([0, 0, 0, 0]) == _lay([2, 2]) == _lay([0, 1]) == UPRIGHT


@given(poses)
def test_only_flips_mirror(pose: Pose) -> None:
    assert pose.turned_right().mirrored == pose.mirrored
    assert pose.flipped().mirrored != pose.mirrored
    assert pose.turned_right().degrees == (pose.degrees + 90) % 360


PA = PatientOrientation("L", "F")


@pytest.mark.parametrize(
    ("pose", "expected"),
    [
        (UPRIGHT, EdgeLetters(left="R", right="L", top="H", bottom="F")),
        (UPRIGHT.flipped(), EdgeLetters(left="L", right="R", top="H", bottom="F")),
        (UPRIGHT.turned_right(), EdgeLetters(left="F", right="H", top="R", bottom="L")),
        (UPRIGHT.turned_left(), EdgeLetters(left="H", right="F", top="L", bottom="R")),
        (UPRIGHT.turned_right().turned_right(), EdgeLetters(left="L", right="R", top="F", bottom="H")),
        (UPRIGHT.flipped().turned_right(), EdgeLetters(left="F", right="H", top="L", bottom="R")),
        (UPRIGHT.turned_right().flipped(), EdgeLetters(left="H", right="F", top="R", bottom="L")),
    ],
)
def test_letters_follow_the_film(pose: Pose, expected: EdgeLetters) -> None:
    assert edge_letters(PA, pose) == expected


def test_letters_of_a_tilted_lateral_are_all_opposed() -> None:
    letters = edge_letters(PatientOrientation("PF", "FA"), UPRIGHT)
    assert letters == EdgeLetters(left="AH", right="PF", top="HP", bottom="FA")


@given(poses, st.floats(0.3, 8), st.floats(0, 1), st.floats(0, 1))
def test_a_linked_film_shows_the_same_part_at_the_same_enlargement(pose: Pose, zoom: float, x: float, y: float) -> None:
    screen, one, other = (600, 500), (2000, 1600), (900, 1100)
    base = fitted(one, screen)
    transform = base.scaled(base.scale * zoom, 0, 0).with_film_at((x * 1600, y * 2000), 250, 300)
    followed = from_relative(relative_view(transform, one, screen), other, screen, pose)
    assert followed.to_film(250, 300) == pytest.approx((x * 1100, y * 900), abs=1e-6)
    assert followed.scale == pytest.approx(fitted(other, screen, pose).scale * zoom)
