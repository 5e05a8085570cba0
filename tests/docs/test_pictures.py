"""Pictures are written where they changed, and every picture that a page shows is there and in use."""

from __future__ import annotations

import io
import re
import runpy
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from .pages import ROOT, pages

PICTURES = ROOT / "docs" / "pictures"


@pytest.fixture(scope="module")
def keep_or_write() -> Callable[[Path, bytes], bool]:
    return runpy.run_path(str(ROOT / "tests" / "benchmarks" / "docs_pixels.py"))["keep_or_write"]


def png(colour: tuple[int, int, int], *, level: int = 9) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(buffer, "PNG", compress_level=level)
    return buffer.getvalue()


def test_the_same_pixels_packed_otherwise_are_no_change(
    tmp_path: Path, keep_or_write: Callable[[Path, bytes], bool]
) -> None:
    first, again = png((1, 2, 3)), png((1, 2, 3), level=0)
    assert first != again
    assert keep_or_write(tmp_path / "a.png", first)
    assert not keep_or_write(tmp_path / "a.png", again)
    assert (tmp_path / "a.png").read_bytes() == first


def test_what_changed_is_written(tmp_path: Path, keep_or_write: Callable[[Path, bytes], bool]) -> None:
    for name, old, new in (("a.png", png((1, 2, 3)), png((1, 2, 4))), ("a.svg", b"<svg/>", b"<svg>1</svg>")):
        assert keep_or_write(tmp_path / name, old)
        assert keep_or_write(tmp_path / name, new)
        assert (tmp_path / name).read_bytes() == new


def test_every_picture_is_shown_somewhere_and_small() -> None:
    shown = {name for page in pages() for name in re.findall(r"pictures/([\w.-]+)", page.text)}
    there = {path.name: path.stat().st_size for path in PICTURES.iterdir()}
    assert shown == set(there)
    assert [name for name, size in there.items() if size >= 600_000] == []
