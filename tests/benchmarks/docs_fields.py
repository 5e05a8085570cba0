"""Tables of the fields of pydantic models, for the reference pages: name, type, default, meaning.

Types come from the JSON Schema that a model gives, meanings from the docstrings below its fields or the ``Attributes``
of its class, read without importing them (griffe).
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import griffe
from pydantic import BaseModel

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final = ("shared", "trainer", "export", "desktop")
_PLAIN: Final = {"string": "text", "boolean": "true or false", "integer": "integer", "number": "number", "null": "null"}
_BOUNDS: Final = (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<"))


class NotDocumentedError(Exception):
    """A field has no meaning: write a docstring below it, or name it among its class's attributes."""


def table(model: type[BaseModel], *, defaults: bool = True) -> str:
    """A model's fields as a Markdown table; NotDocumentedError where one has no meaning."""
    schema = model.model_json_schema(mode="validation")
    needed, rows = set(schema.get("required", ())), []
    for name, node in schema["properties"].items():
        kind = type_text(node, schema.get("$defs", {}))
        kind = kind.removesuffix(" or null") if defaults else kind
        default = [_default_text(node, needed=name in needed)] if defaults else []
        rows.append([f"`{name}`", kind, *default, _meaning(model, name)])
    heads = ["field", "type", *(["default"] if defaults else []), "meaning"]
    return markdown_table(heads, rows)


def summary(model: type[BaseModel]) -> str:
    """The docstring of a class without its attributes."""
    text = griffe_class(model).docstring
    return prose(text.parse("numpy")[0].value if text else "")


def referenced(model: type[BaseModel]) -> list[str]:
    """Names of the objects that a model is made of, in the order in which they are met; enumerations are left out."""
    schema = model.model_json_schema(mode="validation")
    found: list[str] = []

    def visit(node: Any) -> None:
        if isinstance(node, dict):
            name = str(node.get("$ref", "")).rpartition("/")[2]
            if name and name not in found and "properties" in schema["$defs"][name]:
                found.append(name)
                visit(schema["$defs"][name])
            for each in node.values():
                visit(each)
        elif isinstance(node, list):
            for each in node:
                visit(each)

    visit(schema["properties"])
    return found


def type_text(node: dict[str, Any], defs: dict[str, Any]) -> str:
    """A JSON Schema type in words; objects are links to their headings."""
    if "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        if name == "Target":
            return "a target"
        return type_text(defs[name], defs) if "enum" in defs[name] else f"[{name}](#{name.lower()})"
    if "const" in node:
        return f"`{node['const']}`"
    if "enum" in node:
        return ", ".join(f"`{each}`" for each in node["enum"])
    for key in ("anyOf", "oneOf"):
        if key in node:
            return " or ".join(type_text(each, defs) for each in node[key])
    if node.get("type") == "array":
        return _array_text(node, defs)
    if node.get("type") == "object":
        inner = node.get("additionalProperties")
        return f"by name: {type_text(inner, defs)}" if isinstance(inner, dict) and inner else "object"
    bounds = " and ".join(f"{sign} {node[key]:g}" for key, sign in _BOUNDS if key in node)
    return " ".join(filter(None, (_PLAIN[node["type"]], bounds)))


def _array_text(node: dict[str, Any], defs: dict[str, Any]) -> str:
    if "prefixItems" in node:
        return "[" + ", ".join(type_text(each, defs) for each in node["prefixItems"]) + "]"
    return f"list of {type_text(node['items'], defs)}"


def _default_text(node: dict[str, Any], *, needed: bool) -> str:
    if needed:
        return "**needed**"
    value = node.get("default")
    if value is None:
        return "—"
    return "its own" if isinstance(value, dict) else f"`{json.dumps(value)}`"


def _meaning(model: type[BaseModel], name: str) -> str:
    for each in model.__mro__:
        if each is BaseModel or not issubclass(each, BaseModel):
            break
        found = _own_meanings(each).get(name) or _own_meanings(each).get(f"{name}_")
        if found:
            return prose(found)
    raise NotDocumentedError(f"{model.__module__}.{model.__qualname__}.{name} has no meaning")


@functools.cache
def _own_meanings(model: type[BaseModel]) -> dict[str, str]:
    source = griffe_class(model)
    found = {name: member.docstring.value for name, member in source.attributes.items() if member.docstring}
    sections = source.docstring.parse("numpy") if source.docstring else []
    for section in sections:
        if section.kind is griffe.DocstringSectionKind.attributes:
            for item in section.value:
                found |= dict.fromkeys(re.split(r",\s*", item.name), item.description)
    return found


def griffe_class(model: type[Any]) -> griffe.Class:
    """The source of a class, parsed."""
    return _module(model.__module__)[model.__qualname__]  # type: ignore[return-value]


@functools.cache
def _module(name: str) -> griffe.Module:
    return griffe.load(name, search_paths=[ROOT / each for each in PACKAGES], allow_inspection=False)  # type: ignore[return-value]


def prose(text: str) -> str:
    """A docstring's text in one line of Markdown."""
    return re.sub(r"\s+", " ", text.replace("``", "`")).strip()


def markdown_table(heads: list[str], rows: list[list[str]] | Iterator[list[str]]) -> str:
    """A table; a bar within a cell is escaped."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
