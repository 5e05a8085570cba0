"""Every entry of the menus and every key, in real windows: each does something, and that at its own key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest

pytest.importorskip("PySide6")
pytest.importorskip("pynetdicom")

from PySide6.QtCore import QEvent, QKeyCombination, QObject, Qt, QTimer
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QLabel, QLineEdit, QMainWindow, QMenu, QPlainTextEdit, QWidget
from pytestqt.exceptions import TimeoutError as NothingHappened
from pytestqt.qtbot import QtBot

from cxr_desktop.inference.kinds import Wanted
from cxr_desktop.inference.lanes import Lane
from cxr_desktop.intake.pool import MakePool
from cxr_desktop.pacs.config import network_path
from cxr_desktop.ui.actions import MENUS, Entry, build_menus
from cxr_desktop.ui.desk import Desk
from cxr_desktop.ui.measure import Ruler, Segment
from cxr_desktop.ui.widgets.stage import Beside, Stage
from cxr_desktop.ui.window import MainWindow
from cxr_shared.bundle import Bundle

_NETWORK = """
[receive]
port = 0
[[peers]]
name = "archive"
[peers.dimse]
ae_title = "NOBODY"
host = "127.0.0.1"
port = 1
[return]
to = "archive"
objects = ["SR"]
"""
_FIRST = {
    "next_film": ("most_urgent",),
    "previous_film": ("most_urgent", "next_film"),
    "most_urgent": ("most_urgent", "next_film"),
    "next_unread": ("most_urgent",),
    "put_back": ("take_off",),
    "agree": ("no_opinion",),
    "disagree": ("no_opinion",),
    "no_opinion": ("agree",),
    "undo_reading": ("no_opinion", "agree"),
    "fit": ("zoom_in",),
    "one_to_one": ("fit",),
    "pan_left": ("fit", "zoom_in"),
    "pan_right": ("fit", "zoom_in"),
    "pan_up": ("fit", "zoom_in"),
    "pan_down": ("fit", "zoom_in"),
    "lay_upright": ("lay_upright", "turn_left"),
    "next_companion": ("compare",),
    "other_film": ("compare",),
    "reset_window": ("lung_window",),
    "next_presentation": ("lung_window",),
    "previous_presentation": ("lung_window",),
    "auto_window": ("lung_window",),
    "lung_window": ("auto_window",),
    "mediastinum_window": ("auto_window",),
    "bone_window": ("auto_window",),
    "more_opaque": ("less_opaque",),
    "less_opaque": ("more_opaque",),
    "tool_window": ("tool_ruler",),
}
"""Entries that are chosen before one that else has nothing to do."""

_DIALOGS = {
    "Keys and mouse",
    "About this bundle",
    "Providers",
    "Settings",
    "Network settings",
    "Find films in the archive",
    "Priors of this film",
}


class _Asked:
    """Stands for `Dialogs`: counts the questions, and a person who answers none."""

    def __init__(self) -> None:
        self.questions: list[str] = []

    def __getattr__(self, question: str) -> Callable[..., None]:
        return lambda *_args, **_named: self.questions.append(question)


class _CloseCounter(QObject):
    """Keeps a window open, and counts how often it was to be closed."""

    closes = 0

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if event.type() is not QEvent.Type.Close:
            return False
        self.closes += 1
        event.ignore()
        return True


class _Tried:
    """A window whose entries are tried one after the other.

    Parameters
    ----------
    window
        The window; it has a `stage`, which shows a film, and `actions_by_name`.
    """

    def __init__(self, qtbot: QtBot, window: Any) -> None:
        self.qtbot, self.window = qtbot, window
        self.counter = _CloseCounter(window)
        self.modal: list[str] = []
        self.dialogs: set[str] = set()
        self.triggered: list[QAction] = []
        self.actions = list(_actions(window.menuBar()))
        self._checked = {action: action.isChecked() for action in self.actions if action.isCheckable()}
        for action in self.actions:
            action.triggered.connect(lambda _checked=False, action=action: self.triggered.append(action))
        self._timer = QTimer(window, interval=20)
        self._timer.timeout.connect(self._close_modal)
        self._timer.start()

    def dead(self, actions: list[QAction] | None = None, *, timeout: int = 10000) -> list[str]:
        """Choose every entry and press every key, and return those after which nothing was different for so many ms."""
        self._settle()
        before = None
        while before != (before := self.state()):  # what belongs to its start is still to come
            self.qtbot.wait(200)
        self.window.installEventFilter(self.counter)
        try:
            return [
                f"{action.text()} by {key.toString() if key else 'the menu'}"
                for action in (self.actions if actions is None else actions)
                for key in (None, *action.shortcuts())
                if not self._does_something(action, key, timeout)
            ]
        finally:
            self.window.removeEventFilter(self.counter)

    def _does_something(self, action: QAction, key: QKeySequence | None, timeout: int) -> bool:
        self.restore()
        for name in _FIRST.get(action.objectName(), ()):
            self.window.actions_by_name[name].trigger()
        if action.objectName().endswith("_measurement"):
            self.window.stage.main.measurements.add(Ruler(Segment((0, 0), (9, 9))))
        self._settle()
        before = self.state()
        self.triggered.clear()
        if key is None:
            action.trigger()
        else:
            QTest.keySequence(self.window.windowHandle(), key)
        try:
            self.qtbot.waitUntil(lambda: self.state() != before, timeout=timeout)
        except NothingHappened:
            return False
        return self.triggered == [action]

    def restore(self) -> None:
        """Close what the entry before opened, take its tick back, and give the window the keys."""
        window = self.window
        for other in QApplication.topLevelWidgets():
            if other is not window and other.isVisible() and other is not window.parent():
                if isinstance(other, QDialog):
                    self.dialogs.add(other.windowTitle())
                other.close()
        window.setWindowState(Qt.WindowState.WindowNoState)
        window.activateWindow()
        for action, checked in self._checked.items():
            action.setChecked(checked)
        if isinstance(window, MainWindow):
            window.notice.hide()
            window.table.setFocus()
        else:
            window.stage.main.setFocus()
        self.qtbot.waitUntil(window.isActiveWindow)

    def _settle(self) -> None:
        """Wait until the films that were asked for are on the screen, and nothing changes by itself."""
        self.qtbot.waitUntil(self._is_shown, timeout=10000)
        before = None
        while before != (before := self.state()):
            QApplication.processEvents()

    def _is_shown(self) -> bool:
        row, stage = self.window.row if isinstance(self.window, MainWindow) else None, self.window.stage
        if stage.beside is Beside.COMPANION and stage.companion.shown_source is None:
            return False
        return row is None or stage.main.shown_source == row.source

    def state(self) -> list[object]:
        """What a person can see, and what is kept without being seen; an entry's own tick is not part of it."""
        others = [(type(each).__name__, each.isVisible()) for each in QApplication.topLevelWidgets()]
        focus = QApplication.focusWidget()
        window = self.window
        seen: list[object] = [sorted(others), window.windowState(), focus, self.counter.closes, list(self.modal)]
        seen.extend(_stage_state(window.stage))
        if isinstance(window, MainWindow):
            seen.extend(_main_state(window))
        return seen

    def _close_modal(self) -> None:
        modal = QApplication.activeModalWidget()
        if modal is not None:
            self.modal.append(modal.windowTitle())
            modal.close()


