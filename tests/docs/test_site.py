"""The site is built strictly, holds every page, and loads nothing from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

pytest.importorskip("material")
pytest.importorskip("mkdocstrings")

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(out)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


class Loads(HTMLParser):
    """Addresses that a page loads by itself; links that a reader may follow are none."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        address = named.get("src") or (named.get("href") if tag == "link" else None)
        if address:
            self.found.append(address)


def test_every_page_becomes_one(site: Path) -> None:
    pages = {path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")}
    assert pages
    assert [page for page in sorted(pages) if not (site / page).is_file()] == []


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        loads = Loads()
        loads.feed(page.read_text("utf-8"))
        assert loads.found
        assert [each for each in loads.found if re.match(r"(\w+:)?//", each)] == [], page


def test_styles_load_nothing_from_elsewhere(site: Path) -> None:
    sheets = list(site.rglob("*.css"))
    assert sheets
    for sheet in sheets:
        assert re.findall(r"url\(['\"]?(?:https?:)?//[^)]*\)", sheet.read_text("utf-8")) == [], sheet


def test_python_pages_say_something(site: Path) -> None:
    """An identifier that mkdocstrings did not find would leave an empty page."""
    for page in (site / "reference" / "api").glob("*.html"):
        assert page.read_text("utf-8").count("doc-object") > 5, page
