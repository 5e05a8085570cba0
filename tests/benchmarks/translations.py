"""Collect the window's words into the template of Qt Linguist: ``python tests/benchmarks/translations.py``.

pyside6-lupdate does not know the module's own `tr`, nor words that stand in tables, so they are collected here. A new
language: copy ``cxr_template.ts`` to ``cxr_<language>.ts``, translate it in pyside6-linguist, and make the .qm with
``pyside6-lrelease``.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import cxr_desktop.ui
from cxr_desktop.inference.lanes import Lane
from cxr_desktop.pacs.query import LeftOut
from cxr_desktop.ui.actions import MENUS, MOUSE
from cxr_desktop.ui.bundle_table import MODEL_HEADINGS, POINT_HEADINGS
from cxr_desktop.ui.drags import Tool
from cxr_desktop.ui.i18n import CONTEXT
from cxr_desktop.ui.models.found import TITLES
from cxr_desktop.worklist import row
from cxr_desktop.worklist.order import Column

UI = Path(cxr_desktop.ui.__file__).parent
TEMPLATE = UI / "translations" / "cxr_template.ts"


class UnknownWords(Exception):
    """`tr` was called with words that cannot be known before the program runs."""


def called() -> list[str]:
    """Words that are written in a call of `tr`, or in a constant in capitals that is given to it, in order."""
    found: list[str] = []
    for path in sorted(UI.rglob("*.py")):
        module = ".".join(("cxr_desktop.ui", *path.relative_to(UI).with_suffix("").parts))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "tr":
                found.extend(_words(node.args[0], module))
    return found


def tables() -> list[str]:
    """Words that reach `tr` out of a table, most of them in modules without Qt."""
    return [
        *MENUS,
        *(entry.text for entries in MENUS.values() for entry in entries if entry is not None),
        *(words for pair in MOUSE for words in pair),
        *(column.title for column in Column),
        *(lane.words for lane in Lane),
        *_states(),
        *(tool.value for tool in Tool),
        *MODEL_HEADINGS,
        *POINT_HEADINGS,
        *TITLES,
        *(why.value for why in LeftOut),
        *("Film gate", "Pixel path", "Notice"),
    ]


def template() -> bytes:
    """Return the template, TS 2.1 in UTF-8."""
    root = ET.Element("TS", version="2.1", sourcelanguage="en")
    context = ET.SubElement(root, "context")
    ET.SubElement(context, "name").text = CONTEXT
    for words in dict.fromkeys((*tables(), *called())):
        message = ET.SubElement(context, "message")
        ET.SubElement(message, "source").text = words
        ET.SubElement(message, "translation", type="unfinished")
    ET.indent(root, "    ")
    head = b'<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE TS>\n'
    return head + ET.tostring(root, encoding="utf-8") + b"\n"


def _words(argument: ast.expr, module: str) -> Iterator[str]:
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        yield argument.value
    elif isinstance(argument, ast.Name) and argument.id.isupper():
        yield getattr(importlib.import_module(module), argument.id)
    elif isinstance(argument, ast.JoinedStr | ast.IfExp | ast.BinOp | ast.BoolOp):
        raise UnknownWords(f"{module}, line {argument.lineno}: `tr` takes words as they are written, values by name.")


def _states() -> list[str]:
    """Words that `Row.state` returns."""
    tree = ast.parse(Path(row.__file__).read_text(encoding="utf-8"))
    state = next(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "state")
    returns = [node.value for node in ast.walk(state) if isinstance(node, ast.Return) and node.value]
    leaves = [
        leaf for value in returns for leaf in ((value.body, value.orelse) if isinstance(value, ast.IfExp) else (value,))
    ]
    return [leaf.value for leaf in leaves if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str)]


if __name__ == "__main__":
    from cxr_shared.files import write_bytes

    TEMPLATE.parent.mkdir(exist_ok=True)
    write_bytes(TEMPLATE, template())
    print(f"{TEMPLATE}: {template().count(b'<message>')} words and sentences")
