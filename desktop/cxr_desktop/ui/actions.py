"""Every action of the window, with its menu, its keys and what it calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMainWindow

from cxr_desktop.ui.i18n import tr


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
    group
        Of the checkable entries of one group, one is on.
    """

    name: str
    text: str
    keys: tuple[str, ...] = ()
    checkable: bool = False
    group: str = ""


MENUS: Final[dict[str, Sequence[Entry | None]]] = {
    "&File": (
        Entry("open_films", "Open &films…", ("Ctrl+O",)),
        Entry("open_folder", "Open f&older…", ("Ctrl+Shift+O",)),
        Entry("watch_folder", "&Watch folder…", ("Ctrl+Alt+W",), checkable=True),
        Entry("open_bundle", "Open &bundle…", ("Ctrl+B",)),
        Entry("open_demo", "Open &demo films"),
        None,
        Entry("show_settings", "&Settings…", ("Ctrl+,",)),
        Entry("close", "&Quit", ("Ctrl+Q",)),
    ),
    "&Export": (
        Entry("export_pdf", "&PDF report…", ("Ctrl+P",)),
        Entry("export_csv", "&CSV…", ("Ctrl+Shift+E",)),
        Entry("export_json", "&JSON…", ("Ctrl+E",)),
        Entry("export_png", "&View as PNG…", ("Ctrl+Shift+P",)),
        Entry("export_dicom", "&DICOM (SR, heat maps)…", ("Ctrl+Shift+D",)),
        None,
        Entry("deidentify", "De-&identified", checkable=True),
    ),
    "&Network": (
        Entry("find_in_archive", "&Find films in the archive…", ("Ctrl+Shift+F",)),
        Entry("fetch_priors", "Fetch &priors of this film…", ("Ctrl+Alt+P",)),
        Entry("receive_films", "&Receive films", checkable=True),
        Entry("return_results", "R&eturn results to the archive…", ("Ctrl+Shift+R",)),
        None,
        Entry("show_network", "&Network settings…"),
    ),
    "&List": (
        Entry("next_film", "&Next film", ("J", "Right", "Down")),
        Entry("previous_film", "&Previous film", ("K", "Left", "Up")),
        Entry("next_unread", "Next &unread film", ("Ctrl+J",)),
        Entry("most_urgent", "&Most urgent film", ("Home",)),
        None,
        Entry("search_list", "&Find…", ("Ctrl+F",)),
        Entry("unread_only", "&Only unread films", ("Ctrl+U",), checkable=True),
        Entry("group_by_patient", "&Group by patient", ("Ctrl+G",), checkable=True),
        Entry("hide_patients", "&Hide patient data", ("P",), checkable=True),
        None,
        Entry("take_off", "&Take off the list", ("Ctrl+Delete",)),
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
        Entry("fit", "&Fit", ("F",)),
        Entry("one_to_one", "&1:1", ("1",)),
        Entry("zoom_in", "Zoom i&n", ("+", "=", "Ctrl++")),
        Entry("zoom_out", "Zoom &out", ("-", "Ctrl+-")),
        Entry("pan_left", "Look further &left", ("Shift+Left",)),
        Entry("pan_right", "Look further &right", ("Shift+Right",)),
        Entry("pan_up", "Look further &up", ("Shift+Up",)),
        Entry("pan_down", "Look further &down", ("Shift+Down",)),
        None,
        Entry("turn_left", "Turn left 90°", (",", "Ctrl+Left")),
        Entry("turn_right", "Turn right 90°", (".", "Ctrl+Right")),
        Entry("flip", "Flip left to right", ("X",)),
        Entry("lay_upright", "As the file lies", ("Shift+X",)),
        None,
        Entry("compare", "&Compare with prior or lateral", ("C",), checkable=True),
        Entry("model_view", "What the model &saw", ("S",), checkable=True),
        Entry("next_companion", "Nex&t prior or lateral", ("Alt+C",)),
        Entry("other_film", "&Work on the other film", ("Shift+C",)),
        Entry("link_zoom", "Lin&k zoom", ("L",), checkable=True),
        Entry("link_window", "Link window and level", ("Shift+L",), checkable=True),
        None,
        Entry("overlays", "Words and &measurements", ("O",), checkable=True),
        Entry("open_window", "Open in ne&w window", ("Ctrl+Shift+W",)),
        Entry("full_screen", "Full screen", ("F11",)),
    ),
    "&Contrast": (
        Entry("reset_window", "The film's &own", ("W",)),
        Entry("next_presentation", "&Next of the film's own", ("V",)),
        Entry("previous_presentation", "&Previous of the film's own", ("Shift+V",)),
        None,
        Entry("auto_window", "&Auto (percentiles 1 to 99)", ("2",)),
        Entry("lung_window", "&Lung contrast (percentiles 0.5 to 70)", ("3",)),
        Entry("mediastinum_window", "&Mediastinum contrast (percentiles 40 to 99.5)", ("4",)),
        Entry("bone_window", "&Bone contrast (percentiles 55 to 99.9)", ("5",)),
        None,
        Entry("invert", "&Invert", ("I",), checkable=True),
        Entry("wider", "&Wider window", ("Alt+Right",)),
        Entry("narrower", "Na&rrower window", ("Alt+Left",)),
        Entry("brighter", "Bri&ghter", ("Alt+Up",)),
        Entry("darker", "&Darker", ("Alt+Down",)),
    ),
    "&Heat map": (
        Entry("show_heat", "&Show heat map", ("H",), checkable=True),
        Entry("contours", "As &lines", ("Shift+H",), checkable=True),
        Entry("more_opaque", "&More opaque", ("]",)),
        Entry("less_opaque", "L&ess opaque", ("[",)),
        None,
        Entry("next_target", "&Next target", ("T",)),
        Entry("previous_target", "&Previous target", ("Shift+T",)),
    ),
    "&Tools": (
        Entry("tool_window", "&Window and level", ("Esc",), checkable=True, group="tool"),
        Entry("tool_ruler", "&Ruler", ("R",), checkable=True, group="tool"),
        Entry("tool_ratio", "&Cardiothoracic ratio", ("Shift+R",), checkable=True, group="tool"),
        None,
        Entry("undo_measurement", "&Undo measurement", ("Backspace",)),
        Entry("delete_measurement", "&Delete measurement (under the cursor, else the last)", ("Delete",)),
        None,
        Entry("magnifier", "&Magnifier", ("G",), checkable=True),
        Entry("magnify_more", "Magnifier &2×, 3×, 4×", ("Shift+G",)),
    ),
    "Hel&p": (
        Entry("show_keys", "&Keys and mouse", ("?", "F1")),
        Entry("show_bundle", "&About this bundle", ()),
        Entry("show_providers", "&Providers…", ()),
    ),
}

