"""The stage with real widgets: the heat map's place, two films, what the model saw, and every key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("PySide6")

from PySide6.QtCore import QPoint, QPointF, QRect, Qt
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QApplication, QMainWindow
from pytestqt.qtbot import QtBot

from cxr_desktop.inference.heatmap import colour, film_map
from cxr_desktop.intake.pool import MakePool
from cxr_desktop.intake.prepared import DisplayFilm, FilmFacts, Presentation
from cxr_desktop.intake.reading import presentation_lut
from cxr_desktop.ui.actions import build_menus
from cxr_desktop.ui.contours import iso_lines
from cxr_desktop.ui.drags import Tool
from cxr_desktop.ui.geometry import UPRIGHT, Pose
from cxr_desktop.ui.model_inputs import ModelInputs
from cxr_desktop.ui.rendering import Pyramid
from cxr_desktop.ui.stage_actions import StageActions
from cxr_desktop.ui.widgets import annotations
from cxr_desktop.ui.widgets.annotations import FLIPPED
from cxr_desktop.ui.widgets.images import HeatMap, premultiplied_image
from cxr_desktop.ui.widgets.stage import NO_COMPANION, Beside, Stage
from cxr_shared.bundle import InputSpec
from cxr_shared.film import Identity, PatientOrientation, PixelSpacing, SpacingOrigin, ViewPosition, Window

SPEC = InputSpec(size=64)
SHAPE = (300, 400)
POSES = [
    pose
    for first in (UPRIGHT, UPRIGHT.flipped())
    for pose in (first, first.turned_right(), first.turned_left(), first.turned_right().turned_right())
]


def _pyramid(name: str, *, grey: int = 1000, shape: tuple[int, int] = SHAPE) -> Pyramid:
    levels = np.full(shape, grey, np.uint16)
    levels[:2, :2] = 0
    levels[-2:, -2:] = 4000
    windows = Window(2000.0, 4000.0), Window(1000.0, 1000.0)
    return Pyramid(
        DisplayFilm(
            source=Path(name),
            facts=FilmFacts(
                shape,
                ViewPosition.PA,
                PixelSpacing(0.5, 0.5, SpacingOrigin.IMAGER_PIXEL_SPACING),
                Identity(patient_id="P1"),
                12,
                "",
                orientation=PatientOrientation("L", "F"),
            ),
            levels=levels,
            first=0.0,
            step=1.0,
            presentations=tuple(
                Presentation(f"window {n}", window, presentation_lut(window, first=0.0, step=1.0))
                for n, window in enumerate(windows, 1)
            ),
        )
    )


class _Window(QMainWindow):
    """A window of nothing but a stage; it answers for what is the main window's."""

    def __init__(self) -> None:
        super().__init__()
        self.stage = Stage()
        self.setCentralWidget(self.stage)
        self.handler = StageActions(self.stage)
        self.actions_by_name = build_menus(self, {"film": self.handler, "stage": self.handler}, partial=True)
        self.handler.attach(self.actions_by_name)


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[_Window]:
    window = _Window()
    window.resize(900, 700)
    window.show()
    window.stage.show_film(_pyramid("a.dcm"))
    window.activateWindow()
    QApplication.processEvents()
    yield window
    for each in window.handler.windows:
        each.close()
    window.close()
    QApplication.processEvents()


@pytest.fixture
def stage(window: _Window) -> Stage:
    return window.stage


def _hot(row: int, column: int) -> HeatMap:
    """A map of 4 × 4 cells of which one is hot."""
    values = np.full((4, 4), -5.0, np.float32)
    values[row, column] = 5.0
    laid = film_map(values, SPEC, film=SHAPE, out=(256, 256))
    lines = tuple(iso_lines(laid, low=0.0, high=6.0, film=SHAPE))
    return HeatMap(premultiplied_image(colour(laid, low=0.0, high=6.0)), "made", 0.0, 6.0, lines)


def _warm(picture: QImage) -> tuple[float, float]:
    """Middle of the reddish pixels."""
    found = [
        (x, y)
        for x in range(0, picture.width(), 3)
        for y in range(0, picture.height(), 3)
        if (colour := QColor(picture.pixel(x, y))).red() > colour.blue() + 60
    ]
    xs, ys = np.array(found).T
    return float(xs.mean()), float(ys.mean())


