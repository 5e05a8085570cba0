from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_desktop.inference.heatmap import colour, colour_range, content_box, film_map, find_peak
from cxr_desktop.inference.verdict import Score
from cxr_shared.bundle import InputSpec
from cxr_shared.film import Film
from cxr_shared.findings import Target
from cxr_shared.heat_map import LEAST_SPAN, USUAL_SPAN, CellGrid
from cxr_shared.pixels import model_input

STRETCHED = InputSpec(size=224)
KEPT = InputSpec(size=224, keep_aspect=True)
sides = st.integers(64, 400)


@given(sides, sides, st.booleans(), st.floats(0.2, 0.8), st.floats(0.2, 0.8))
def test_a_mark_on_the_film_is_found_where_it_is(rows: int, columns: int, kept: bool, y: float, x: float) -> None:
    """The map's geometry is that of the pixel path: a bright mark's peak lies within one cell of the mark."""
    spec = InputSpec(size=224, keep_aspect=kept)
    film = np.zeros((rows, columns), np.float32)
    mark_y, mark_x = y * rows, x * columns
    film[int(mark_y) - 4 : int(mark_y) + 5, int(mark_x) - 4 : int(mark_x) + 5] = 255
    seen = model_input(Film(film, (), 8, source=None), spec)  # type: ignore[arg-type]
    cells = seen.reshape(28, 8, 28, 8).mean(axis=(1, 3)).astype(np.float32)
    peak = find_peak(cells, spec, (rows, columns))
    cell = max(rows, columns) / 28
    assert abs(peak.x - mark_x) <= cell + 5
    assert abs(peak.y - mark_y) <= cell + 5


def test_x_and_y_stretch_by_themselves() -> None:
    values = np.zeros((7, 7), np.float32)
    values[1, 5] = 3.0
    peak = find_peak(values, STRETCHED, (700, 1400))
    assert (peak.y, peak.x, peak.logit) == (150.0, 1100.0, 3.0)


def test_a_peak_in_the_padding_is_moved_to_the_film() -> None:
    values = np.zeros((7, 7), np.float32)
    values[0, 3] = 1.0
    assert find_peak(values, KEPT, (100, 400)).y == 0.0


def test_kept_aspect_leaves_centred_borders() -> None:
    box = content_box(KEPT, (100, 200))
    assert (box.left, box.width, box.top, box.height) == (0.0, 1.0, 0.25, 0.5)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(8, 60), st.integers(8, 60))
def test_laying_a_map_over_a_film_stays_within_its_values(h: int, w: int, rows: int, columns: int) -> None:
    values = np.random.default_rng(h * 10 + w).normal(size=(h, w)).astype(np.float32)
    laid = film_map(values, STRETCHED, film=(rows, columns), out=(rows, columns))
    assert laid.shape == (rows, columns)
    assert values.min() - 1e-5 <= laid.min()
    assert laid.max() <= values.max() + 1e-5


def test_laying_over_a_multiple_keeps_cell_centres_and_the_mean() -> None:
    values = np.arange(16, dtype=np.float32).reshape(4, 4)
    laid = film_map(values, STRETCHED, film=(36, 36), out=(36, 36))
    assert laid[4::9, 4::9] == pytest.approx(values, abs=0.05)
    assert laid.mean() == pytest.approx(values.mean(), abs=1e-4)


def test_colour_is_transparent_up_to_the_operating_point_and_then_absolute() -> None:
    values = np.array([[-5.0, 1.0, 4.0, 7.0, 99.0]], np.float32)
    rgba = colour(values, low=1.0, high=7.0)[0]
    assert rgba[:2, 3].tolist() == [0, 0]
    assert rgba[2:, 3].tolist() == [255, 255, 255]
    assert rgba[3].tolist() == rgba[4].tolist()
    luminance = rgba[:, :3].astype(float) @ [0.21, 0.72, 0.07]
    assert luminance[1] < luminance[2] < luminance[3]


def test_colours_end_where_maps_of_the_finding_usually_end() -> None:
    score = Score(Target.HERNIA, logit=2.0, threshold=0.5, map_peak=31.0)
    assert colour_range(score) == (0.0, 31.0)
    assert colour_range(replace(score, map_peak=None)) == (0.0, USUAL_SPAN)
    assert colour_range(replace(score, map_peak=-4.0)) == (0.0, LEAST_SPAN), "a model whose maps never rise"


@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_a_threshold_of_0_or_1_still_gives_colours(threshold: float) -> None:
    low, high = colour_range(Score(Target.HERNIA, logit=0.0, threshold=threshold, map_peak=3.0))
    rgba = colour(np.zeros((2, 2), np.float32), low=low, high=high)
    assert rgba[..., 3].max() == (255 if threshold == 0.0 else 0)


def test_cell_shift_moves_the_peak_and_the_picture_alike() -> None:
    values = np.zeros((8, 8), np.float32)
    values[3, 5] = 4.0
    peak = find_peak(values, STRETCHED, (800, 800), grid=CellGrid(shift=0.5))
    assert (peak.y, peak.x) == (400.0, 600.0)
    laid = film_map(values, STRETCHED, film=(800, 800), out=(800, 800), grid=CellGrid(shift=0.5))
    top = np.argwhere(laid > laid.max() - 1e-3).mean(axis=0)
    assert np.abs(top - (399.5, 599.5)).max() < 1.0


def test_cell_pitch_draws_peak_and_picture_to_the_middle_alike() -> None:
    values = np.zeros((6, 6), np.float32)
    values[1, 4] = 4.0
    peak = find_peak(values, STRETCHED, (600, 600), grid=CellGrid(pitch=0.8))
    assert (peak.y, peak.x) == (pytest.approx(300 - 1.5 * 80), pytest.approx(300 + 1.5 * 80))
    laid = film_map(values, STRETCHED, film=(600, 600), out=(600, 600), grid=CellGrid(pitch=0.8))
    top = np.argwhere(laid > laid.max() - 1e-3).mean(axis=0)
    assert np.abs(top - (peak.y - 0.5, peak.x - 0.5)).max() < 1.0
