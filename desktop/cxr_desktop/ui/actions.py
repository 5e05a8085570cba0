"""Every action of the window, with its menu, its keys and what it calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMainWindow


@dataclass(frozen=True, slots=True)
class Entry:
    """One action.

    Attributes
    ----------
    name
        Name of the handler's method that it calls, and of the action.
    text
        In the menu.
    keys
        Key sequences, the first one shown in the menu.
    checkable
        Whether it is on or off; its method then takes a bool.
    """

    name: str
    text: str
    keys: tuple[str, ...] = ()
    checkable: bool = False


MENUS: Final[dict[str, Sequence[Entry | None]]] = {
    "&File": (
        Entry("open_films", "Open &films…", ("Ctrl+O",)),
        Entry("open_folder", "Open f&older…", ("Ctrl+Shift+O",)),
        Entry("open_bundle", "Open &bundle…", ("Ctrl+B",)),
        Entry("open_demo", "Open &demo films"),
        None,
        Entry("export_json", "Export worklist as &JSON…", ("Ctrl+E",)),
        Entry("export_csv", "Export worklist as &CSV…", ("Ctrl+Shift+E",)),
        None,
        Entry("show_settings", "&Settings…", ("Ctrl+,",)),
        Entry("close", "&Quit", ("Ctrl+Q",)),
    ),
    "&List": (
        Entry("next_film", "&Next film", ("J", "Right", "Down")),
        Entry("previous_film", "&Previous film", ("K", "Left", "Up")),
        Entry("next_unread", "Next &unread film", ("Ctrl+J",)),
        Entry("most_urgent", "&Most urgent film", ("Home",)),
        None,
        Entry("search_list", "&Find…", ("Ctrl+F",)),
        Entry("unread_only", "&Only unread films", ("Ctrl+U",), checkable=True),
        Entry("group_by_patient", "&Group by patient", ("G",), checkable=True),
        Entry("hide_patients", "&Hide patient data", ("P",), checkable=True),
        None,
        Entry("take_off", "&Take off the list", ("Delete",)),
        Entry("put_back", "Put &back on the list", ("Ctrl+Shift+Z",)),
    ),
    "&Reading": (
        Entry("agree", "&Agree", ("A",)),
        Entry("disagree", "&Disagree", ("D",)),
        Entry("no_opinion", "N&o opinion", ("U",)),
        Entry("edit_note", "&Note", ("N",)),
        Entry("mark_read", "&Mark read or unread, or commit", ("M",)),
        Entry("undo_reading", "&Undo", ("Ctrl+Z",)),
        None,
        Entry("blind_first", "Read &blind first", ("Ctrl+Shift+B",), checkable=True),
    ),
    "&View": (
        Entry("invert", "&Invert", ("I",), checkable=True),
        Entry("reset_window", "Reset &window", ("W",)),
        None,
        Entry("fit", "&Fit", ("F",)),
        Entry("one_to_one", "&1:1", ("1",)),
        Entry("zoom_in", "Zoom i&n", ("+", "=", "Ctrl++")),
        Entry("zoom_out", "Zoom &out", ("-", "Ctrl+-")),
    ),
    "&Heat map": (
        Entry("show_heat", "&Show heat map", ("H",), checkable=True),
        Entry("more_opaque", "&More opaque", ("]",)),
        Entry("less_opaque", "&Less opaque", ("[",)),
        None,
        Entry("next_target", "&Next target", ("T",)),
        Entry("previous_target", "&Previous target", ("Shift+T",)),
    ),
    "Hel&p": (
        Entry("show_keys", "&Keys and mouse", ("?", "F1")),
        Entry("show_bundle", "&About this bundle", ()),
        Entry("show_providers", "&Providers…", ()),
    ),
}

MOUSE: Final = (
    ("Drag, left or right button", "Window (across) and level (down)"),
    ("Drag, middle button or Space", "Pan"),
    ("Wheel", "Zoom to the cursor"),
    ("Double click", "Fit"),
)


def build_menus(window: QMainWindow, handlers: Sequence[object]) -> dict[str, QAction]:
    """Fill the menu bar and return the actions by name.

    Parameters
    ----------
    window
        Whose menu bar and keys they are.
    handlers
        Objects whose methods the entries name; the first that has the method is called.

    Raises
    ------
    AttributeError
        No handler has the method of an entry.
    """
    actions: dict[str, QAction] = {}
    for title, entries in MENUS.items():
        menu = window.menuBar().addMenu(title)
        for entry in entries:
            if entry is None:
                menu.addSeparator()
                continue
            action = _action(window, entry, handlers)
            menu.addAction(action)
            actions[entry.name] = action
    return actions


def key_table() -> list[tuple[str, str]]:
    """Pairs of keys and what they do, then the mouse."""
    pairs = [
        ("  ".join(entry.keys), entry.text.replace("&", "").rstrip("…"))
        for entries in MENUS.values()
        for entry in entries
        if entry is not None and entry.keys
    ]
    return [*pairs, *MOUSE]


def _action(window: QMainWindow, entry: Entry, handlers: Sequence[object]) -> QAction:
    action = QAction(entry.text, window)
    action.setObjectName(entry.name)
    action.setShortcuts([QKeySequence(keys) for keys in entry.keys])
    action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
    slot = _method(entry.name, handlers)
    if entry.checkable:
        action.setCheckable(True)
        action.toggled.connect(slot)
    else:
        action.triggered.connect(lambda _checked=False: slot())
    return action


def _method(name: str, handlers: Sequence[object]) -> Callable[..., object]:
    for handler in handlers:
        if hasattr(handler, name):
            found: Callable[..., object] = getattr(handler, name)
            return found
    raise AttributeError(f"no handler of the menus has {name}")