@pytest.mark.parametrize("contours", [False, True])
@pytest.mark.parametrize("pose", POSES)
def test_a_hot_cell_lies_over_its_place_however_the_film_lies(stage: Stage, pose: Pose, contours: bool) -> None:
    """Cell (1, 2) of 4 × 4 looks at 5/8 of the width and 3/8 of the height."""
    viewer = stage.main
    viewer.tell(overlays=False)
    stage.tell(contours=contours)
    viewer.change(lambda view: view.lay(pose))
    viewer.change(lambda view: view.zoom(0.8, (350.0, 300.0)))
    stage.set_heat(_hot(1, 2))
    picture = viewer.grab().toImage()
    # The legend and the notices are warm as well: look only at the film's own middle.
    left, top, right, bottom = (round(side) for side in viewer.view_transform.bounds(SHAPE))
    top, bottom = max(top, 195), min(bottom, viewer.height() - 110)
    x, y = _warm(picture.copy(left, top, right - left, bottom - top))
    expected = viewer.view_transform.to_screen(5 / 8 * SHAPE[1], 3 / 8 * SHAPE[0])
    assert (x + left, y + top) == pytest.approx(expected, abs=12)


def _press(window: QMainWindow, qtbot: QtBot, key: Qt.Key, modifier: Qt.KeyboardModifier | None = None) -> None:
    window.activateWindow()
    qtbot.keyClick(window, key, modifier or Qt.KeyboardModifier.NoModifier)


SHIFT, ALT = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.AltModifier


def test_keys_turn_and_flip_and_the_letters_follow(window: _Window, stage: Stage, qtbot: QtBot) -> None:
    viewer = stage.main
    _press(window, qtbot, Qt.Key.Key_Period)
    assert viewer.view is not None
    assert viewer.view.letters is not None
    assert (viewer.view.letters.right, viewer.view.letters.top) == ("H", "R")
    _press(window, qtbot, Qt.Key.Key_Comma)
    _press(window, qtbot, Qt.Key.Key_X)
    assert viewer.view.letters.left == "L"
    assert viewer.view.pose.mirrored
    _press(window, qtbot, Qt.Key.Key_X, SHIFT)
    assert viewer.view.pose == UPRIGHT


def _has_colour(picture: QImage, name: str) -> bool:
    return any(picture.pixelColor(x, y).name() == name for x in range(picture.width()) for y in range(picture.height()))


