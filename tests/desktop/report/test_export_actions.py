"""The Export menu with real widgets, without a display."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("PySide6")

from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from cxr_desktop.inference.kinds import Wanted
from cxr_desktop.inference.lanes import Lane
from cxr_desktop.intake.pool import MakePool
from cxr_desktop.ui.desk import Desk
from cxr_desktop.ui.dialogs import Dialogs
from cxr_desktop.ui.snapshot import grab_view
from cxr_desktop.ui.window import MainWindow
from cxr_shared.bundle import Bundle

_PATIENCE_MS = 60_000


class _Answers(Dialogs):
    """Answers in place of a person."""

    def __init__(self) -> None:
        self.path: Path | None = None

    def save(self, title: str, name: str) -> Path | None:
        return self.path

    def export_folder(self) -> Path | None:
        return self.path


@pytest.fixture
def answers() -> _Answers:
    return _Answers()


@pytest.fixture
def window(
    qtbot: QtBot, answers: _Answers, phantoms: tuple[Path, ...], report_bundle: Bundle, warm_pools: MakePool
) -> Iterator[MainWindow]:
    window = MainWindow(Desk(make_pool=warm_pools), dialogs=answers)
    window.resize(1000, 700)
    window.show()
    window.desk.use_bundle(report_bundle, wanted=Wanted.CPU)
    window.open_paths(list(phantoms))
    sheet = window.desk.sheet
    qtbot.waitUntil(lambda: len(sheet.rows) == len(phantoms) and not sheet.count(Lane.WAITING), timeout=_PATIENCE_MS)
    qtbot.waitUntil(lambda: window.viewer.shown_source is not None, timeout=_PATIENCE_MS)
    yield window
    window.close()
    QApplication.processEvents()


def _export(window: MainWindow, qtbot: QtBot, answers: _Answers, name: str, path: Path) -> str:
    """Trigger an entry and return what the window says when it is done."""
    answers.path = path
    with qtbot.waitSignal(window.desk.told, timeout=_PATIENCE_MS) as told:
        window.actions_by_name[name].trigger()
    return str(told.args[0])


def test_every_entry_writes_what_it_says(window: MainWindow, qtbot: QtBot, answers: _Answers, tmp_path: Path) -> None:
    for name in ("json", "csv", "pdf", "png"):
        said = _export(window, qtbot, answers, f"export_{name}", tmp_path / f"w.{name}")
        assert said.startswith("Wrote")
        assert (tmp_path / f"w.{name}").stat().st_size
    said = _export(window, qtbot, answers, "export_dicom", tmp_path / "dicom")
    assert "objects about 3 films, 0 films left out" in said
    assert len(list((tmp_path / "dicom").rglob("SR-*.dcm"))) == 3


def test_deidentified_is_an_entry_that_all_others_follow(
    window: MainWindow, qtbot: QtBot, answers: _Answers, tmp_path: Path
) -> None:
    window.actions_by_name["deidentify"].setChecked(True)
    _export(window, qtbot, answers, "export_json", tmp_path / "w.json")
    document = json.loads((tmp_path / "w.json").read_text())
    assert document["deidentified"] is True
    assert [film["file"] for film in document["films"]] == ["film-0001", "film-0002", "film-0003"]
    window.actions_by_name["deidentify"].setChecked(False)
    _export(window, qtbot, answers, "export_json", tmp_path / "w.json")
    assert "film-0001" not in (tmp_path / "w.json").read_text()


def _grey(image: QImage) -> np.ndarray:
    image = image.convertToFormat(QImage.Format.Format_Grayscale8)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : image.width()].copy()


def test_the_view_is_what_is_seen_and_without_names_where_asked(
    window: MainWindow, qtbot: QtBot, answers: _Answers, tmp_path: Path
) -> None:
    shown = window.viewer.annotations
    named, unnamed = grab_view(window.viewer), grab_view(window.viewer, deidentified=True)
    assert window.viewer.annotations == shown
    assert named.size() == unnamed.size() == window.viewer.size()
    different = np.argwhere(_grey(named) != _grey(unnamed))
    assert len(different), "names are there, or not"
    top_left = (20 + 20 * (len(shown.identity) + len(shown.lines)), window.viewer.width())
    assert (different.max(axis=0) < top_left).all(), "and all else is the same"
    size = window.viewer.size()
    _export(window, qtbot, answers, "export_png", tmp_path / "view.png")
    assert QImage(str(tmp_path / "view.png")).size() == size


def test_no_answer_writes_nothing(window: MainWindow, answers: _Answers, tmp_path: Path) -> None:
    for name in ("json", "csv", "pdf", "png", "dicom"):
        window.actions_by_name[f"export_{name}"].trigger()
    assert not list(tmp_path.iterdir())


def test_a_view_without_a_film_says_what_to_do(
    qtbot: QtBot, answers: _Answers, tmp_path: Path, warm_pools: MakePool
) -> None:
    window = MainWindow(Desk(make_pool=warm_pools), dialogs=answers)
    assert "Open a film first" in _export(window, qtbot, answers, "export_png", tmp_path / "v.png")
    window.close()
    QApplication.processEvents()


def test_a_film_with_burned_in_text_gives_no_deidentified_view(
    window: MainWindow, qtbot: QtBot, answers: _Answers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = window.viewer.shown_film
    assert film is not None
    says_so = dataclasses.replace(film, facts=dataclasses.replace(film.facts, burned_in=True))
    monkeypatch.setattr(type(window.viewer), "shown_film", says_so)
    window.actions_by_name["deidentify"].setChecked(True)
    answers.path = tmp_path / "v.png"
    with qtbot.waitSignal(window.desk.failed, timeout=_PATIENCE_MS) as failed:
        window.actions_by_name["export_png"].trigger()
    assert "burned into it" in failed.args[0]
    assert not answers.path.exists()
