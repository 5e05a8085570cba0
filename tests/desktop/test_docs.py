"""The documentation of the window names keys and pictures that exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("PySide6")

from cxr_desktop.ui.actions import MENUS, Entry

ROOT = Path(__file__).parents[2]
WALK = ROOT / "docs" / "walkthrough.md"
README = ROOT / "README.md"
LEFT_OUT = {
    "pan_left",
    "pan_right",
    "pan_up",
    "pan_down",
    "lay_upright",
    "wider",
    "narrower",
    "brighter",
    "darker",
}
"""Actions by keyboard of what the mouse does, and what a second key undoes: `?` shows them."""


def _entries() -> Iterator[Entry]:
    yield from (entry for entries in MENUS.values() for entry in entries if entry is not None and entry.keys)


def _keys() -> set[str]:
    return {key for entry in _entries() for key in entry.keys}


def _table() -> list[list[str]]:
    """Cells of the README's table of keys, row by row."""
    section = README.read_text(encoding="utf-8").partition("### Keys and mouse in the window")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


def _named(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_the_readmes_table_names_keys_that_exist_and_says_what_they_do() -> None:
    table = _table()
    assert len(table) > 10
    assert {len(row) for row in table} == {4}
    named = [key for row in table for cell in row[::2] for key in _named(cell)]
    assert set(named) <= _keys()
    assert len(named) == len(set(named))
    assert all(row[1] and row[3] for row in table)


def test_the_readmes_table_leaves_no_important_action_out() -> None:
    named = {key for row in _table() for cell in row[::2] for key in _named(cell)}
    missing = {entry.name for entry in _entries() if not named.intersection(entry.keys)}
    assert missing == LEFT_OUT


@pytest.mark.parametrize("page", [README, WALK], ids=lambda page: page.name)
def test_combinations_of_keys_exist(page: Path) -> None:
    words = re.findall(
        r"\b(?:(?:Ctrl|Shift|Alt)\+)+(?:[A-Z][a-z]+|[A-Z0-9]|,(?= sets))", page.read_text(encoding="utf-8")
    )
    assert words
    assert set(words) <= _keys()


def test_bold_keys_of_the_walk_exist() -> None:
    bold = {word for word in re.findall(r"\*\*([^*]+)\*\*", WALK.read_text(encoding="utf-8")) if len(word) == 1}
    assert len(bold) > 20
    assert bold <= _keys()


@pytest.mark.parametrize("page", [README, WALK], ids=lambda page: page.name)
def test_pictures_exist_and_are_small(page: Path) -> None:
    names = re.findall(r"!\[[^\]]+\]\(([^)]+\.png)\)", page.read_text(encoding="utf-8"))
    sizes = {name: (page.parent / name).stat().st_size for name in names}
    assert sizes
    assert all(size < 600_000 for size in sizes.values())


def test_the_walk_names_every_lane() -> None:
    from cxr_desktop.inference.lanes import Lane

    text = WALK.read_text(encoding="utf-8")
    assert [f"| {lane.words} |" in text for lane in Lane] == [True] * len(Lane)