def test_a_mirrored_film_says_so_even_without_words(stage: Stage) -> None:
    viewer = stage.main
    stage.tell(overlays=False)
    band = QPoint(viewer.width() // 2 - 200, 80)  # below the words, above the middle

    def warned() -> bool:
        return _has_colour(viewer.grab().toImage().copy(band.x(), band.y(), 400, 130), "#e58d78")

    assert not warned()
    viewer.change(lambda view: view.lay(view.pose.flipped()))
    assert warned()
    assert FLIPPED.startswith("FLIPPED")


def test_a_film_without_orientation_has_no_letters_and_says_why(
    stage: Stage, films: dict[str, Path], warm_pools: MakePool
) -> None:
    pool = warm_pools(workers=1)
    film = pool.display(films["dark"])
    assert isinstance(film, DisplayFilm)
    stage.show_film(Pyramid(film))
    assert stage.main.view is not None
    assert stage.main.view.letters is None
    assert "orientation not stated in the file" in stage.main.annotations.lines


def test_keys_choose_contrast(window: _Window, stage: Stage, qtbot: QtBot) -> None:
    viewer = stage.main
    for key in (Qt.Key.Key_2, Qt.Key.Key_3, Qt.Key.Key_4, Qt.Key.Key_5):
        _press(window, qtbot, key)
        assert viewer.film_window is not None
        assert "percentiles" in viewer.film_window.explanation
    before = viewer.film_window
    assert before is not None
    _press(window, qtbot, Qt.Key.Key_Right, ALT)
    assert viewer.film_window.width > before.width
    _press(window, qtbot, Qt.Key.Key_Up, ALT)
    assert viewer.film_window.center < before.center
    _press(window, qtbot, Qt.Key.Key_V)
    assert viewer.view is not None
    assert (viewer.film_window, viewer.view.presentation) == (None, 1)
    _press(window, qtbot, Qt.Key.Key_W)
    assert viewer.view.presentation == 0


def test_the_menu_offers_the_films_own_presentations_by_name(window: _Window, stage: Stage) -> None:
    action = window.actions_by_name["next_presentation"]
    owner = next(each for each in window.menuBar().actions() if each.text() == "C&ontrast").menu()
    menu = next(each.menu() for each in owner.actions() if each.menu() is not None)  # type: ignore[attr-defined]
    menu.aboutToShow.emit()
    assert [each.text() for each in menu.actions()] == ["window 1", "window 2"]
    menu.actions()[1].trigger()
    assert stage.main.view is not None
    assert stage.main.view.presentation == 1
    assert action in owner.actions()  # type: ignore[attr-defined]


def _drag(stage: Stage, qtbot: QtBot, start: tuple[int, int], end: tuple[int, int]) -> None:
    viewer = stage.main
    qtbot.mousePress(viewer, Qt.MouseButton.LeftButton, pos=QPoint(*start))
    qtbot.mouseMove(viewer, QPoint(*end))
    qtbot.mouseRelease(viewer, Qt.MouseButton.LeftButton, pos=QPoint(*end))


def test_rulers_are_drawn_undone_and_deleted(window: _Window, stage: Stage, qtbot: QtBot) -> None:
    _press(window, qtbot, Qt.Key.Key_R)
    assert stage.main.tool is Tool.RULER
    _drag(stage, qtbot, (300, 300), (500, 300))
    (ruler,) = stage.main.measurements.items
    scale = stage.main.view_transform.scale
    assert ruler.segments[0].length(PixelSpacing(0.5, 0.5, SpacingOrigin.PIXEL_SPACING)) == pytest.approx(
        200 / scale * 0.5
    )
    assert stage.main.film_window is None
    _drag(stage, qtbot, (300, 400), (350, 450))
    _press(window, qtbot, Qt.Key.Key_Backspace)
    assert len(stage.main.measurements.items) == 1
    _press(window, qtbot, Qt.Key.Key_Delete)
    assert stage.main.measurements.items == ()
    _press(window, qtbot, Qt.Key.Key_Escape)
    _drag(stage, qtbot, (300, 300), (400, 300))
    assert stage.main.film_window is not None
    assert stage.main.measurements.items == ()


def test_overlays_magnifier_lines_and_held_keys(window: _Window, stage: Stage, qtbot: QtBot) -> None:
    viewer = stage.main

    def seen() -> QImage:
        return viewer.grab().toImage()

    plain = seen()
    _press(window, qtbot, Qt.Key.Key_O)
    assert seen() != plain
    _press(window, qtbot, Qt.Key.Key_O)
    assert seen() == plain
    _press(window, qtbot, Qt.Key.Key_G)
    assert seen() != plain
    two = seen()
    _press(window, qtbot, Qt.Key.Key_G, SHIFT)
    assert viewer.shown.magnification == 3
    assert seen() != two
    _press(window, qtbot, Qt.Key.Key_G)
    viewer.setFocus()
    qtbot.keyPress(viewer, Qt.Key.Key_Z)
    assert seen() != plain
    qtbot.keyRelease(viewer, Qt.Key.Key_Z)
    assert seen() == plain
    stage.set_heat(_hot(2, 2))
    colours = seen()
    _press(window, qtbot, Qt.Key.Key_H, SHIFT)
    assert seen() != colours
    _press(window, qtbot, Qt.Key.Key_H)
    assert seen() == plain


def test_the_magnifier_shows_the_pixels_under_the_cursor_enlarged(stage: Stage) -> None:
    """A film that is white right of column 200: the magnifier's edge stays under the cursor."""
    pyramid = _pyramid("edge")
    pyramid.film.levels[:, 200:] = 4000
    stage.show_film(pyramid)
    viewer = stage.main
    x, y = viewer.view_transform.to_screen(200, 150)
    viewer.tell(overlays=False, magnifier=True, magnification=4, cursor=QPointF(x, y))
    picture = viewer.grab().toImage()
    assert picture.pixelColor(round(x) - 20, round(y)).red() < 100
    assert picture.pixelColor(round(x) + 20, round(y)).red() > 240


def test_without_a_companion_it_is_said_in_one_sentence(window: _Window, stage: Stage, qtbot: QtBot) -> None:
    with qtbot.waitSignal(stage.companion_wanted, timeout=60000):
        _press(window, qtbot, Qt.Key.Key_C)
    assert stage.beside is Beside.COMPANION
    assert stage.companion.isVisible()
    assert stage.companion.message == NO_COMPANION
    stage.compare(None, "The prior cannot be read.")
    assert stage.companion.message == "The prior cannot be read."
    _press(window, qtbot, Qt.Key.Key_C)
    assert not stage.companion.isVisible()


def test_two_films_zoom_together_unless_unlinked(window: _Window, stage: Stage, qtbot: QtBot) -> None:
    stage.compare(_pyramid("b.dcm", shape=(800, 500)), "Prior of 2020")
    assert window.actions_by_name["compare"].isChecked()
    QApplication.processEvents()
    stage.main.zoom(3.0, QPointF(100, 200))
    one, other = stage.main.view, stage.companion.view
    assert one is not None
    assert other is not None

    def middle(view: object) -> tuple[float, float]:
        x, y = view.transform.to_film(view.screen[1] / 2, view.screen[0] / 2)  # type: ignore[attr-defined]
        return x / view.shape[1], y / view.shape[0]  # type: ignore[attr-defined]

    assert middle(other) == pytest.approx(middle(one), abs=0.01)
    stage.companion.zoom(0.7)
    assert middle(one) == pytest.approx(middle(other), abs=0.01)
    before = other.transform
    _press(window, qtbot, Qt.Key.Key_L)
    stage.main.zoom(2.0)
    assert other.transform == before


def test_windows_are_linked_only_when_asked(window: _Window, stage: Stage, qtbot: QtBot) -> None:
    stage.compare(_pyramid("b.dcm"), "Prior")
    stage.main.change(lambda view: view.drag_window(view.shown_window, 60, 0))
    assert stage.companion.film_window is None
    _press(window, qtbot, Qt.Key.Key_L, SHIFT)
    stage.main.change(lambda view: view.drag_window(view.shown_window, 60, 0))
    assert stage.companion.film_window == stage.main.film_window


def test_keys_act_on_the_film_that_was_chosen(window: _Window, stage: Stage, qtbot: QtBot) -> None:
    stage.compare(_pyramid("b.dcm"), "Prior")
    stage.main.setFocus()
    _press(window, qtbot, Qt.Key.Key_C, SHIFT)
    assert stage.active is stage.companion
    _press(window, qtbot, Qt.Key.Key_I)
    assert (stage.main.inverted, stage.companion.inverted) == (False, True)
    _press(window, qtbot, Qt.Key.Key_C, SHIFT)
    assert not window.actions_by_name["invert"].isChecked()
    assert stage.companion.inverted


def test_the_next_film_never_stands_beside_the_last_ones_prior(stage: Stage) -> None:
    stage.compare(_pyramid("b.dcm"), "Prior")
    wanted: list[bool] = []
    stage.companion_wanted.connect(lambda: wanted.append(True))
    stage.show_film(_pyramid("other-patient.dcm"))
    assert wanted == [True]
    assert stage.companion.view is None
    assert stage.companion.annotations.identity == ()


def test_what_the_model_saw_are_the_very_pixels(
    stage: Stage, qtbot: QtBot, films: dict[str, Path], warm_pools: MakePool
) -> None:
    pool = warm_pools(workers=1)
    film = pool.display(films["dark"])
    (prepared,) = next(iter(pool.prepare([films["dark"]], SPEC)))
    assert isinstance(film, DisplayFilm)
    inputs = ModelInputs(warm_pools(workers=1))
    inputs.made.connect(stage.show_model_view)
    stage.model_view_wanted.connect(lambda path: inputs.request(path, SPEC))
    try:
        stage.show_film(Pyramid(film))
        stage.want_model_view(True)
        qtbot.waitUntil(lambda: stage.companion.view is not None, timeout=60000)
    finally:
        inputs.close()
    shown = stage.companion.view
    assert shown is not None
    np.testing.assert_array_equal(shown.lut()[shown.film.levels], prepared.pixels)  # type: ignore[union-attr]
    assert stage.companion.shown.title == "What the model saw"
    assert stage.companion.annotations.lines == ("64×64 pixels of 8 bits, pixel path version 1",)
    left, top, *_ = stage.companion.view_transform.bounds((64, 64))
    scale = stage.companion.view_transform.scale
    stage.companion.tell(overlays=False)
    picture = stage.companion.grab().toImage()
    for row, column in ((40, 20), (33, 50)):
        at = QPoint(round(left + (column + 0.5) * scale), round(top + (row + 0.5) * scale))
        assert picture.pixelColor(at).red() == prepared.pixels[row, column]  # type: ignore[union-attr]


def test_a_film_opens_in_a_window_of_its_own_with_its_own_keys(window: _Window, stage: Stage, qtbot: QtBot) -> None:
    stage.main.change(lambda view: view.lay(view.pose.flipped()))
    stage.set_heat(_hot(0, 0))
    _press(window, qtbot, Qt.Key.Key_W, Qt.KeyboardModifier.ControlModifier | SHIFT)
    (film_window,) = window.handler.windows
    viewer = film_window.stage.main
    assert viewer.shown_source == Path("a.dcm")
    assert viewer.view is not None
    assert viewer.view.pose.mirrored
    assert viewer.heat is stage.main.heat
    assert "a.dcm" not in film_window.windowTitle()
    assert "NOT FOR CLINICAL USE" in film_window.windowTitle()
    film_window.activateWindow()
    qtbot.waitUntil(film_window.isActiveWindow, timeout=60000)
    _press(film_window, qtbot, Qt.Key.Key_I)
    assert viewer.inverted
    assert not stage.main.inverted
    window.handler.set_identity_hidden(True)
    assert viewer.shown.above() == [*viewer.annotations.lines]
    _press(film_window, qtbot, Qt.Key.Key_W, Qt.KeyboardModifier.ControlModifier)
    assert window.handler.windows == []


def test_full_screen_and_back(window: _Window, qtbot: QtBot) -> None:
    _press(window, qtbot, Qt.Key.Key_F11)
    assert window.isFullScreen()
    _press(window, qtbot, Qt.Key.Key_F11)
    assert not window.isFullScreen()


def test_one_to_one_is_in_the_screens_own_pixels(stage: Stage) -> None:
    viewer = stage.main
    assert viewer.view is not None
    viewer.change(lambda view: view.one_to_one(2.0))
    assert viewer.view_transform.scale == pytest.approx(0.5)
    assert viewer.view.lines(2.0, None)[1].startswith("100%")


def test_every_presentation_of_a_file_comes_with_its_explanation(
    tmp_path: Path, make_dicom: Callable[..., Path], warm_pools: MakePool
) -> None:
    path = make_dicom(tmp_path / "film.dcm")
    pool = warm_pools(workers=1)
    film = pool.display(path)
    assert isinstance(film, DisplayFilm)
    assert [each.name for each in film.presentations] == ["window 1: NORMAL", "window 2: HARDER"]
    assert film.presentations[1].window.width == pytest.approx(499.0)
    assert film.facts.orientation == PatientOrientation("L", "F")


def test_no_word_below_the_film_is_cut_on_a_narrow_pane(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[tuple[str, float]] = []
    monkeypatch.setattr(annotations, "write", lambda _painter, text, at, colour: written.append((text, at.y())))
    image = QImage(240, 400, QImage.Format.Format_RGB32)
    painter = QPainter(image)
    below = ["W 255  L 128  (film's own: as the model takes it)", "233%"]
    annotations.draw_corners(painter, QRect(0, 0, 240, 400), title="", above=[], below=below)
    metrics = painter.fontMetrics()
    painter.end()
    assert " ".join(text for text, _ in written).split() == " ".join(below).split()
    assert len(written) > len(below)
    assert all(metrics.horizontalAdvance(text) <= 240 for text, _ in written)
    assert max(y for _, y in written) <= 400 - metrics.descent()
