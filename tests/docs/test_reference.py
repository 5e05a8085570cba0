"""The reference pages are what the code says of itself."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("PySide6")
pytest.importorskip("griffe")

ROOT = Path(__file__).parents[2]
PACKAGES = ("shared", "trainer", "export", "desktop")
TESTS_ALONE = {"CXR_REAL_MATERIAL"}


@pytest.mark.slow
def test_generated_parts_are_up_to_date() -> None:
    script = ROOT / "tests" / "benchmarks" / "docs_reference.py"
    done = subprocess.run([sys.executable, script, "--check"], check=False, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_table_of_environment_variables_names_those_that_are_read() -> None:
    sources = [path.read_text("utf-8") for each in PACKAGES for path in (ROOT / each).rglob("*.py")]
    reading = [text for text in sources if re.search(r"environ|env_var|getenv|variable=", text)]
    read = {name for text in reading for name in re.findall(r'"(CXR_[A-Z_]+)"', text)}
    page = (ROOT / "docs" / "reference" / "environment.md").read_text("utf-8")
    named = set(re.findall(r"^\| `(CXR_[A-Z_]+)`", page, re.MULTILINE))
    assert named - TESTS_ALONE == read
