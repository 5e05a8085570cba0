"""The window with real widgets, without a display."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("PySide6")

from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QImage, QWheelEvent
from PySide6.QtWidgets import QApplication, QDialog
from pytestqt.qtbot import QtBot

from cxr_desktop.inference.kinds import Wanted
from cxr_desktop.inference.lanes import Lane
from cxr_desktop.inference.verdict import Scored
from cxr_desktop.intake.pool import MakePool
from cxr_desktop.ui.desk import Desk
from cxr_desktop.ui.dialogs import Dialogs
from cxr_desktop.ui.providers_dialog import ProvidersDialog
from cxr_desktop.ui.screenshot import render_screenshot
from cxr_desktop.ui.widgets.viewer import FilmViewer
from cxr_desktop.ui.window import MainWindow
from cxr_desktop.worklist.order import Column
from cxr_desktop.worklist.row import Row
from cxr_shared.bundle import Bundle
from cxr_shared.findings import Target


class _Answers(Dialogs):
    """Answers in place of a person."""

    def __init__(self) -> None:
        self.paths: list[Path] = []

    def films(self) -> list[Path]:
        return self.paths

    def folder(self) -> Path | None:
        return self.paths[0] if self.paths else None

    def folder_to_watch(self) -> Path | None:
        return self.folder()

    def bundle(self) -> Path | None:
        return self.folder()

    def save(self, title: str, name: str) -> Path | None:
        return self.folder()

    def export_folder(self) -> Path | None:
        return self.folder()


@pytest.fixture
def answers() -> _Answers:
    return _Answers()


@pytest.fixture
def window(qtbot: QtBot, answers: _Answers, warm_pools: MakePool) -> Iterator[MainWindow]:
    window = MainWindow(Desk(make_pool=warm_pools), dialogs=answers)
    window.resize(1200, 800)
    window.show()
    yield window
    window.close()
    QApplication.processEvents()


@pytest.fixture
def scored(window: MainWindow, qtbot: QtBot, bundle: Bundle, films: dict[str, Path]) -> MainWindow:
    """A window in which all films are scored and the most urgent one is shown."""
    window.desk.use_bundle(bundle, wanted=Wanted.CPU)
    window.open_paths([films["dark"].parent])
    qtbot.waitUntil(lambda: _done(window, len(films)), timeout=60000)
    window.list_actions.most_urgent()
    qtbot.waitUntil(lambda: window.viewer.shown_source == films["dark"], timeout=60000)
    return window


def _done(window: MainWindow, films: int = 1) -> bool:
    return len(window.desk.sheet.rows) >= films and not window.desk.sheet.count(Lane.WAITING)


def _names(window: MainWindow) -> list[str]:
    return [window.table.films.row(place).source.stem for place in range(window.table.films.rowCount())]


def _press(window: MainWindow, qtbot: QtBot, keys: Qt.Key) -> None:
    window.activateWindow()
    qtbot.keyClick(window, keys)


def test_films_appear_waiting_and_are_then_sorted_by_urgency(scored: MainWindow) -> None:
    assert _names(scored) == ["dark", "bright", "broken", "middle"]
    lanes = [scored.table.films.row(place).lane for place in range(4)]
    assert lanes == [Lane.URGENT, Lane.URGENT, Lane.REFUSED, Lane.UNCONFIRMED]


def test_a_refused_film_is_above_normal_ones_in_its_own_words(scored: MainWindow) -> None:
    index = scored.table.films.index(2, Column.WHY)
    assert "no image" in str(index.data())
    assert scored.table.films.index(2, Column.URGENCY).data() == "–"
    scored.table.open(2)
    assert scored.side.why.startswith("Not scored.")
    assert scored.side.scores.target is None


def test_sorting_by_another_column_and_back(scored: MainWindow) -> None:
    scored.table.sortByColumn(Column.FILM, Qt.SortOrder.AscendingOrder)
    assert _names(scored) == ["bright", "broken", "dark", "middle"]
    scored.list_actions.most_urgent()
    assert _names(scored)[0] == "dark"
    assert scored.table.row is scored.table.films.row(0)


def test_without_a_bundle_it_is_a_viewer_and_says_how_to_get_one(
    window: MainWindow, qtbot: QtBot, films: dict[str, Path]
) -> None:
    window.open_paths([films["dark"]])
    qtbot.waitUntil(lambda: window.viewer.shown_source == films["dark"], timeout=60000)
    assert "cxr-export onnx" in window.notice.text
    assert window.side.why == "Not scored: no bundle is open."
    assert window.status.bundle.text() == "bundle: none"


def test_films_that_were_open_are_scored_when_a_bundle_comes(
    window: MainWindow, qtbot: QtBot, answers: _Answers, films: dict[str, Path], bundle_path: Path
) -> None:
    answers.paths = [films["dark"], films["bright"]]
    window.actions_by_name["open_films"].trigger()
    qtbot.waitUntil(lambda: len(window.desk.sheet.rows) == 2, timeout=60000)
    answers.paths = [bundle_path]
    window.actions_by_name["open_bundle"].trigger()
    qtbot.waitUntil(lambda: _done(window), timeout=60000)
    assert {row.lane for row in window.desk.sheet.rows} == {Lane.URGENT}
    assert window.notice.text == ""


def test_the_badges_say_which_provider_runs_and_why(scored: MainWindow, bundle: Bundle) -> None:
    assert scored.status.provider.text() == "CPU: as asked"
    assert bundle.sha256[:8] in scored.status.bundle.text()
    assert bundle.sha256 in scored.status.bundle.toolTip()


def _shown(window: MainWindow, title: str) -> QDialog:
    return next(each for each in window.findChildren(QDialog) if each.isVisible() and each.windowTitle() == title)


def test_the_badges_open_what_is_known_by_mouse_and_by_key(scored: MainWindow, qtbot: QtBot) -> None:
    qtbot.mouseClick(scored.status.bundle, Qt.MouseButton.LeftButton)
    assert _shown(scored, "About this bundle").close()
    qtbot.keyClick(scored.status.provider, Qt.Key.Key_Return)
    dialog = _shown(scored, "Providers")
    assert isinstance(dialog, ProvidersDialog)
    assert dialog.rows[1][:2] == ("CPU (runs now)", "yes")
    assert "Proving" in dialog.note
    qtbot.waitUntil(lambda: dialog.note == "", timeout=60000)
    names = [row[0] for row in dialog.rows]
    assert names[-1] == "CPU (runs now)"
    assert any(name.startswith("CUDA") for name in names) or sys.platform == "darwin"
    assert all(row[3] for row in dialog.rows)
    assert dialog.close()
    QApplication.processEvents()
    scored.actions_by_name["show_providers"].trigger()  # a closed table opens anew
    assert _shown(scored, "Providers").close()


def test_without_a_bundle_the_providers_are_proved_with_a_toy(window: MainWindow, qtbot: QtBot) -> None:
    window.actions_by_name["show_providers"].trigger()
    dialog = _shown(window, "Providers")
    assert isinstance(dialog, ProvidersDialog)
    assert len(dialog.rows) == 1
    qtbot.waitUntil(lambda: dialog.note == "", timeout=60000)
    assert dialog.rows[-1][:2] == ("CPU", "yes")


def test_a_damaged_bundle_is_explained_and_the_window_goes_on(
    window: MainWindow, qtbot: QtBot, films: dict[str, Path]
) -> None:
    window.desk.open_bundle(films["broken"])
    qtbot.waitUntil(lambda: "not a sound bundle" in window.notice.text, timeout=60000)
    window.open_paths([films["dark"]])
    qtbot.waitUntil(lambda: window.viewer.shown_source == films["dark"], timeout=60000)


def _drag(viewer: FilmViewer, qtbot: QtBot, button: Qt.MouseButton) -> None:
    qtbot.mousePress(viewer, button, pos=QPoint(200, 200))
    qtbot.mouseMove(viewer, QPoint(260, 230))
    qtbot.mouseRelease(viewer, button, pos=QPoint(260, 230))


@pytest.mark.parametrize("button", [Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton])
def test_a_drag_changes_window_and_level_and_w_resets_them(
    scored: MainWindow, qtbot: QtBot, button: Qt.MouseButton
) -> None:
    viewer = scored.viewer
    assert viewer.film_window is None
    before = _grab(viewer)
    _drag(viewer, qtbot, button)
    assert viewer.film_window is not None
    assert viewer.film_window.width == pytest.approx(255 * 1.2, rel=0.02)
    assert viewer.film_window.center > 127
    assert _grab(viewer) != before
    _press(scored, qtbot, Qt.Key.Key_W)
    assert viewer.film_window is None


def test_the_wheel_zooms_to_the_cursor(scored: MainWindow) -> None:
    viewer = scored.viewer
    at = QPointF(300, 250)
    before = viewer.view_transform
    viewer.wheelEvent(_wheel(viewer, at, 120))
    after = viewer.view_transform
    assert after.scale == pytest.approx(before.scale * 1.2)
    assert after.to_film(300, 250) == pytest.approx(before.to_film(300, 250))
    viewer.wheelEvent(_wheel(viewer, at, -120))
    assert viewer.view_transform.scale == pytest.approx(before.scale)


def test_middle_drag_and_space_drag_pan_and_double_click_fits(scored: MainWindow, qtbot: QtBot) -> None:
    viewer = scored.viewer
    fit = viewer.view_transform
    _drag(viewer, qtbot, Qt.MouseButton.MiddleButton)
    assert (viewer.view_transform.x - fit.x, viewer.view_transform.y - fit.y) == pytest.approx((60, 30))
    qtbot.keyPress(viewer, Qt.Key.Key_Space)
    _drag(viewer, qtbot, Qt.MouseButton.LeftButton)
    qtbot.keyRelease(viewer, Qt.Key.Key_Space)
    assert viewer.view_transform.x - fit.x == pytest.approx(120)
    assert viewer.film_window is None
    qtbot.mouseDClick(viewer, Qt.MouseButton.LeftButton, pos=QPoint(100, 100))
    assert viewer.view_transform == fit


def test_keys_invert_zoom_and_fit(scored: MainWindow, qtbot: QtBot) -> None:
    viewer, fit = scored.viewer, scored.viewer.view_transform
    scored.stage.set_heat_shown(False)
    centre = QPoint(viewer.width() // 2, viewer.height() // 2)
    grey = viewer.grab().toImage().pixelColor(centre).red()
    _press(scored, qtbot, Qt.Key.Key_I)
    assert viewer.inverted
    assert viewer.grab().toImage().pixelColor(centre).red() == pytest.approx(255 - grey, abs=2)
    _press(scored, qtbot, Qt.Key.Key_Plus)
    assert viewer.view_transform.scale > fit.scale
    _press(scored, qtbot, Qt.Key.Key_1)
    assert viewer.view_transform.scale == pytest.approx(1.0)
    _press(scored, qtbot, Qt.Key.Key_F)
    assert viewer.view_transform == fit


def test_keys_step_through_films_and_stop_at_the_ends(scored: MainWindow, qtbot: QtBot) -> None:
    def shown() -> str:
        assert scored.table.row is not None
        return scored.table.row.source.stem

    for key, name in [
        (Qt.Key.Key_J, "bright"),
        (Qt.Key.Key_Right, "broken"),
        (Qt.Key.Key_Down, "middle"),
        (Qt.Key.Key_J, "middle"),
        (Qt.Key.Key_K, "broken"),
        (Qt.Key.Key_Home, "dark"),
        (Qt.Key.Key_Left, "dark"),
    ]:
        _press(scored, qtbot, key)
        assert shown() == name


def test_a_click_on_a_score_chooses_the_heat_map(scored: MainWindow, qtbot: QtBot) -> None:
    scores = scored.side.scores
    assert scores.target is Target.PNEUMOTHORAX
    before = _grab(scored.viewer)
    qtbot.mouseClick(scores, Qt.MouseButton.LeftButton, pos=QPoint(40, 45))
    assert scores.target is Target.EFFUSION
    assert _grab(scored.viewer) != before
    _press(scored, qtbot, Qt.Key.Key_T)
    assert scores.target is Target.PNEUMOTHORAX
    scores.setFocus()
    qtbot.keyClick(scores, Qt.Key.Key_Down)
    assert scores.target is Target.EFFUSION


def test_h_hides_the_heat_map_and_opacity_changes_it(scored: MainWindow, qtbot: QtBot) -> None:
    viewer = scored.viewer
    with_heat = _grab(viewer)
    _press(scored, qtbot, Qt.Key.Key_H)
    assert not viewer.heat_shown
    assert not scored.side.heat.isChecked()
    without = _grab(viewer)
    assert without != with_heat
    _press(scored, qtbot, Qt.Key.Key_H)
    assert _grab(viewer) == with_heat
    scored.side.opacity.setValue(0)
    assert viewer.opacity == 0.0
    scored.stage_actions.more_opaque()
    assert viewer.opacity == pytest.approx(0.1)


def test_the_heat_map_is_warm_over_the_film_only(scored: MainWindow) -> None:
    """The dark film is a pneumothorax everywhere: the overlay reddens grey pixels, and nothing outside."""
    viewer = scored.viewer
    image = viewer.grab().toImage()
    inside = image.pixelColor(viewer.width() // 2, viewer.height() // 2)
    _, top = viewer.view_transform.to_screen(0, 0)
    outside = image.pixelColor(viewer.width() // 2, int(top) - 8)
    assert inside.red() > inside.blue() + 10
    assert (outside.red(), outside.green(), outside.blue()) == (0, 0, 0)


def test_dropped_files_folders_and_bundles_are_opened(
    window: MainWindow, qtbot: QtBot, films: dict[str, Path], bundle_path: Path
) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in (films["dark"].parent, bundle_path)])
    window.dropEvent(
        QDropEvent(
            QPointF(50, 50), Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        )
    )
    qtbot.waitUntil(lambda: _done(window, 4), timeout=60000)
    assert len(window.desk.sheet.rows) == 4
    assert window.desk.loaded is not None


def test_a_bundle_among_the_paths_of_the_command_line_is_used(
    window: MainWindow, qtbot: QtBot, films: dict[str, Path], bundle_path: Path
) -> None:
    """A file manager opens a bundle as `cxr-desktop chest.cxr`."""
    window.open_paths([bundle_path])
    qtbot.waitUntil(lambda: window.desk.loaded is not None, timeout=60000)
    assert window.notice.text == ""
    window.open_paths([films["dark"], bundle_path])
    qtbot.waitUntil(lambda: _done(window) and len(window.desk.sheet.rows) == 1, timeout=60000)


def test_a_film_that_is_opened_twice_is_one_row(
    scored: MainWindow, qtbot: QtBot, films: dict[str, Path], tmp_path: Path, write_film: Callable[..., Path]
) -> None:
    last = write_film(tmp_path / "last.png", grey=90)
    scored.open_paths([films["dark"], films["dark"].parent, last])
    qtbot.waitUntil(lambda: scored.desk.sheet.row_of(last) is not None, timeout=60000)
    assert len(scored.desk.sheet.rows) == 5


def test_export_writes_what_the_window_shows(
    scored: MainWindow, qtbot: QtBot, answers: _Answers, tmp_path: Path
) -> None:
    for name, export in (("w.json", scored.exports.export_json), ("w.csv", scored.exports.export_csv)):
        answers.paths = [tmp_path / name]
        export()
        qtbot.waitUntil(lambda name=name: name in scored.notice.text, timeout=60000)
    document = json.loads((tmp_path / "w.json").read_text())
    assert [Path(film["file"]).stem for film in document["films"]] == _names(scored)


def test_export_that_fails_says_why(
    scored: MainWindow, qtbot: QtBot, answers: _Answers, films: dict[str, Path]
) -> None:
    answers.paths = [films["dark"] / "w.json"]
    scored.exports.export_json()
    qtbot.waitUntil(lambda: "Could not write" in scored.notice.text, timeout=60000)


def test_details_of_a_fault_hold_no_path_no_name_and_no_patient(
    scored: MainWindow, qtbot: QtBot, answers: _Answers, bundle: Bundle, tmp_path: Path
) -> None:
    folder = tmp_path / "Jane van Doe"
    folder.write_text("no folder")
    answers.paths = [folder / "work list of Jane Doe"]
    scored.notice.tell("A word that fades.")
    assert not scored.notice.copy.isVisible()
    scored.exports.export_json()
    qtbot.waitUntil(lambda: "Jane" in scored.notice.text, timeout=60000)
    qtbot.mouseClick(scored.notice.copy, Qt.MouseButton.LeftButton)
    assert scored.notice.copy.text() == "Copied"
    copied = QApplication.clipboard().text()
    folders = (f"{os.sep}{part}" for part in tmp_path.parts[1:])  # one may be called by a word of the text
    assert not [word for word in ("Jane", "van", "Doe", "work list", tmp_path.name, *folders) if word in copied]
    assert "Could not write" in copied
    assert bundle.sha256 in copied
    for word in ("cxr-triage", "Python", "Qt", "onnxruntime", "provider: CPU", platform.system()):
        assert word in copied


def test_not_for_clinical_use_is_in_the_picture_itself(scored: MainWindow) -> None:
    viewer = scored.viewer
    corner = viewer.grab().toImage().copy(viewer.width() - 190, 8, 180, 20)
    colours = {corner.pixelColor(x, y).name() for x in range(180) for y in range(20)}
    assert "#cf9a4a" in colours
    assert "NOT FOR CLINICAL USE" in scored.windowTitle()


def test_closing_while_scoring_ends_everything_at_once(
    qtbot: QtBot, bundle: Bundle, write_film: Callable[..., Path], tmp_path: Path
) -> None:
    window = MainWindow(Desk())
    window.show()
    one = write_film(tmp_path / "0.png", grey=40, shape=(2000, 2000))
    for number in range(1, 2000):
        (tmp_path / f"{number}.png").hardlink_to(one)
    window.desk.use_bundle(bundle, wanted=Wanted.CPU)
    window.desk.open_paths([tmp_path / f"{number}.png" for number in range(2000)])
    qtbot.waitUntil(lambda: any(isinstance(row.verdict, Scored) for row in window.desk.sheet.rows), timeout=60000)
    start = time.monotonic()
    window.close()
    assert time.monotonic() - start < 30, "all films would take minutes"


def test_the_window_answers_while_thousands_of_films_are_added(window: MainWindow) -> None:
    start = time.thread_time()  # of the window's thread alone, however loaded the machine is
    window.table.films.add([Path(f"/nowhere/film-{number}.png") for number in range(3000)])
    assert time.thread_time() - start < 1.0


def test_what_a_search_needs_is_there_before_its_first_key(
    window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    window.table.films.add([Path(f"/nowhere/film-{number}.png") for number in range(1000)])
    window.table.films.arrange()
    assert not window.table.films.searchable
    qtbot.waitUntil(lambda: window.table.films.searchable, timeout=60000)

    def late(row: Row) -> str:
        raise AssertionError(f"row {row.number} was not ready to be searched")

    monkeypatch.setattr("cxr_desktop.worklist.order._film_of", late)
    monkeypatch.setattr("cxr_desktop.worklist.order._scores_of", late)
    window.list.lanes.search.setText("film-99")
    assert len(window.table.films.shown) == 11


def test_a_screenshot_shows_text_and_film(
    qapp: QApplication, bundle: Bundle, films: dict[str, Path], tmp_path: Path
) -> None:
    picture = tmp_path / "window.png"
    render_screenshot(bundle, list(films.values()), picture, size=(1100, 700), wanted=Wanted.CPU)
    image = QImage(str(picture))
    assert (image.width(), image.height()) == (1100, 700)
    colours = {image.pixelColor(x, y).name() for x in range(0, 1100, 3) for y in range(0, 700, 3)}
    assert len(colours) > 200


def _wheel(viewer: FilmViewer, at: QPointF, delta: int) -> QWheelEvent:
    return QWheelEvent(
        at,
        QPointF(viewer.mapToGlobal(at.toPoint())),
        QPoint(),
        QPoint(0, delta),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )


def _grab(viewer: FilmViewer) -> QImage:
    """The film without its corners, where the cursor's value comes and goes."""
    return viewer.grab().toImage().copy(0, 60, viewer.width(), viewer.height() - 180)