def _actions(owner: QWidget) -> Iterator[QAction]:
    """Every action of a menu bar or menu, and of the menus in it."""
    for action in owner.actions():
        menu = action.menu()
        if isinstance(menu, QMenu):
            yield from _actions(menu)
        elif not action.isSeparator():
            yield action


def _stage_state(stage: Stage) -> list[object]:
    state: list[object] = [stage.link_zoom, stage.link_window, stage.beside, stage.viewers.index(stage.active)]
    for viewer in stage.viewers:
        view = viewer.view
        state.extend((repr(viewer.shown), viewer.message, viewer.measurements.items, viewer.inverted))
        if view is not None:
            state.extend((view.film.source, view.transform, view.pose, view.window, view.presentation))
    return state


def _main_state(window: MainWindow) -> list[object]:
    films = window.table.films
    asked: Any = window.dialogs
    return [
        window.row and window.row.number,
        window.target,
        films.view,
        [row.source for row in films.shown],
        [repr(row.read) for row in window.desk.sheet.rows],
        [label.text() for label in window.findChildren(QLabel) if label.isVisible()],
        window.exports.deidentified,
        list(asked.questions),
    ]


@pytest.fixture
def patient(make_dicom: Callable[..., Path], tmp_path: Path) -> list[Path]:
    """Films of one patient, each with two windows of its own; two of them are taken off the list on the way."""
    films = []
    for number in range(5):
        films.append(make_dicom(tmp_path / f"{number}.dcm"))
        dataset = pydicom.dcmread(films[-1])
        dataset.PatientID = "P1"
        dataset.save_as(films[-1])
    return films


