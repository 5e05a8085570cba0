"""Where cells look, both ways, and how a map is read between them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_shared.heat_map import LEAST_SPAN, USUAL_SPAN, CellGrid, lay_map, scale_end

grids = st.builds(CellGrid, shift=st.floats(-1, 1), pitch=st.floats(0.5, 2))


@given(grids, st.integers(1, 32), st.data())
def test_a_cell_is_found_again_where_it_looks(grid: CellGrid, cells: int, data: st.DataObject) -> None:
    cell = data.draw(st.integers(0, cells - 1))
    place = np.array([grid.fraction(cell, cells)])
    assert grid.coordinates(place, cells)[0] == pytest.approx(cell, abs=1e-4)


@given(grids)
def test_a_map_has_its_own_values_where_its_cells_look(grid: CellGrid) -> None:
    values = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)
    rows, columns = (np.array([grid.fraction(i, n) for i in range(n)]) for n in values.shape)
    assert lay_map(values, grid, rows=rows, columns=columns) == pytest.approx(values, abs=0.1)


def test_beyond_the_outermost_cells_their_value_stands() -> None:
    values = np.array([[1.0, 3.0]], np.float32)
    laid = lay_map(values, CellGrid(), rows=np.array([0.0, 1.0]), columns=np.array([0.0, 0.5, 1.0]))
    assert laid == pytest.approx(np.array([[1.0, 2.0, 3.0]] * 2), abs=1e-6)


def test_colours_end_where_maps_usually_rise_to() -> None:
    assert scale_end(0.5, 31.0) == 31.0
    assert scale_end(0.5, None) == 0.5 + USUAL_SPAN
    assert scale_end(0.5, -4.0) == 0.5 + LEAST_SPAN
