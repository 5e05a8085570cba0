"""What a reader said stays, whatever happens to films, bundles, window and store meanwhile."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("PySide6")

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from cxr_desktop.inference.kinds import Wanted
from cxr_desktop.inference.toy import write_toy_bundle
from cxr_desktop.store import Read, Store, StoreNotWritable
from cxr_desktop.ui.window import MainWindow
from cxr_desktop.worklist.row import Row
from cxr_shared.bundle import Bundle, open_bundle
from cxr_shared.findings import Target


def _read(row: Row | None) -> Read:
    assert row is not None
    assert row.read is not None
    return row.read


def _press(qtbot: QtBot, window: MainWindow, key: Qt.Key) -> None:
    window.activateWindow()
    window.table.setFocus()
    QApplication.processEvents()
    qtbot.keyClick(window.table, key)


def _open_bundle(qtbot: QtBot, window: MainWindow, bundle: Bundle) -> None:
    """Open it, and wait until what it said before is on the list."""
    before = window.desk.loaded
    window.desk.use_bundle(bundle, wanted=Wanted.CPU)
    qtbot.waitUntil(lambda: window.desk.loaded is not before and window.desk._scoring.recalled, timeout=60000)


def _fill_the_disk(store_of: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Store, read: Read) -> Read:
        raise StoreNotWritable(self.path, "disk full")

    monkeypatch.setattr(Store, "save_read", full)
    assert store_of.desk.readings is not None


def test_a_note_that_cannot_be_kept_stays_written_until_it_is(
    room: Any, qtbot: QtBot, films: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    window = room.open_scored([films["dark"], films["bright"]])
    row, panel = window.row, window.side.reading
    with monkeypatch.context() as patch:
        _fill_the_disk(window, patch)
        panel.note.setPlainText("skin fold")
        panel.flush()
        assert "disk full" in window.notice.text
        assert (panel.note.toPlainText(), panel.kept.text()) == ("skin fold", "the note is NOT kept")
        _press(qtbot, window, Qt.Key.Key_J)
        assert panel.note.toPlainText() == ""
        _press(qtbot, window, Qt.Key.Key_K)
        assert window.row is row
        assert panel.note.toPlainText() == "skin fold"
    panel.flush()
    assert _read(row).note == "skin fold"
    assert panel.kept.text().startswith("kept")


def test_the_window_does_not_close_on_a_note_that_cannot_be_kept_without_a_word(
    room: Any, films: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    window = room.open_scored([films["dark"]])
    _fill_the_disk(window, monkeypatch)
    window.side.reading.note.setPlainText("skin fold")
    assert not window.close()
    assert "would be lost" in window.notice.text
    assert window.isVisible()
    assert window.close()


def test_calls_before_the_scores_outlive_the_window_and_are_undone(
    room: Any, qtbot: QtBot, films: dict[str, Path]
) -> None:
    window = room.open_scored([films["dark"]])
    window.actions_by_name["blind_first"].trigger()
    _press(qtbot, window, Qt.Key.Key_D)
    _press(qtbot, window, Qt.Key.Key_T)
    _press(qtbot, window, Qt.Key.Key_A)
    assert _read(window.row).calls == {Target.PNEUMOTHORAX: False, Target.EFFUSION: True}
    window.actions_by_name["undo_reading"].trigger()
    assert "Undone: present on effusion" in window.notice.text
    room.close()

    again = room.open_scored([films["dark"]])
    assert again.side.scores.blind
    assert _read(again.row).calls == {Target.PNEUMOTHORAX: False}
    assert again.side.reading.disagree.isChecked()
    _press(qtbot, again, Qt.Key.Key_M)
    assert _read(again.row).blind
    again.actions_by_name["undo_reading"].trigger()
    assert again.side.scores.blind
    assert again.side.reading.disagree.isChecked()


def test_a_film_that_was_judged_in_view_of_its_scores_is_not_read_blind(
    room: Any, qtbot: QtBot, films: dict[str, Path]
) -> None:
    window = room.open_scored([films["dark"], films["bright"]])
    _press(qtbot, window, Qt.Key.Key_A)
    said = _read(window.row).opinions
    window.actions_by_name["blind_first"].trigger()
    assert not window.side.scores.blind
    _press(qtbot, window, Qt.Key.Key_M)
    assert (said, window.desk.sheet.rows[0].opinions) == (said, said)
    assert window.side.scores.blind


def test_a_note_is_there_when_its_film_comes_back_to_the_list(room: Any, qtbot: QtBot, films: dict[str, Path]) -> None:
    window = room.open_scored([films["dark"], films["bright"]])
    row = window.row
    window.side.reading.note.setPlainText("skin fold")
    window.list_actions.take_off()
    assert window.row is not row
    window.list_actions.put_back()
    assert _read(row).note == "skin fold"


def test_what_was_said_of_a_film_is_there_when_it_or_a_copy_is_opened_anew(
    room: Any, qtbot: QtBot, films: dict[str, Path]
) -> None:
    window = room.open_scored([films["dark"], films["bright"]])
    window.side.reading.note.setPlainText("skin fold")
    window.side.reading.flush()
    window.list_actions.take_off()
    room.close()

    again = room.open()
    again.desk.use_bundle(room.bundle, wanted=Wanted.CPU)
    copy = shutil.copy(films["dark"], films["dark"].with_name("copy.png"))
    again.open_paths([films["dark"], Path(copy)])
    qtbot.waitUntil(lambda: len(again.desk.sheet.rows) == 3 and room.done(again), timeout=60000)
    notes = {row.source.name: row.read.note if row.read else "" for row in again.desk.sheet.rows}
    assert notes == {"bright.png": "", "dark.png": "skin fold", "copy.png": "skin fold"}


def test_another_bundle_takes_no_note_back(
    room: Any, qtbot: QtBot, films: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list is read from the store while the reader writes: what it held then is older than the note."""
    window = room.open_scored([films["dark"]])
    load = Store.load

    def slowly(self: Store, bundle_sha256: str = "") -> list[Any]:
        remembered = load(self, bundle_sha256)
        window.desk._mailbox.post(lambda: window.desk.readings.write(window.row, "said meanwhile"))
        return remembered

    monkeypatch.setattr(Store, "load", slowly)
    _open_bundle(qtbot, window, room.bundle)
    assert _read(window.row).note == "said meanwhile"


