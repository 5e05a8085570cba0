"""Zoom, pan, window and level as arithmetic."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_desktop.intake.prepared import DisplayFilm, FilmFacts, Presentation
from cxr_desktop.intake.reading import presentation_lut
from cxr_desktop.ui.rendering import Pyramid, dragged, window_lut
from cxr_desktop.ui.transform import Transform, fitted
from cxr_shared.film import Identity, ViewPosition, Window

positions = st.floats(-2000, 2000)
scales = st.floats(0.05, 20)


def _film(levels: np.ndarray, *, first: float = 0.0, step: float = 1.0) -> DisplayFilm:
    window = Window(first + step * 2048, step * 4096)
    facts = FilmFacts(levels.shape, ViewPosition.PA, None, Identity(), 12, "")
    lut = presentation_lut(window, first=first, step=step)
    return DisplayFilm(Path("film"), facts, levels, first, step, (Presentation("own", window, lut),))


@given(scales, positions, positions, st.floats(0.3, 3), st.floats(0, 900), st.floats(0, 900))
def test_zoom_keeps_what_is_under_the_cursor(
    scale: float, x: float, y: float, factor: float, at_x: float, at_y: float
) -> None:
    before = Transform(scale, x, y)
    after = before.zoomed(factor, at_x, at_y, least=1e-3)
    assert after.to_film(at_x, at_y) == pytest.approx(before.to_film(at_x, at_y), abs=1e-6)


@given(st.integers(50, 6000), st.integers(50, 6000), st.integers(100, 2000), st.integers(100, 2000))
def test_fit_shows_the_whole_film_centred(rows: int, columns: int, height: int, width: int) -> None:
    fit = fitted((rows, columns), (height, width))
    left, top = fit.to_screen(0, 0)
    right, bottom = fit.to_screen(columns, rows)
    assert -1e-6 <= left <= right <= width + 1e-6
    assert -1e-6 <= top <= bottom <= height + 1e-6
    assert left == pytest.approx(width - right)
    assert top == pytest.approx(height - bottom)


@given(scales, st.floats(-1e5, 1e5), st.floats(-1e5, 1e5))
def test_a_film_never_gets_lost(scale: float, x: float, y: float) -> None:
    kept = Transform(scale, x, y).kept_in_sight((1000, 800), (600, 700))
    right, bottom = kept.to_screen(800, 1000)
    assert kept.x < 700
    assert kept.y < 600
    assert right > 0
    assert bottom > 0


def test_one_to_one_shows_the_films_own_pixels() -> None:
    levels = np.random.default_rng(0).integers(0, 4096, (1200, 900), np.uint16)
    piece = Pyramid(_film(levels)).sample(Transform(1.0, -100.0, -50.0), (300, 400))
    assert (piece.left, piece.top) == (0, 0)
    np.testing.assert_array_equal(piece.levels, levels[50:350, 100:500])


@pytest.mark.parametrize("scale", [0.11, 0.25, 0.4, 1.0, 3.7])
def test_a_ramp_is_where_it_belongs_at_every_zoom(scale: float) -> None:
    """Sampling is not shifted: the value at a screen pixel's centre is the film's value there."""
    ramp = np.broadcast_to(np.arange(2000, dtype=np.uint16) * 8, (1600, 2000)).copy()
    transform = Transform(scale, 12.0, 7.0)
    piece = Pyramid(_film(ramp)).sample(transform, (500, 600))
    columns = np.arange(piece.levels.shape[1])
    x, _ = transform.to_film(columns + piece.left + 0.5, 0.0)  # type: ignore[arg-type]
    inside = (np.asarray(x) > 10) & (np.asarray(x) < 1990)
    assert piece.levels[5][inside] == pytest.approx((np.asarray(x)[inside] - 0.5) * 8, abs=6)


def test_a_film_outside_the_screen_gives_an_empty_piece() -> None:
    assert Pyramid(_film(np.zeros((100, 100), np.uint16))).sample(Transform(1, 900, 0), (300, 400)).levels.size == 0


def test_a_window_maps_its_ends_to_black_and_white_and_invert_swaps_them() -> None:
    film = _film(np.zeros((10, 10), np.uint16), first=-1000.0, step=0.5)
    lut = window_lut(film, Window(center=0.0, width=200.0), invert=False)
    at = {value: int((value - film.first) / film.step) for value in (-101, 0, 101)}
    assert [int(lut[at[value]]) for value in (-101, 0, 101)] == [0, 128, 255]
    assert (np.diff(lut.astype(int)) >= 0).all()
    np.testing.assert_array_equal(window_lut(film, Window(0.0, 200.0), invert=True), 255 - lut)


@given(st.floats(-3000, 3000), st.floats(-3000, 3000))
def test_a_drag_never_makes_a_window_without_width(across: float, down: float) -> None:
    film = _film(np.zeros((10, 10), np.uint16))
    assert dragged(film.window, across, down, film=film).width > 0


def test_a_drag_feels_alike_for_any_units() -> None:
    coarse, fine = _film(np.zeros((4, 4), np.uint16)), _film(np.zeros((4, 4), np.uint16), step=0.01)
    one, two = (dragged(film.window, 60, 0, film=film).width / film.window.width for film in (coarse, fine))
    assert one == pytest.approx(two)
    assert one == pytest.approx(1.2)