@pytest.fixture
def window(
    qtbot: QtBot, bundle: Bundle, patient: list[Path], warm_pools: MakePool, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MainWindow]:
    """A window of scored films, with a network; its slowest work is not done."""
    monkeypatch.setattr("cxr_desktop.ui.desk.demo_films", lambda _folder: patient)
    monkeypatch.setattr("cxr_desktop.ui.desk.judge_providers", lambda *_args, **_named: [])
    network_path().write_text(_NETWORK)
    asked: Any = _Asked()
    window = MainWindow(Desk(make_pool=warm_pools), dialogs=asked)
    window.resize(800, 600)
    window.show()
    window.housekeeper.stop()  # each dialog that closes would have it look for garbage
    window.desk.use_bundle(bundle, wanted=Wanted.CPU)
    window.open_paths(patient)
    sheet = window.desk.sheet
    qtbot.waitUntil(lambda: len(sheet.rows) == len(patient) and not sheet.count(Lane.WAITING), timeout=30000)
    yield window
    window.close()
    QApplication.processEvents()


@pytest.mark.slow
def test_every_entry_and_every_key_does_something(window: MainWindow, qtbot: QtBot) -> None:
    tried = _Tried(qtbot, window)
    assert len(tried.actions) == sum(entry is not None for entries in MENUS.values() for entry in entries)
    assert tried.dead() == []
    tried.restore()
    assert tried.dialogs == _DIALOGS
    assert tried.modal == [], "no dialog stops the work"
    QTest.keySequence(window.windowHandle(), QKeySequence("Ctrl+Q"))
    assert not window.isVisible()


def test_every_entry_and_key_of_a_film_in_a_window_of_its_own_does_something(window: MainWindow, qtbot: QtBot) -> None:
    window.list_actions.most_urgent()
    qtbot.waitUntil(lambda: window.viewer.view is not None, timeout=10000)
    window.stage_actions.open_window()
    (film_window,) = window.stage_actions.windows
    tried = _Tried(qtbot, film_window)
    assert len(tried.actions) == len(film_window.actions_by_name) + 1, "and one that closes it"
    assert tried.dead() == []


def test_an_entry_or_a_key_that_does_nothing_is_found(window: MainWindow, qtbot: QtBot) -> None:
    menu = window.menuBar().addMenu("Dead")
    idle = menu.addAction("Close", window.network_actions.close_dialogs)
    idle.setShortcut(QKeySequence("F9"))
    twice = menu.addAction("Keys too", window.help_actions.show_keys)
    twice.setShortcut(QKeySequence("F1"))
    mnemonic = menu.addAction("Keys as well", window.help_actions.show_keys)
    mnemonic.setShortcut(QKeySequence("Alt+F"))
    tried = _Tried(qtbot, window)
    assert tried.dead([idle, twice, mnemonic], timeout=100) == [
        "Close by the menu",
        "Close by F9",
        "Keys too by F1",
        "Keys as well by Alt+F",
    ]


