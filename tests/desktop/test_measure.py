"""Rulers, the cardiothoracic ratio, presets and contour levels, against figures worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cxr_desktop.intake.prepared import DisplayFilm, FilmFacts, Presentation
from cxr_desktop.intake.reading import presentation_lut
from cxr_desktop.ui.contours import contour_levels, iso_lines
from cxr_desktop.ui.drags import Tool, begin_drag, measurement_near
from cxr_desktop.ui.film_view import FilmView
from cxr_desktop.ui.measure import (
    Handle,
    MeasurementBook,
    Measurements,
    Ratio,
    Ruler,
    Segment,
    handle_near,
    spacing_text,
)
from cxr_desktop.ui.presets import AUTO, LUNG, Values, relative_window, window_from_relative
from cxr_desktop.ui.rendering import Pyramid
from cxr_shared.film import Identity, PixelSpacing, SpacingOrigin, ViewPosition, Window

ANISOTROPIC = PixelSpacing(row_mm=0.2, column_mm=0.1, origin=SpacingOrigin.PIXEL_SPACING)
AT_DETECTOR = PixelSpacing(0.15, 0.15, SpacingOrigin.IMAGER_PIXEL_SPACING)


def _film(levels: np.ndarray, *, first: float = 0.0, step: float = 1.0) -> DisplayFilm:
    facts = FilmFacts(levels.shape, ViewPosition.PA, ANISOTROPIC, Identity(), 16, "")
    windows = Window(2000.0, 1000.0), Window(1500.0, 600.0)
    own = tuple(
        Presentation(f"window {number}", window, presentation_lut(window, first=first, step=step))
        for number, window in enumerate(windows, 1)
    )
    return DisplayFilm(Path("film"), facts, levels.astype(np.uint16), first, step, own)


def _view(screen: tuple[int, int] = (400, 300)) -> FilmView:
    return FilmView(Pyramid(_film(np.arange(400 * 300).reshape(400, 300) % 4096)), screen)


def test_a_ruler_knows_that_rows_and_columns_differ() -> None:
    """300 columns of 0.1 mm and 200 rows of 0.2 mm: √(30² + 40²) = 50 mm."""
    segment = Segment((100.0, 50.0), (400.0, 250.0))
    assert segment.length(ANISOTROPIC) == pytest.approx(50.0)
    assert segment.length(None) == pytest.approx(np.sqrt(300**2 + 200**2))
    assert Ruler(segment).labels(ANISOTROPIC, ViewPosition.PA) == ("50.0 mm",)
    assert Ruler(segment).labels(None, ViewPosition.PA) == ("361 px",)


def test_it_is_said_what_lengths_rest_on() -> None:
    assert spacing_text(ANISOTROPIC) == "mm by PixelSpacing, calibrated at the patient"
    assert "ImagerPixelSpacing" in spacing_text(AT_DETECTOR)
    assert "magnified" in spacing_text(AT_DETECTOR)
    assert "pixels" in spacing_text(None)


def test_the_ratio_is_heart_over_thorax() -> None:
    ratio = Ratio(Segment((600.0, 900.0), (1140.0, 900.0)), Segment((300.0, 1000.0), (1500.0, 1000.0)))
    assert ratio.value() == pytest.approx(540 / 1200)
    assert ratio.labels(ANISOTROPIC, ViewPosition.PA) == ("heart 54.0 mm", "thorax 120.0 mm  CTR 0.45")
    assert "AP film" in ratio.labels(ANISOTROPIC, ViewPosition.AP)[1]
    wider = Ratio(ratio.segments[1], ratio.segments[0])
    assert "check the ends" in wider.labels(None, ViewPosition.PA)[1]


def test_an_end_of_a_width_moves_and_the_line_stays_level() -> None:
    ratio = Ratio(Segment((10.0, 50.0), (60.0, 50.0)))
    moved = ratio.with_end(Handle(0, 0, 1), (80.0, 55.0))
    assert moved.heart == Segment((10.0, 55.0), (80.0, 55.0))


def test_measurements_are_added_deleted_and_taken_back() -> None:
    kept = Measurements()
    one, two = Ruler(Segment((0, 0), (1, 1))), Ruler(Segment((5, 5), (9, 9)))
    assert not kept.undo()
    assert not kept.delete()
    kept.add(one)
    kept.add(two)
    assert kept.delete(0)
    assert kept.items == (two,)
    assert kept.undo()
    assert kept.items == (one, two)
    assert kept.undo()
    assert kept.items == (one,)


def test_a_film_has_one_ratio_and_each_film_its_own_measurements() -> None:
    book = MeasurementBook()
    kept = book.of(Path("a"))
    kept.add(Ratio(Segment((0, 0), (5, 0))))
    kept.add(Ratio(Segment((0, 3), (9, 3))))
    assert len(kept.items) == 1
    assert book.of(Path("a")) is kept
    assert book.of(Path("b")).items == ()


def test_the_nearest_end_within_reach_is_taken() -> None:
    items = (Ruler(Segment((0, 0), (100, 0))), Ruler(Segment((0, 20), (104, 2))))
    assert handle_near(items, (103, 1), within=9) == Handle(1, 0, 1)
    assert handle_near(items, (50, 0), within=9) is None


def test_two_drags_make_a_ratio_and_a_third_edits_it() -> None:
    view, kept = _view(), Measurements()

    def drag(start: tuple[float, float], end: tuple[float, float]) -> None:
        made = begin_drag(view, kept, Tool.RATIO, start)
        made.move(*end)
        made.end()

    drag((100, 200), (160, 230))
    drag((40, 250), (240, 240))
    ratio = kept.items[0]
    assert isinstance(ratio, Ratio)
    assert ratio.heart == Segment((100, 200), (160, 200))
    assert ratio.value() == pytest.approx(60 / 200)
    drag((160, 200), (180, 200))
    edited = kept.items[0]
    assert isinstance(edited, Ratio)
    assert edited.value() == pytest.approx(80 / 200)
    assert len(kept.items) == 1


def test_on_a_film_that_lies_sideways_widths_are_level_on_the_screen() -> None:
    view, kept = _view(), Measurements()
    view.lay(view.pose.turned_right())
    drag = begin_drag(view, kept, Tool.RATIO, (100, 200))
    drag.move(180, 230)
    drag.end()
    ratio = kept.items[0]
    assert isinstance(ratio, Ratio)
    assert not ratio.across
    ends = [view.transform.to_screen(*point) for point in (ratio.heart.start, ratio.heart.end)]
    assert ends[0] == pytest.approx((100, 200))
    assert ends[1] == pytest.approx((180, 200))


def test_a_click_draws_nothing_and_the_line_under_the_cursor_is_found() -> None:
    view, kept = _view(), Measurements()
    drag = begin_drag(view, kept, Tool.RULER, (10, 10))
    drag.move(11, 11)
    drag.end()
    assert kept.items == ()
    kept.add(Ruler(Segment((0, 50), (200, 50))))
    kept.add(Ruler(Segment((0, 90), (200, 90))))
    assert measurement_near(view, kept.items, (100, 53)) == 0
    assert measurement_near(view, kept.items, (100, 70)) is None


def test_presets_are_percentiles_of_the_films_values_without_the_border() -> None:
    """Values 1..1000 once each and a border of zeros as large: percentile p of 1..1000 is 1 + p/100 · 999."""
    levels = np.concatenate([np.zeros(1000), np.arange(1, 1001)]).reshape(40, 50)
    values = Values(_film(levels, first=-500.0, step=2.0), levels.astype(np.uint16))
    assert values.percentile(50) == pytest.approx(-500 + 2 * (1 + 0.5 * 999))
    window = values.window(AUTO)
    assert window.center - window.width / 2 == pytest.approx(-500 + 2 * (1 + 0.01 * 999))
    assert window.center + window.width / 2 == pytest.approx(-500 + 2 * (1 + 0.99 * 999))
    assert "percentiles 0.5 to 70" in values.window(LUNG).explanation


def test_a_preset_of_a_film_with_two_values_still_has_width() -> None:
    levels = np.array([[0, 0], [7, 7]], np.uint16)
    assert Values(_film(levels), levels).window(AUTO).width > 0


def test_a_linked_window_differs_as_much_from_the_other_films_own() -> None:
    relative = relative_window(Window(2500.0, 500.0), Window(2000.0, 1000.0))
    linked = window_from_relative(relative, Window(10.0, 4.0))
    assert (linked.center, linked.width) == pytest.approx((12.0, 2.0))


def test_the_films_own_presentations_are_gone_through_and_a_drag_starts_from_the_one_shown() -> None:
    view = _view()
    assert "window 1" in view.lines(1.0, None)[0]
    view.use_own(1)
    assert view.shown_window.width == 600.0
    assert view.lut()[1500] == pytest.approx(128, abs=1)
    view.drag_window(view.shown_window, 0, 0)
    assert view.window is not None
    assert view.window.width == 600.0
    view.use_own(view.presentation + 1)
    assert (view.window, view.presentation) == (None, 0)


def test_levels_are_the_threshold_and_even_logits() -> None:
    assert contour_levels(-1.3, 4.7) == [-1.3, 0.0, 2.0, 4.0]
    assert contour_levels(0.2, 6.2) == [0.2, 2.0, 4.0, 6.0]
    assert contour_levels(1.8, 2.8) == [1.8]
    assert contour_levels(0.7, 39.8) == [0.7, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0]  # so many that 2 were too near


def test_a_line_lies_where_the_map_has_its_level() -> None:
    """A ramp from left to right over a film of 800 columns: 0.005 logits a column at the cells' centres."""
    ramp = np.broadcast_to((np.arange(80, dtype=np.float32) + 0.5) * 10 * 0.005, (50, 80)).copy()
    lines = iso_lines(ramp, low=1.0, high=3.9, film=(500, 800))
    by_level = {line.level: line.points for line in lines}
    assert sorted(by_level) == [1.0, 2.0]
    for level, points in by_level.items():
        assert points[:, 0] == pytest.approx(level / 0.005, abs=0.1)
        assert points[:, 1].min() == pytest.approx(5.0)
        assert points[:, 1].max() == pytest.approx(495.0)
