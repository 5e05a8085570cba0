"""What must not be seen is seen nowhere: scores while reading blind, patient data while they are hidden."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("PySide6")

from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from cxr_desktop.ui.details import REDACTED
from cxr_desktop.ui.film_window import FilmWindow
from cxr_desktop.ui.window import MainWindow
from cxr_desktop.worklist.order import Column
from cxr_shared.phantom import write_phantoms


def _window_of_its_own(qtbot: QtBot, window: MainWindow) -> FilmWindow:
    window.actions_by_name["open_window"].trigger()
    (film_window,) = window.stage_actions.windows
    return film_window


def test_reading_blind_takes_the_map_off_films_in_windows_of_their_own(
    room: Any, qtbot: QtBot, films: dict[str, Path]
) -> None:
    window = room.open_shown(films["dark"])
    beside = _window_of_its_own(qtbot, window)
    assert beside.stage.main.heat is not None
    window.actions_by_name["blind_first"].trigger()
    assert window.viewer.heat is None
    assert beside.stage.main.heat is None


def test_a_film_that_is_no_longer_committed_shows_its_map_nowhere(
    room: Any, qtbot: QtBot, films: dict[str, Path]
) -> None:
    window = room.open_shown(films["dark"])
    window.actions_by_name["blind_first"].trigger()
    window.reading_actions.mark_read()
    assert window.viewer.heat is not None
    beside = _window_of_its_own(qtbot, window)
    window.reading_actions.undo_reading()
    assert (window.viewer.heat, beside.stage.main.heat) == (None, None)


def test_maps_of_the_bundle_before_leave_windows_of_their_own(room: Any, qtbot: QtBot, films: dict[str, Path]) -> None:
    window = room.open_shown(films["dark"])
    beside, before = _window_of_its_own(qtbot, window), window.desk.loaded
    window.desk.use_bundle(room.bundle)
    qtbot.waitUntil(lambda: window.desk.loaded is not before, timeout=60000)
    assert beside.stage.main.heat is None


def test_reading_blind_no_word_of_the_window_tells_a_score(room: Any, qtbot: QtBot, films: dict[str, Path]) -> None:
    window = room.open_scored([films["dark"], films["bright"]])
    told = [row.why for row in window.desk.sheet.rows]
    scores = {f"{score.probability:.2f}" for row in window.desk.sheet.rows for score in row.scored.scores.values()}
    window.actions_by_name["blind_first"].trigger()
    QApplication.processEvents()
    words = "\n".join(_words(window))
    assert not [each for each in (*told, *scores) if each in words]
    for key in ("pneumothorax", "urgent", next(iter(scores))):
        window.list.lanes.search.setText(key)
        assert not window.table.films.shown
    window.list.lanes.search.clear()
    orders = set()
    for column in Column:
        window.table.sortByColumn(column, Qt.SortOrder.AscendingOrder)
        if column is not Column.FILM:
            orders.add(tuple(row.number for row in window.table.films.shown))
    assert orders == {(1, 2)}


def _words(window: MainWindow) -> list[str]:
    """Every word that the window's widgets show, or tell to who hovers or listens."""
    model = window.table.films
    cells = [
        str(model.index(row, column, QModelIndex()).data(role))
        for row in range(model.rowCount())
        for column in range(model.columnCount())
        for role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole)
    ]
    widgets = [window, *window.findChildren(QWidget)]
    said = [
        words
        for each in widgets
        for words in (each.toolTip(), each.accessibleName(), each.accessibleDescription(), each.windowTitle())
    ]
    labels = [label.text() for label in window.findChildren(QLabel)]
    return [*cells, *said, *labels]


def test_the_date_beside_a_prior_goes_with_the_patients_data(room: Any, qtbot: QtBot, tmp_path: Path) -> None:
    phantoms = write_phantoms(tmp_path / "phantoms", films=2, seed=0, dicom=True, workers=1)
    window = room.open_scored(list(phantoms.images))
    patients = [row.identity.patient_id for row in window.desk.sheet.rows]
    first = next(row for row in window.desk.sheet.rows if patients.count(row.identity.patient_id) > 1)
    window.table.open(window.table.films.place(first))
    qtbot.waitUntil(lambda: window.viewer.shown_source == first.source, timeout=60000)
    window.actions_by_name["compare"].trigger()
    companion = window.stage.companion
    qtbot.waitUntil(lambda: companion.shown_source is not None, timeout=60000)
    companion.tell(title="prior", dated_title="prior, 2024-01-31")
    assert companion.shown.heading() == "prior, 2024-01-31"
    window.actions_by_name["hide_patients"].trigger()
    assert companion.shown.heading() == "prior"
    companion.setFocus()
    window.actions_by_name["open_window"].trigger()
    (beside,) = window.stage_actions.windows
    assert "2024" not in beside.stage.main.shown.heading()


def test_a_notice_names_no_film_while_patient_data_are_hidden(room: Any, qtbot: QtBot, films: dict[str, Path]) -> None:
    named = films["dark"].rename(films["dark"].with_name("Doe Jane.png"))
    window = room.open_scored([named])
    window.notice.tell("Doe Jane.png is no DICOM file.", grave=True)
    window.actions_by_name["hide_patients"].trigger()
    assert window.notice.text == f"{REDACTED} is no DICOM file."
    window.notice.tell(f"{named} cannot be read.", grave=True)
    assert "Jane" not in window.notice.text
    window.actions_by_name["hide_patients"].trigger()
    assert window.notice.text == f"{named} cannot be read."


def test_details_and_notices_name_no_film_that_was_taken_off(room: Any, qtbot: QtBot, films: dict[str, Path]) -> None:
    named = films["dark"].rename(films["dark"].with_name("Doe Jane"))
    window = room.open_scored([named, films["bright"]])
    window.notice.tell("Doe Jane is no DICOM file", grave=True)
    window.list_actions.take_off()
    window.notice.tell("Doe Jane is no DICOM file", grave=True)
    qtbot.mouseClick(window.notice.copy, Qt.MouseButton.LeftButton)
    assert "Jane" not in QApplication.clipboard().text()
    window.actions_by_name["hide_patients"].trigger()
    assert "Jane" not in window.notice.text
