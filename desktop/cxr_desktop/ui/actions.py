"""Every action of the window, with its menu, its keys and what it calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
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
    calls
        Handler and method that it calls: ``film.fit`` is `fit` of the handler ``film``.
    text
        In the menu.
    keys
        Key sequences, the first one shown in the menu.
    checkable
        Whether it is on or off; its method then takes a bool.
    group
        Of the checkable entries of one group, one is on.
    """

    calls: str
    text: str
    keys: tuple[str, ...] = ()
    checkable: bool = False
    group: str = ""

    @property
    def handler(self) -> str:
        """Name of the handler, as `build_menus` gets it."""
        return self.calls.partition(".")[0]

    @property
    def name(self) -> str:
        """Name of the method, and of the action."""
        return self.calls.partition(".")[2]


MENUS: Final[dict[str, Sequence[Entry | None]]] = {
    "&File": (
        Entry("file.open_films", "Open &films…", ("Ctrl+O",)),
        Entry("file.open_folder", "Open f&older…", ("Ctrl+Shift+O",)),
        Entry("watching.watch_folder", "&Watch folder…", ("Ctrl+Alt+W",), checkable=True),
        Entry("file.open_bundle", "Open &bundle…", ("Ctrl+B",)),
        Entry("file.open_demo", "Open &demo films"),
        None,
        Entry("settings.show_settings", "&Settings…", ("Ctrl+,",)),
        Entry("window.close", "&Quit", ("Ctrl+Q",)),
    ),
    "&Export": (
        Entry("export.export_pdf", "&PDF report…", ("Ctrl+P",)),
        Entry("export.export_csv", "&CSV…", ("Ctrl+Shift+E",)),
        Entry("export.export_json", "&JSON…", ("Ctrl+E",)),
        Entry("export.export_png", "&View as PNG…", ("Ctrl+Shift+P",)),
        Entry("export.export_dicom", "&DICOM (SR, heat maps)…", ("Ctrl+Shift+D",)),
        None,
        Entry("export.deidentify", "De-&identified", checkable=True),
    ),
    "&Network": (
        Entry("network.find_in_archive", "&Find films in the archive…", ("Ctrl+Shift+F",)),
        Entry("network.fetch_priors", "Fetch &priors of this film…", ("Ctrl+Alt+P",)),
        Entry("network.receive_films", "&Receive films", checkable=True),
        Entry("network.return_results", "R&eturn results to the archive…", ("Ctrl+Shift+R",)),
        None,
        Entry("network.show_network", "&Network settings…"),
    ),
    "&List": (
        Entry("list.next_film", "&Next film", ("J", "Right", "Down")),
        Entry("list.previous_film", "&Previous film", ("K", "Left", "Up")),
        Entry("list.next_unread", "Next &unread film", ("Ctrl+J",)),
        Entry("list.most_urgent", "&Most urgent film", ("Home",)),
        None,
        Entry("list.search_list", "&Find…", ("Ctrl+F",)),
        Entry("list.unread_only", "&Only unread films", ("Ctrl+U",), checkable=True),
        Entry("list.group_by_patient", "&Group by patient", ("Ctrl+G",), checkable=True),
        Entry("list.hide_patients", "&Hide patient data", ("P",), checkable=True),
        None,
        Entry("list.take_off", "&Take off the list", ("Ctrl+Delete",)),
        Entry("list.put_back", "Put &back on the list", ("Ctrl+Shift+Z",)),
    ),
    "&Reading": (
        Entry("reading.agree", "&Agree", ("A",)),
        Entry("reading.disagree", "&Disagree", ("D",)),
        Entry("reading.no_opinion", "N&o opinion", ("U",)),
        Entry("reading.edit_note", "&Note", ("N",)),
        Entry("reading.mark_read", "&Mark read or unread, or commit", ("M",)),
        Entry("reading.undo_reading", "&Undo", ("Ctrl+Z",)),
        None,
        Entry("reading.blind_first", "Read &blind first", ("Ctrl+Shift+B",), checkable=True),
    ),
    "&View": (
        Entry("film.fit", "&Fit", ("F",)),
        Entry("film.one_to_one", "&1:1", ("1",)),
        Entry("film.zoom_in", "Zoom i&n", ("+", "=", "Ctrl++")),
        Entry("film.zoom_out", "Zoom &out", ("-", "Ctrl+-")),
        Entry("film.pan_left", "Look further &left", ("Shift+Left",)),
        Entry("film.pan_right", "Look further &right", ("Shift+Right",)),
        Entry("film.pan_up", "Look further &up", ("Shift+Up",)),
        Entry("film.pan_down", "Look further &down", ("Shift+Down",)),
        None,
        Entry("film.turn_left", "Turn left 90°", (",", "Ctrl+Left")),
        Entry("film.turn_right", "Turn right 90°", (".", "Ctrl+Right")),
        Entry("film.flip", "Flip left to right", ("X",)),
        Entry("film.lay_upright", "As the file lies", ("Shift+X",)),
        None,
        Entry("stage.compare", "&Compare with prior or lateral", ("C",), checkable=True),
        Entry("stage.model_view", "What the model &saw", ("S",), checkable=True),
        Entry("companion.next_companion", "Nex&t prior or lateral", ("Alt+C",)),
        Entry("stage.other_film", "Work on t&he other film", ("Shift+C",)),
        Entry("stage.link_zoom", "Lin&k zoom", ("L",), checkable=True),
        Entry("stage.link_window", "Link window and level", ("Shift+L",), checkable=True),
        None,
        Entry("film.overlays", "Words and &measurements", ("O",), checkable=True),
        Entry("stage.open_window", "Open in ne&w window", ("Ctrl+Shift+W",)),
        Entry("film.full_screen", "Full screen", ("F11",)),
    ),
    "C&ontrast": (
        Entry("film.reset_window", "The film's &own", ("W",)),
        Entry("film.next_presentation", "&Next of the film's own", ("V",)),
        Entry("film.previous_presentation", "&Previous of the film's own", ("Shift+V",)),
        None,
        Entry("film.auto_window", "&Auto (percentiles 1 to 99)", ("2",)),
        Entry("film.lung_window", "&Lung contrast (percentiles 0.5 to 70)", ("3",)),
        Entry("film.mediastinum_window", "&Mediastinum contrast (percentiles 40 to 99.5)", ("4",)),
        Entry("film.bone_window", "&Bone contrast (percentiles 55 to 99.9)", ("5",)),
        None,
        Entry("film.invert", "&Invert", ("I",), checkable=True),
        Entry("film.wider", "&Wider window", ("Alt+Right",)),
        Entry("film.narrower", "Na&rrower window", ("Alt+Left",)),
        Entry("film.brighter", "Bri&ghter", ("Alt+Up",)),
        Entry("film.darker", "&Darker", ("Alt+Down",)),
    ),
    "&Heat map": (
        Entry("film.show_heat", "&Show heat map", ("H",), checkable=True),
        Entry("film.contours", "As &lines", ("Shift+H",), checkable=True),
        Entry("film.more_opaque", "&More opaque", ("]",)),
        Entry("film.less_opaque", "L&ess opaque", ("[",)),
        None,
        Entry("window.next_target", "&Next target", ("T",)),
        Entry("window.previous_target", "&Previous target", ("Shift+T",)),
    ),
    "&Tools": (
        Entry("film.tool_window", "&Window and level", ("Esc",), checkable=True, group="tool"),
        Entry("film.tool_ruler", "&Ruler", ("R",), checkable=True, group="tool"),
        Entry("film.tool_ratio", "&Cardiothoracic ratio", ("Shift+R",), checkable=True, group="tool"),
        None,
        Entry("film.undo_measurement", "&Undo measurement", ("Backspace",)),
        Entry("film.delete_measurement", "&Delete measurement (under the cursor, else the last)", ("Delete",)),
        None,
        Entry("film.magnifier", "&Magnifier", ("G",), checkable=True),
        Entry("film.magnify_more", "Magnifier &2×, 3×, 4×", ("Shift+G",)),
    ),
    "Hel&p": (
        Entry("help.show_keys", "&Keys and mouse", ("?", "F1")),
        Entry("help.show_bundle", "&About this bundle", ()),
        Entry("help.show_providers", "&Providers…", ()),
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


def build_menus(
    window: QMainWindow,
    handlers: Mapping[str, object],
    *,
    partial: bool = False,
    menus: Mapping[str, Sequence[Entry | None]] = MENUS,
) -> dict[str, QAction]:
    """Fill the menu bar and return the actions by name.

    Parameters
    ----------
    window
        Whose menu bar and keys they are.
    handlers
        Objects whose methods the entries call, by the names that the entries have for them.
    partial
        Leave out entries of handlers that are not given, and menus that would be empty.
    menus
        Entries by the title of their menu.

    Raises
    ------
    ValueError
        Two entries have the same name, or the same key, which Qt would then give to neither.
    LookupError
        The handler of an entry is not given.
    AttributeError
        A handler lacks the method of an entry.
    """
    _refuse_duplicates(menus)
    actions: dict[str, QAction] = {}
    groups: dict[str, QActionGroup] = {}
    for title, entries in menus.items():
        kept = [each for each in entries if each is None or not partial or each.handler in handlers]
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


def _action(window: QMainWindow, entry: Entry, handlers: Mapping[str, object]) -> QAction:
    action = QAction(tr(entry.text), window)
    action.setObjectName(entry.name)
    action.setShortcuts([QKeySequence(keys) for keys in entry.keys])
    action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
    if entry.handler not in handlers:
        raise LookupError(f"no handler {entry.handler} is given for the menu entry {entry.calls}")
    slot: Callable[..., object] = getattr(handlers[entry.handler], entry.name)
    if entry.checkable:
        action.setCheckable(True)
        action.toggled.connect(slot)
    else:
        action.triggered.connect(lambda _checked=False: slot())
    return action


def _refuse_duplicates(menus: Mapping[str, Sequence[Entry | None]]) -> None:
    entries = [entry for each in menus.values() for entry in each if entry is not None]
    keys = [QKeySequence(key) for entry in entries for key in entry.keys]
    _refuse("menu entries are named", (entry.name for entry in entries))
    _refuse("keys are given", (key.toString() for key in (*keys, *map(QKeySequence.mnemonic, menus)) if key.count()))


def _refuse(what: str, names: Iterable[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"{what} more than once: {', '.join(twice)}")
