"""From stored values to grey levels, on films made in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxr_shared.film import Film, VoiFunction, VoiLut, Window, default_window, present
from cxr_shared.film.presentation import present_grey
from cxr_shared.opencv import cv2

VALUES = np.linspace(-500, 5000, 5501, dtype=np.float32).reshape(-1, 1)


def _film(pixels, *, bits=12, vois=()):
    return Film(pixels=np.asarray(pixels, np.float32), vois=tuple(vois), bits=bits, source=Path("film"))


def _standard(values, window):
    """PS3.3 C.11.2.1.2.1 and C.11.2.1.3, in double precision."""
    center, width, x = window.center, window.width, values.astype(np.float64)
    if window.function is VoiFunction.SIGMOID:
        return 1 / (1 + np.exp(np.clip(-4 * (x - center) / width, -700, 700)))
    if window.function is VoiFunction.LINEAR:
        center, width = center - 0.5, width - 1
    if width == 0:
        return np.where(x <= center, 0.0, 1.0)
    shown = (x - center) / width + 0.5
    return np.where(x <= center - width / 2, 0.0, np.where(x > center + width / 2, 1.0, shown))


@settings(max_examples=150)
@given(
    center=st.floats(-1000, 6000),
    width=st.floats(1, 8000),
    function=st.sampled_from(VoiFunction),
)
def test_windows_follow_the_standard(center, width, function):
    window = Window(center, width, function)
    shown = present(_film(VALUES), window)
    steep = 1e-3 + 2e-3 / max(width - 1, 1e-3)  # where float32 cannot place a threshold exactly
    difference = np.abs(shown - _standard(VALUES, window))
    assert np.quantile(difference, 0.99) < 1e-3
    if steep < 0.1:
        assert difference.max() < steep
    assert np.all(np.diff(shown, axis=0) >= -1e-6)
    assert shown.min() >= 0
    assert shown.max() <= 1


def test_a_window_of_width_one_is_a_threshold():
    shown = present(_film(VALUES), Window(2048.0, 1.0, VoiFunction.LINEAR))
    assert np.array_equal(shown.ravel(), (VALUES.ravel() > 2047.5).astype(np.float32))


def test_a_lut_clamps_at_both_ends():
    table = np.array([0.1, 0.4, 0.9], np.float32)
    shown = present(_film([[-9, 99, 100, 101, 102, 500]]), VoiLut(100.0, table))
    assert shown.ravel().tolist() == pytest.approx([0.1, 0.1, 0.1, 0.4, 0.9, 0.9])


def test_presenting_leaves_the_film_alone():
    film = _film(VALUES)
    before = film.pixels.copy()
    present(film)
    present(film, Window(100, 50, VoiFunction.SIGMOID))
    present(film, VoiLut(0.0, np.linspace(0, 1, 100, dtype=np.float32)))
    assert np.array_equal(film.pixels, before)


def test_the_first_voi_is_the_default():
    first, second = Window(1000, 500), Window(3000, 500)
    film = _film(VALUES, vois=[first, second])
    assert np.array_equal(present(film), present(film, first))
    assert not np.array_equal(present(film), present(film, second))


@pytest.mark.parametrize("bits", [4, 8])
def test_a_shallow_film_is_shown_over_its_whole_range(bits):
    top = 2**bits - 1
    film = _film(np.linspace(3, top - 2, 100).reshape(10, 10), bits=bits)
    assert np.allclose(present(film), film.pixels / top, atol=1e-6)
    assert default_window(film) == Window(top / 2, top)


def test_a_shallow_film_with_a_rescale_is_shown_between_percentiles():
    film = _film(np.linspace(-1000, 500, 10_000).reshape(100, 100), bits=8)
    window = default_window(film)
    assert window.center == pytest.approx(-250, abs=5)
    assert window.width == pytest.approx(1485, abs=5)


def test_percentiles_ignore_outliers_and_borders():
    generator = np.random.default_rng(4)
    body = generator.normal(2000, 200, (400, 400))
    framed = np.full((800, 800), body.min())
    framed[200:600, 200:600] = body
    framed[300, 300] = 4095  # a lead marker
    assert default_window(_film(framed)).center == pytest.approx(default_window(_film(body)).center, abs=20)
    assert default_window(_film(framed)).width == pytest.approx(default_window(_film(body)).width, rel=0.05)


def test_two_values_make_a_window():
    film = _film(np.where(np.indices((80, 80)).sum(axis=0) % 2, 7.0, 9.0))
    assert (present(film).min(), present(film).max()) == (0.0, 1.0)


@pytest.mark.parametrize("function", VoiFunction)
def test_dragging_starts_from_the_files_first_window(function):
    lut = VoiLut(0.0, np.linspace(0, 1, 4096, dtype=np.float32))
    film = _film(VALUES, vois=[lut, Window(2000.0, 801.0, function, "lung"), Window(1.0, 2.0)])
    window = default_window(film)
    assert window.function is VoiFunction.LINEAR_EXACT
    assert window.explanation == "lung"
    middle = (VALUES > 1900) & (VALUES < 2100)
    assert np.allclose(present(film, window)[middle], present(film, film.vois[1])[middle], atol=0.01)


def test_dragging_starts_from_the_span_of_a_lut():
    table = np.clip((np.arange(4096) - 1000) / 2000, 0, 1).astype(np.float32)
    window = default_window(_film(VALUES, vois=[VoiLut(-10.0, table)]))
    assert window.center == pytest.approx(1990, abs=2)
    assert window.width == pytest.approx(0.96 * 2000, abs=5)


def test_a_lut_that_is_a_step_still_gives_a_window():
    table = np.repeat(np.array([0, 1], np.float32), 50)
    assert default_window(_film(VALUES, vois=[VoiLut(0.0, table)])) == Window(49.5, 99.0)


@pytest.mark.parametrize(
    "vois",
    [
        [Window(1800.5, 3221.3, VoiFunction.LINEAR_EXACT)],
        [Window(1800, 900, VoiFunction.SIGMOID)],
        [Window(1800, 900)],
        [VoiLut(-100.0, np.random.default_rng(0).random(4096).astype(np.float32))],
        [],
    ],
)
@pytest.mark.parametrize("shape", [(301, 517), (3, 70_001), (1, 9)])
def test_grey_levels_in_strips_are_those_of_the_whole(shape, vois):
    pixels = np.random.default_rng(1).integers(-500, 5000, shape) * np.float32(1.37)
    film = _film(pixels, vois=vois)
    assert np.array_equal(present_grey(film), cv2.convertScaleAbs(present(film), alpha=255.0))
