"""The list and the reading, in a window with real widgets."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("PySide6")

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from cxr_desktop.inference.kinds import Wanted
from cxr_desktop.inference.lanes import Lane
from cxr_desktop.reports import Reports
from cxr_desktop.settings import Settings, SettingsDamagedError, load_settings
from cxr_desktop.store import Opinion
from cxr_desktop.ui.settings_dialog import SettingsDialog
from cxr_desktop.ui.window import MainWindow
from cxr_desktop.worklist.order import Column
from cxr_desktop.worklist.row import Row
from cxr_shared.findings import Target
from cxr_shared.phantom import write_phantoms


def _press(window: MainWindow, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    window.activateWindow()
    window.table.setFocus()
    QApplication.processEvents()
    room_bot.keyClick(window.table, key, modifier)


room_bot: QtBot


@pytest.fixture(autouse=True)
def _bot(qtbot: QtBot) -> None:
    global room_bot  # noqa: PLW0603
    room_bot = qtbot


def _names(window: MainWindow) -> list[str]:
    return [row.source.stem for row in window.table.films.shown]


def test_opinions_note_and_read_by_keys_outlive_the_window(room: Any, films: dict[str, Path]) -> None:
    window = room.open_scored([films["dark"].parent])
    _press(window, Qt.Key.Key_D)
    row = window.row
    assert row is not None
    assert row.read is not None
    assert row.read.opinions == {Target.PNEUMOTHORAX: Opinion.DISAGREE}
    assert window.side.reading.disagree.isChecked()
    _press(window, Qt.Key.Key_N)
    room.qtbot.keyClicks(window.side.reading.note, "skin fold")
    _press(window, Qt.Key.Key_M)  # leaving the note keeps it
    assert window.row is not row
    room.close()

    again = room.open()
    again.desk.remember()
    room.qtbot.waitUntil(lambda: len(again.table.films.shown) == 4, timeout=60000)
    kept = next(row for row in again.desk.sheet.rows if row.source == films["dark"])
    assert kept.read is not None
    assert (kept.read.note, kept.read.finished) == ("skin fold", True)
    assert kept.read.opinions == {Target.PNEUMOTHORAX: Opinion.DISAGREE}
    assert _names(again)[-1] == "dark"  # read films go last


def test_scores_that_were_kept_are_not_computed_again(room: Any, films: dict[str, Path]) -> None:
    room.open_scored([films["dark"], films["middle"]])
    room.close()
    again = room.open()
    again.desk.remember()
    judged: list[Any] = []
    again.desk.judged.connect(judged.append)
    again.desk.use_bundle(room.bundle, wanted=Wanted.CPU)
    room.qtbot.waitUntil(lambda: room.done(again, 2) and again.desk._scoring.recalled, timeout=60000)
    again.open_paths([films["bright"]])  # is scored after whatever is to be scored
    room.qtbot.waitUntil(lambda: bool(judged), timeout=60000)
    assert [verdict.source for verdict in judged] == [films["bright"]]
    again.list_actions.most_urgent()
    room.qtbot.waitUntil(lambda: again.viewer.shown_source == films["dark"], timeout=60000)
    assert again.row is not None
    assert again.row.scored is not None
    for target, score in again.row.scored.scores.items():
        assert again.row.scored.maps[target].mean() == pytest.approx(score.logit, abs=1e-4)


def test_escape_leaves_the_note_to_the_keys_of_the_window(room: Any, films: dict[str, Path]) -> None:
    window = room.open_scored([films["dark"]])
    _press(window, Qt.Key.Key_N)
    note = window.side.reading.note
    room.qtbot.keyClicks(note, "fold")
    room.qtbot.keyClick(note, Qt.Key.Key_Escape)
    assert not note.hasFocus()
    assert window.row is not None
    assert window.row.read is not None
    assert window.row.read.note == "fold"


def test_undo_takes_a_reading_back(room: Any, films: dict[str, Path]) -> None:
    window = room.open_scored([films["dark"], films["bright"]])
    _press(window, Qt.Key.Key_A)
    _press(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    row = window.row
    assert row is not None
    assert row.read is not None
    assert row.read.opinions == {}
    assert "Undone: agree on pneumothorax" in window.notice.text
    _press(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert "nothing to undo" in window.notice.text


def test_blind_first_hides_scores_until_committed(room: Any, films: dict[str, Path]) -> None:
    window = room.open_scored([films["dark"]])
    window.actions_by_name["blind_first"].trigger()
    place = window.table.films.index(0, Column.URGENCY)
    assert (place.data(), window.side.scores.blind) == ("–", True)
    assert "commit" in window.side.why
    target = window.target
    assert target is not None
    _press(window, Qt.Key.Key_A)  # reading blind, A says that the finding is present
    row = window.row
    assert row is not None
    assert row.read is not None
    assert (row.read.calls, row.read.opinions) == ({target: True}, {})
    _press(window, Qt.Key.Key_M)
    assert row.read is not None
    assert row.read.blind
    assert not row.finished
    expected = Opinion.AGREE if row.scored and row.scored.scores[target].positive else Opinion.DISAGREE
    assert row.read.opinions == {target: expected}
    assert not window.side.scores.blind
    assert window.table.films.index(0, Column.URGENCY).data() != "–"


def test_p_hides_who_the_patient_is_everywhere(room: Any, films: dict[str, Path]) -> None:
    window = room.open_scored([films["dark"]])
    room.qtbot.waitUntil(lambda: window.viewer.shown_source == films["dark"], timeout=60000)
    assert "dark.png" in window.windowTitle()
    _press(window, Qt.Key.Key_P)
    shown = [
        window.windowTitle(),
        *(str(window.table.films.index(0, column).data()) for column in Column),
        str(window.table.films.index(0, 0).data(Qt.ItemDataRole.ToolTipRole)),
    ]
    assert not [text for text in shown if "dark" in text]
    assert "Film 1" in window.windowTitle()
    _press(window, Qt.Key.Key_P)
    assert "dark.png" in window.windowTitle()


def test_lanes_and_search_leave_out_and_the_open_film_stays_open(room: Any, films: dict[str, Path]) -> None:
    window = room.open_scored([films["dark"].parent])
    row = window.row
    window.list.lanes.button(Lane.URGENT).click()
    assert set(_names(window)) == {"dark", "bright"}
    assert window.table.row is row
    window.list.lanes.button(None).click()
    _press(window, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    room.qtbot.keyClicks(window.list.lanes.search, "broken")
    assert _names(window) == ["broken"]
    window.list.lanes.search.clear()
    assert len(_names(window)) == 4


def test_films_are_taken_off_and_put_back(room: Any, films: dict[str, Path]) -> None:
    window = room.open_scored([films["dark"], films["bright"]])
    _press(window, Qt.Key.Key_Delete, Qt.KeyboardModifier.ControlModifier)
    assert _names(window) == ["bright"]
    assert "Ctrl+Shift+Z" in window.notice.text
    window.actions_by_name["put_back"].trigger()
    assert set(_names(window)) == {"dark", "bright"}


def test_settings_reorder_at_once_and_are_kept(room: Any, films: dict[str, Path]) -> None:
    window = room.open_scored([films["dark"], films["bright"]])
    assert _names(window) == ["dark", "bright"]
    window.actions_by_name["show_settings"].trigger()
    (dialog,) = [each for each in window.findChildren(SettingsDialog) if each.isVisible()]
    fields = [spin.lineEdit() for spin in (*dialog.weights.values(), dialog.urgent_from, dialog.ageing)]
    assert all(each.width() > each.fontMetrics().horizontalAdvance(each.text()) for each in fields)  # can be read
    dialog.weights[Target.PNEUMOTHORAX].setValue(0.1)
    dialog.accept()
    assert _names(window) == ["bright", "dark"]
    room.close()
    again = room.open_scored([films["dark"]])
    assert _names(again) == ["bright", "dark"]


def test_damaged_settings_are_put_aside_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{"policy": {"urgent_from": 7}}')
    with pytest.raises(SettingsDamagedError, match=r"put aside as settings\.json\.damaged"):
        load_settings(path)
    assert load_settings(path) == Settings()


def test_an_empty_window_offers_three_ways_to_begin(room: Any) -> None:
    window = room.open()
    assert window.welcome.isVisible()
    assert not window.stage.isVisible()
    window.welcome.buttons["open_demo"].click()
    room.qtbot.waitUntil(lambda: len(window.table.films.shown) == 12, timeout=120000)
    assert not window.welcome.isVisible()
    assert window.stage.isVisible()


def test_models_that_came_with_the_demo_are_opened_where_none_are(
    room: Any, bundle_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "program" / "demo").mkdir(parents=True)
    (tmp_path / "program" / "demo" / "demo.cxr").write_bytes(bundle_path.read_bytes())
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path / "program"), raising=False)
    window = room.open()
    window.welcome.buttons["open_demo"].click()
    room.qtbot.waitUntil(lambda: window.desk.loaded is not None, timeout=60000)
    room.qtbot.waitUntil(lambda: len(window.table.films.shown) == 12, timeout=120000)
    assert window.desk.loaded.bundle.path.name == "demo.cxr"


def test_c_shows_the_patients_other_film_beside_and_says_where_there_is_none(
    room: Any, films: dict[str, Path], tmp_path: Path
) -> None:
    phantoms = write_phantoms(tmp_path / "phantoms", films=6, seed=4, dicom=True, workers=1)
    window = room.open_scored([*phantoms.images, films["dark"]])
    rows = window.desk.sheet.rows
    first = next(row for row in rows if len(_of(rows, row.identity.patient_id)) > 1)
    place = window.table.films.place(first)
    assert place is not None
    window.table.open(place)
    room.qtbot.waitUntil(lambda: window.viewer.shown_source == first.source, timeout=60000)
    _press(window, Qt.Key.Key_C)
    room.qtbot.waitUntil(lambda: window.stage.companion.shown_source is not None, timeout=60000)
    beside = window.desk.sheet.row_of(window.stage.companion.shown_source or Path())
    assert beside is not None
    assert beside is not first
    assert beside.identity.patient_id == first.identity.patient_id
    alone = window.desk.sheet.row_of(films["dark"])
    assert alone is not None
    window.table.open(window.table.films.place(alone) or 0)
    room.qtbot.waitUntil(lambda: window.stage.companion.shown_source is None, timeout=60000)


def _of(rows: list[Row], patient: str) -> list[Row]:
    return [row for row in rows if patient and row.identity.patient_id == patient]


def test_what_was_read_goes_into_the_reports(room: Any, films: dict[str, Path], tmp_path: Path) -> None:
    window = room.open_scored([films["dark"], films["bright"]])
    _press(window, Qt.Key.Key_D)
    _press(window, Qt.Key.Key_N)
    room.qtbot.keyClicks(window.side.reading.note, "skin fold")
    _press(window, Qt.Key.Key_M)
    for name, deidentified in (("named.json", False), ("nobody.json", True)):
        window.desk.export(Reports(json=tmp_path / name, deidentified=deidentified))
        room.qtbot.waitUntil(lambda name=name: name in window.notice.text, timeout=60000)
    readings = [
        [film.get("reading") for film in json.loads((tmp_path / name).read_text())["films"]]
        for name in ("named.json", "nobody.json")
    ]
    said = {"state": "Read", "opinions": ["Pneumothorax: disagree"]}
    assert readings == [[{**said, "note": "skin fold"}, None], [{**said, "note": ""}, None]]


def test_without_its_bundle_no_kept_score_ranks_a_film(room: Any, films: dict[str, Path]) -> None:
    room.open_scored([films["dark"]])
    room.close()
    again = room.open()
    again.desk.remember()
    room.qtbot.waitUntil(lambda: len(again.table.films.shown) == 1, timeout=60000)
    row = again.desk.sheet.rows[0]
    assert (row.lane, row.state, row.scored) == (Lane.WAITING, "older bundle", None)
    again.desk.remember(room.bundle.sha256)
    room.qtbot.waitUntil(lambda: row.lane is Lane.URGENT, timeout=60000)


def test_a_film_whose_content_is_not_known_cannot_be_read_yet(room: Any, films: dict[str, Path]) -> None:
    window = room.open()
    window.open_paths([films["dark"]])
    room.qtbot.waitUntil(lambda: window.row is not None, timeout=60000)
    assert not window.side.reading.isEnabled()
    assert window.side.reading.kept.text() == "can be read once it was scored or refused"


def test_a_watched_file_that_holds_another_film_by_now_is_scored_again(
    room: Any, films: dict[str, Path], write_film: Callable[..., Path]
) -> None:
    window = room.open_scored([films["dark"]])
    row = window.desk.sheet.rows[0]
    before = row.sha256
    window.desk.watch(films["dark"].parent)
    write_film(films["dark"], grey=220, seed=9)
    room.qtbot.waitUntil(lambda: row.sha256 not in ("", before), timeout=60000)
    room.qtbot.waitUntil(lambda: room.done(window), timeout=60000)
    assert row.scored is not None
    assert row.scored.urgency.positive[0] is Target.EFFUSION
    assert len([each for each in window.desk.sheet.rows if each.source == films["dark"]]) == 1