def test_a_film_that_was_taken_off_stays_off_while_the_list_is_read_again(
    room: Any, qtbot: QtBot, films: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    window = room.open_scored([films["dark"], films["bright"]])
    load = Store.load

    def slowly(self: Store, bundle_sha256: str = "") -> list[Any]:
        remembered = load(self, bundle_sha256)
        window.desk._mailbox.post(window.list_actions.take_off)
        return remembered

    monkeypatch.setattr(Store, "load", slowly)
    _open_bundle(qtbot, window, room.bundle)
    assert [row.source.stem for row in window.desk.sheet.rows] == ["bright"]


def test_a_film_that_was_opened_again_is_not_put_back_a_second_time(
    room: Any, qtbot: QtBot, films: dict[str, Path]
) -> None:
    window = room.open_scored([films["dark"], films["bright"]])
    window.list_actions.take_off()
    window.open_paths([films["dark"]])
    qtbot.waitUntil(lambda: len(window.desk.sheet.rows) == 2 and room.done(window), timeout=60000)
    window.list_actions.put_back()
    assert sorted(row.source.stem for row in window.desk.sheet.rows) == ["bright", "dark"]


def test_a_film_that_is_put_back_after_another_bundle_was_opened_waits_for_its_scores(
    room: Any, qtbot: QtBot, films: dict[str, Path], tmp_path: Path
) -> None:
    window = room.open_scored([films["dark"], films["bright"]])
    row = window.row
    window.list_actions.take_off()
    write_toy_bundle(tmp_path / "other.cxr", {Target.EFFUSION: (12.0, -8.0)}, size=64)
    _open_bundle(qtbot, window, open_bundle(tmp_path / "other.cxr"))
    window.desk._scoring._scorer.stop()
    window.list_actions.put_back()
    assert (row.scored, row.state) == (None, "older bundle")
