"""Films, bundles and files that change while something is being done with them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("PySide6")

from pytestqt.qtbot import QtBot

from cxr_desktop.inference.kinds import Wanted
from cxr_desktop.inference.toy import write_toy_bundle
from cxr_desktop.intake.pool import MakePool
from cxr_desktop.ui import scoring
from cxr_desktop.ui.shelf import Shelf
from cxr_desktop.ui.widgets.viewer import FilmViewer
from cxr_shared.bundle import open_bundle
from cxr_shared.findings import Target


def _grey(viewer: FilmViewer) -> float:
    """Mean level of the film that is shown."""
    view = viewer.view
    assert view is not None
    return float(np.mean(view.pyramid.smallest))


def test_of_two_bundles_the_one_that_was_asked_for_last_is_used(
    room: Any, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_toy_bundle(tmp_path / "slow.cxr", {Target.EFFUSION: (12.0, -8.0)}, size=64)
    slow, load, go_on = open_bundle(tmp_path / "slow.cxr"), scoring.load, threading.Event()

    def slowly(bundle: Any, wanted: Wanted, **rest: Any) -> Any:
        if bundle is slow:
            go_on.wait(30)
        return load(bundle, wanted, **rest)

    heard: list[Any] = []
    use = scoring.Scoring._use

    def hear(self: Any, loaded: Any, asked: int) -> None:
        use(self, loaded, asked)
        heard.append(loaded.bundle)

    monkeypatch.setattr(scoring, "load", slowly)
    monkeypatch.setattr(scoring.Scoring, "_use", hear)
    window = room.open()
    window.desk.use_bundle(slow, wanted=Wanted.CPU)
    window.desk.use_bundle(room.bundle, wanted=Wanted.CPU)
    qtbot.waitUntil(lambda: window.desk.loaded is not None, timeout=60000)
    go_on.set()
    qtbot.waitUntil(lambda: heard == [room.bundle, slow], timeout=60000)
    assert window.desk.loaded.bundle is room.bundle


def test_a_bundle_that_cannot_be_used_leaves_the_badges_of_the_one_that_scores(
    room: Any, qtbot: QtBot, films: dict[str, Path]
) -> None:
    window = room.open_scored([films["dark"]])
    badges = window.status.bundle.text(), window.status.provider.text()
    window.desk.open_bundle(films["broken"])
    assert window.status.bundle.text() == badges[0]
    assert "verifying" in window.status.provider.text()
    qtbot.waitUntil(lambda: "not a sound bundle" in window.notice.text, timeout=60000)
    assert (window.status.bundle.text(), window.status.provider.text()) == badges


def test_a_film_that_is_being_read_is_never_shown_by_the_picture_of_another(
    room: Any, qtbot: QtBot, films: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    window = room.open_scored([films["dark"], films["bright"]])
    qtbot.waitUntil(lambda: window.viewer.shown_source == films["dark"], timeout=60000)
    read, go_on = Shelf.read, threading.Event()

    def slowly(self: Shelf, path: Path) -> Any:
        go_on.wait(20)
        return read(self, path)

    monkeypatch.setattr(Shelf, "read", slowly)
    window.list_actions.next_film()
    assert "bright.png" in window.windowTitle()
    assert window.viewer.shown_source is None
    assert window.viewer.message == "Reading the film…"
    go_on.set()
    qtbot.waitUntil(lambda: window.viewer.shown_source == films["bright"], timeout=60000)
    assert window.viewer.heat is not None


def test_a_watched_film_that_is_written_over_is_shown_anew_with_nothing_of_the_one_before(
    room: Any, qtbot: QtBot, films: dict[str, Path], write_film: Callable[..., Path], quick_watch: None
) -> None:
    window = room.open_shown(films["dark"])
    row, before = window.row, window.row.sha256
    window.actions_by_name["open_window"].trigger()
    (beside,) = window.stage_actions.windows
    levels = _grey(window.viewer)
    window.viewer.measurements.add(_ruler())
    window.desk.watch(films["dark"].parent)
    window.side.reading.note.setPlainText("said of the old one")
    write_film(films["dark"], grey=220, seed=9)
    qtbot.waitUntil(lambda: row.sha256 not in ("", before), timeout=60000)
    qtbot.waitUntil(lambda: window.viewer.shown_source is not None, timeout=60000)
    assert _grey(window.viewer) > levels
    assert window.viewer.measurements.items == ()
    assert beside.stage.main.shown_source is None
    assert (row.read, window.side.reading.note.toPlainText()) == (None, "")
    assert window.desk._memory.last_read(before).note == "said of the old one"


def test_a_film_that_was_written_over_while_nobody_watched_is_not_shown_under_its_old_scores(
    room: Any, qtbot: QtBot, films: dict[str, Path], write_film: Callable[..., Path]
) -> None:
    window = room.open_scored([films["dark"], films["bright"]])
    row = window.row
    window.list_actions.next_film()
    write_film(films["dark"], grey=220, seed=9)
    window.desk._shelf.forget(films["dark"])
    window.table.open(window.table.films.place(row))
    qtbot.waitUntil(lambda: window.viewer.shown_source == films["dark"] and row.scored is not None, timeout=60000)
    assert row.scored.urgency.positive[0] is Target.EFFUSION
    assert window.viewer.shown_film.facts.sha256 == row.sha256
    assert window.viewer.heat is not None


def test_a_picture_of_what_was_there_before_gives_way_to_the_film_that_was_scored(
    room: Any, qtbot: QtBot, films: dict[str, Path], write_film: Callable[..., Path]
) -> None:
    window = room.open()
    window.open_paths([films["dark"]])
    qtbot.waitUntil(lambda: window.viewer.shown_source == films["dark"], timeout=60000)
    write_film(films["dark"], grey=220, seed=9)
    window.desk.use_bundle(room.bundle, wanted=Wanted.CPU)
    qtbot.waitUntil(lambda: room.done(window), timeout=60000)
    qtbot.waitUntil(lambda: window.viewer.shown_source == films["dark"], timeout=60000)
    assert window.viewer.shown_film.facts.sha256 == window.row.sha256


def test_a_verdict_on_what_a_file_held_before_is_made_again(
    room: Any, qtbot: QtBot, films: dict[str, Path], write_film: Callable[..., Path]
) -> None:
    """The file is written over after it was read and before its score is heard of."""
    window = room.open_scored([films["bright"]])
    desk, arrivals = window.desk, window.desk._arrivals
    old = desk.sheet.rows[0].verdict
    row = desk.sheet.rows[0]
    row.judge(None)
    write_film(films["bright"], grey=40, seed=9)
    stat = films["bright"].stat()
    arrivals._arrived([films["bright"]], [(stat.st_size, stat.st_mtime_ns)])
    desk._judged(old)
    assert row.verdict is None
    qtbot.waitUntil(lambda: room.done(window), timeout=60000)
    assert row.scored.urgency.positive[0] is Target.PNEUMOTHORAX


def test_a_picture_that_was_being_read_when_its_file_changed_is_not_kept(
    films: dict[str, Path], warm_pools: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = warm_pools(workers=1)
    shelf, display = Shelf(pool), pool.display

    def overtaken(path: Path) -> Any:
        film = display(path)
        shelf.forget(path)
        return film

    monkeypatch.setattr(pool, "display", overtaken)
    assert not isinstance(shelf.read(films["dark"]), str)
    assert shelf.kept(films["dark"]) is None


def test_a_list_that_becomes_empty_leaves_no_film_that_could_still_be_read(
    room: Any, qtbot: QtBot, films: dict[str, Path]
) -> None:
    window = room.open_shown(films["dark"])
    row = window.row
    window.list_actions.take_off()
    assert (window.row, window.target, window.viewer.shown_source) == (None, None, None)
    assert "dark" not in window.windowTitle()
    window.reading_actions.agree()
    assert row.read is None
    window.list_actions.put_back()
    assert window.row is row
    qtbot.waitUntil(lambda: window.viewer.shown_source == films["dark"], timeout=60000)


def test_the_open_film_is_chosen_again_when_a_search_that_hid_it_ends(
    room: Any, qtbot: QtBot, films: dict[str, Path]
) -> None:
    window = room.open_scored([films["dark"], films["bright"]])
    window.list_actions.next_film()
    row = window.row
    window.list.lanes.search.setText("nothing is called so")
    assert not window.table.films.shown
    window.list.lanes.search.clear()
    assert window.row is row
    assert window.table.row is row


def _ruler() -> Any:
    from cxr_desktop.ui.measure import Ruler, Segment

    return Ruler(Segment((10.0, 10.0), (50.0, 10.0)))