MOUSE: Final = (
    ("Drag, left button", "What the tool says; window (across) and level (down) at first"),
    ("Drag, right button", "Window (across) and level (down)"),
    ("Drag, middle button or Space", "Pan"),
    ("Z held", "Magnifier under the cursor"),
    ("Wheel", "Zoom to the cursor"),
    ("Double click", "Fit"),
)


def build_menus(window: QMainWindow, handlers: Sequence[object], *, partial: bool = False) -> dict[str, QAction]:
    """Fill the menu bar and return the actions by name.

    Parameters
    ----------
    window
        Whose menu bar and keys they are.
    handlers
        Objects whose methods the entries name; the first that has the method is called.
    partial
        Leave out entries whose method no handler has, and menus that would be empty.

    Raises
    ------
    AttributeError
        No handler has the method of an entry.
    """
    actions: dict[str, QAction] = {}
    groups: dict[str, QActionGroup] = {}
    for title, entries in MENUS.items():
        kept = [each for each in entries if each is None or not partial or _has(handlers, each.name)]
        if not any(kept):
            continue
        menu = window.menuBar().addMenu(tr(title))
        for entry in kept:
            if entry is None:
                menu.addSeparator()
                continue
            action = _action(window, entry, handlers)
            if entry.group:
                groups.setdefault(entry.group, QActionGroup(window)).addAction(action)
            menu.addAction(action)
            actions[entry.name] = action
    return actions


def key_table() -> list[tuple[str, str]]:
    """Pairs of keys and what they do, then the mouse."""
    pairs = [
        ("  ".join(entry.keys), tr(entry.text).replace("&", "").rstrip("…"))
        for entries in MENUS.values()
        for entry in entries
        if entry is not None and entry.keys
    ]
    return [*pairs, *((tr(mouse), tr(what)) for mouse, what in MOUSE)]


def _action(window: QMainWindow, entry: Entry, handlers: Sequence[object]) -> QAction:
    action = QAction(tr(entry.text), window)
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


def _has(handlers: Sequence[object], name: str) -> bool:
    return any(hasattr(handler, name) for handler in handlers)


def _method(name: str, handlers: Sequence[object]) -> Callable[..., object]:
    for handler in handlers:
        if hasattr(handler, name):
            found: Callable[..., object] = getattr(handler, name)
            return found
    raise AttributeError(f"no handler of the menus has {name}")