def test_films_are_taken_off_the_list_one_after_the_other(window: MainWindow) -> None:
    for left in (4, 3, 2):
        window.list_actions.take_off()
        assert len(window.table.films.shown) == left
        assert window.table.selected == [window.row]


@pytest.mark.parametrize("key", ["", "Ctrl+Q"], ids=["by the menu", "by its key"])
def test_quit_closes_the_window(qtbot: QtBot, key: str, warm_pools: MakePool) -> None:
    window = MainWindow(Desk(make_pool=warm_pools))
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    if key:
        QTest.keySequence(window.windowHandle(), QKeySequence(key))
    else:
        next(action for action in _actions(window.menuBar()) if action.text() == "&Quit").trigger()
    assert not window.isVisible()


def test_no_widget_but_a_text_field_takes_a_key_from_its_entry(window: MainWindow) -> None:
    claimed = {("ScoreBars", "Up"), ("ScoreBars", "Down")}
    keys = [key for action in _actions(window.menuBar()) for key in action.shortcuts()]
    widgets = [
        each
        for each in window.findChildren(QWidget)
        if each.focusPolicy() != Qt.FocusPolicy.NoFocus and not isinstance(each, QLineEdit | QPlainTextEdit)
    ]
    assert len(widgets) > 10
    taken = {(type(each).__name__, key.toString()) for each in widgets for key in keys if _takes(each, key[0])}
    assert taken == claimed


def _takes(widget: QWidget, key: QKeyCombination) -> bool:
    event = QKeyEvent(QEvent.Type.ShortcutOverride, key.key(), key.keyboardModifiers())
    event.ignore()
    QApplication.sendEvent(widget, event)
    return event.isAccepted()


def test_a_letter_in_a_menu_stands_for_one_entry() -> None:
    for title, entries in MENUS.items():
        letters = [QKeySequence.mnemonic(entry.text).toString() for entry in entries if entry and "&" in entry.text]
        assert len(letters) == len(set(letters)), title


class _Handler:
    def fit(self) -> None:
        """Do nothing."""

    flip = fit


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ((Entry("one.fit", "Fit"), Entry("two.fit", "Fit")), "named more than once: fit"),
        ((Entry("one.fit", "Fit", ("F",)), Entry("one.flip", "Flip", ("f",))), "keys are given more than once: F"),
        ((Entry("one.fit", "Fit", ("Alt+M",)),), r"keys are given more than once: Alt\+M"),
    ],
    ids=["two entries of a name", "two entries of a key", "a menu's letter"],
)
def test_what_would_be_ambiguous_is_refused_at_the_start(qtbot: QtBot, entries: tuple[Entry, ...], words: str) -> None:
    window = QMainWindow()
    qtbot.addWidget(window)
    with pytest.raises(ValueError, match=words):
        build_menus(window, {"one": _Handler(), "two": _Handler()}, menus={"&Menu": entries})


def test_an_entry_without_its_handler_or_method_is_refused_at_the_start(qtbot: QtBot) -> None:
    window = QMainWindow()
    qtbot.addWidget(window)
    with pytest.raises(LookupError, match=r"no handler two is given for the menu entry two\.fit"):
        build_menus(window, {"one": _Handler()}, menus={"&Menu": (Entry("two.fit", "Fit"),)})
    with pytest.raises(AttributeError, match="close"):
        build_menus(window, {"one": _Handler()}, menus={"&Menu": (Entry("one.close", "Close"),)})
    assert build_menus(window, {"one": _Handler()}, menus={"&Menu": (Entry("two.fit", "Fit"),)}, partial=True) == {}
