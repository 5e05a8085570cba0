"""The window's words in another language."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree as ET

import pytest

pytest.importorskip("PySide6")

import PySide6
from PySide6.QtCore import Qt, QTranslator
from PySide6.QtWidgets import QApplication, QLabel, QMenu
from pytestqt.qtbot import QtBot

from cxr_desktop.inference.lanes import Lane
from cxr_desktop.ui.actions import MENUS, key_table
from cxr_desktop.ui.desk import Desk
from cxr_desktop.ui.i18n import CONTEXT, install_translation, tr
from cxr_desktop.ui.settings_dialog import SettingsDialog
from cxr_desktop.ui.window import MainWindow
from cxr_desktop.worklist.order import Column
from cxr_desktop.worklist.row import Row

_SCRIPT = Path(__file__).parents[1] / "benchmarks" / "translations.py"
_LRELEASE = Path(PySide6.__file__).with_name("lrelease")


@pytest.fixture(scope="module")
def collector() -> ModuleType:
    spec = importlib.util.spec_from_file_location("translations", _SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class _Pseudo(QTranslator):
    """Puts the words of the template, and no others, between brackets."""

    def __init__(self, known: set[str]) -> None:
        super().__init__()
        self._known = known

    def isEmpty(self) -> bool:  # noqa: N802
        return False

    def translate(
        self, context: str, text: str, disambiguation: str | None = None, n: int = -1
    ) -> str | None:  # None: not here
        return f"⟦{text}⟧" if context == CONTEXT and text in self._known else None


def _template(collector: ModuleType) -> set[str]:
    return {source.text or "" for source in ET.parse(collector.TEMPLATE).iter("source")}


@pytest.fixture
def pseudo(qapp: QApplication, collector: ModuleType) -> Iterator[None]:
    translator = _Pseudo(_template(collector))
    qapp.installTranslator(translator)
    yield
    qapp.removeTranslator(translator)


@pytest.fixture
def window(pseudo: None, qtbot: QtBot) -> Iterator[MainWindow]:
    window = MainWindow(Desk())
    window.show()
    yield window
    window.close()
    QApplication.processEvents()


def _translated(words: str) -> bool:
    return words.startswith("⟦") and words.endswith("⟧")


def test_the_template_is_up_to_date(collector: ModuleType) -> None:
    assert collector.TEMPLATE.read_bytes() == collector.template(), "run `make translations`"
    assert set(collector.called()) <= _template(collector)
    assert {"Heat map (H)", "&Quit", "urgent", "older bundle", "{films:,} films", "cardiothoracic ratio"} <= _template(
        collector
    )


def test_menus_change_language(window: MainWindow) -> None:
    titles = [action.text() for action in window.menuBar().actions()]
    assert len(titles) == len(MENUS)
    assert all(map(_translated, titles)), titles
    english = [
        action.text()
        for menu in window.menuBar().findChildren(QMenu)
        for action in menu.actions()
        if not action.isSeparator() and not _translated(action.text())
    ]
    assert english == []
    assert all(_translated(what) for _, what in key_table())


def test_the_list_changes_language(window: MainWindow) -> None:
    films = window.table.films
    titles = [films.headerData(column, Qt.Orientation.Horizontal) for column in Column]
    assert all(map(_translated, titles)), titles
    lanes = window.list.lanes
    assert lanes.button(None).text() == "⟦All 0⟧"
    assert all(lanes.button(lane).text() == f"⟦{lane.words}⟧ 0" for lane in Lane)
    assert _translated(lanes.search.placeholderText())
    films.add([Path("one.png")])
    films.arrange()
    assert films.cell(0, Column.LANE).text == "⟦waiting⟧"
    assert films.cell(0, Column.STATE).text == "⟦waiting⟧"
    assert films.cell(0, Column.FILM).text == "one.png", "names of files are nobody's words"


def test_panels_change_language(window: MainWindow) -> None:
    headings = [label.text() for label in window.side.findChildren(QLabel, "heading")]
    assert headings == ["⟦Scores⟧", "⟦Reading⟧"]
    buttons = [window.side.reading.agree, window.side.reading.disagree, window.side.reading.read, window.side.heat]
    assert all(_translated(button.text()) for button in (*buttons, *window.welcome.buttons.values()))
    assert _translated(window.windowTitle())
    assert all(_translated(label.text().strip()) for label in window.status.findChildren(QLabel) if label.text())
    dialog = SettingsDialog(window.desk.sheet.policy, window)
    assert _translated(dialog.windowTitle())


def test_values_survive_translation(pseudo: None) -> None:
    assert tr("{done:,} of {films:,} films", done=1200, films=13000) == "⟦1,200 of 13,000 films⟧"
    assert tr("Wrote {path}.", path="a{b}.pdf") == "⟦Wrote a{b}.pdf.⟧", "a value's own braces are not filled"
    assert tr("in no translation") == "in no translation"


def test_damaged_braces_of_a_translation_fall_back_to_english(qapp: QApplication) -> None:
    class Damaged(QTranslator):
        def isEmpty(self) -> bool:  # noqa: N802
            return False

        def translate(self, context: str, text: str, disambiguation: str | None = None, n: int = -1) -> str | None:
            return "{filme} Aufnahmen" if context == CONTEXT else None

    translator = Damaged()
    qapp.installTranslator(translator)
    try:
        assert tr("{films:,} films", films=3) == "3 films"
    finally:
        qapp.removeTranslator(translator)


@pytest.mark.skipif(not _LRELEASE.exists(), reason="no lrelease in this PySide6")
def test_a_compiled_translation_is_found_by_its_language(
    qapp: QApplication, collector: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = ET.fromstring(collector.template())
    for message in root.iter("message"):
        translation = message.find("translation")
        assert translation is not None
        translation.attrib.clear()
        translation.text = f"~{message.findtext('source')}"
    source = tmp_path / "cxr_de.ts"
    source.write_bytes(b'<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE TS>\n' + ET.tostring(root, encoding="utf-8"))
    subprocess.run([_LRELEASE, "-silent", source, "-qm", tmp_path / "cxr_de.qm"], check=True, timeout=120)
    monkeypatch.setenv("CXR_TRANSLATIONS", str(tmp_path))
    try:
        assert install_translation(qapp, "de_AT")
        wrong = [words for words in _template(collector) if tr(words) != f"~{words}"]
        assert wrong == []
        assert not install_translation(qapp, "fr"), "there is none"
        assert tr("Settings") == "Settings"
    finally:
        install_translation(qapp, "en")


def test_words_of_every_state_are_known(collector: ModuleType) -> None:
    assert Row(1, Path("a.png")).state in collector.tables()
    assert {"read", "older bundle", "waiting", "refused", "scored"} <= set(collector.tables())


def test_words_before_an_application_are_english() -> None:
    script = "from cxr_desktop.ui.i18n import tr; print(tr('{films:,} films', films=1200))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "1,200 films"
