"""The page about IHE AIR names tests that exist, and says of each requirement its source and whether it is met."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "explanation" / "ihe-air.md"
TESTS = ROOT / "tests" / "desktop"


def rows() -> list[list[str]]:
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[1:]]


def named(row: list[str]) -> list[str]:
    return re.findall(r"`([\w/]+\.py::\w+)`", row[4])


def test_the_table_is_whole() -> None:
    assert len(rows()) >= 12
    for row in rows():
        assert len(row) == 5, row
        requirement, source, met, done, _ = row
        assert requirement
        assert done
        assert source in ("A", "B", "C", "U"), row
        assert met in ("yes", "in part", "no", "**no**"), row


def test_what_is_met_names_a_test() -> None:
    assert [row[0] for row in rows() if row[2] in ("yes", "in part") and not named(row)] == []


@pytest.mark.parametrize("test", sorted({test for row in rows() for test in named(row)}))
def test_each_named_test_exists(test: str) -> None:
    path, name = test.split("::")
    tree = ast.parse((TESTS / path).read_text("utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_the_page_claims_no_more_than_it_knows() -> None:
    text = " ".join(PAGE.read_text("utf-8").split())
    assert "It is no claim of conformance" in text
    assert "**not verified** against any text" in text
