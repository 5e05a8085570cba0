"""The program on a real X server: it opens, takes keys, the mouse and what is dropped, and closes.

CXR_SCREENSHOTS names a folder where the pictures are kept, to be looked at.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from cxr_desktop.store import Opinion, Read, Store
from cxr_shared.opencv import cv2

_TOOLS = ("Xvfb", "xdotool", "import")
_MISSING = [tool for tool in _TOOLS if shutil.which(tool) is None]

pytestmark = [
    pytest.mark.xvfb,
    pytest.mark.skipif(bool(_MISSING), reason=f"not installed: {', '.join(_MISSING)}"),
]


@pytest.fixture
def display() -> Iterator[str]:
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1300x850x24"],
        pass_fds=(writing,),
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    with os.fdopen(reading) as stream:
        number = stream.readline().strip()
    yield f":{number}"
    server.terminate()
    server.wait(timeout=10)


class _Screen:
    def __init__(self, display: str, folder: Path) -> None:
        self.environment = {**os.environ, "DISPLAY": display}
        self.environment.pop("QT_QPA_PLATFORM", None)
        self._picture = folder / "screen.png"

    def grab(self, name: str = "") -> np.ndarray:
        subprocess.run(["import", "-window", "root", self._picture], env=self.environment, check=True)
        kept = os.environ.get("CXR_SCREENSHOTS")
        if kept and name:
            shutil.copy(self._picture, Path(kept, f"{name}.png"))
        return np.asarray(cv2.imread(str(self._picture)))

    def do(self, *words: object) -> None:
        subprocess.run(["xdotool", *map(str, words)], env=self.environment, check=True)
        time.sleep(0.4)

    def wait_for_badge(self) -> np.ndarray:
        """Wait for the amber notice in the film's corner and for the scores' bars."""
        for _ in range(60):
            screen = self.grab()
            if (screen == (0x4F, 0x69, 0xD9)).all(axis=2).sum() > 300:
                return screen
            time.sleep(0.25)
        raise AssertionError("no score was shown")


def test_the_program_opens_works_and_closes(
    display: str, films: dict[str, Path], bundle_path: Path, tmp_path: Path
) -> None:
    screen = _Screen(display, tmp_path)
    command = [sys.executable, "-m", "cxr_desktop.cli", str(films["dark"].parent), "--bundle", str(bundle_path)]
    with subprocess.Popen(command, env=screen.environment, stderr=subprocess.PIPE, text=True) as program:
        try:
            # There is no window manager to give the window the keys.
            screen.do("search", "--sync", "--name", "Chest X-ray triage", "windowfocus", "%1")
            shown = screen.wait_for_badge()
            screen.do("key", "Home")
            screen.do("key", "h")
            flat = screen.grab()
            screen.do("key", "i")
            inverted = screen.grab()
            screen.do("mousemove", 760, 400, "mousedown", 1, "mousemove", 800, 460, "mouseup", 1)
            dragged = screen.grab()
            assert (shown != flat).any()
            assert (flat != inverted).mean() > 0.05
            assert (inverted != dragged).mean() > 0.02
            screen.do("key", "ctrl+q")
            _, errors = program.communicate(timeout=20)
        finally:
            program.kill()
    assert (program.returncode, errors) == (0, "")


@contextlib.contextmanager
def _dropped(screen: _Screen, path: Path) -> Iterator[None]:
    """Drag a folder from another program's window onto the middle of ours; that program runs as long as the block."""
    command = [sys.executable, str(Path(__file__).with_name("drag_source.py")), str(path)]
    with subprocess.Popen(command, env=screen.environment, stdout=subprocess.PIPE, text=True) as source:
        try:
            screen.do("search", "--sync", "--name", "drag source")
            screen.do("mousemove", 20, 810, "mousedown", 1)
            for step in range(12):  # a drag begins, and is followed, only while the mouse moves
                screen.do("mousemove", 20 + 50 * step, 810 - 35 * step)
            screen.do("mouseup", 1)
            assert source.stdout is not None
            assert source.stdout.readline().strip() == "dropped"
            yield
        finally:
            source.kill()


def _read(store: Path, *, marked: int) -> Read:
    """Wait until so many films are marked read, and return the last reading; the program still holds the store."""
    copied = store.with_name("copy.sqlite")
    for _ in range(40):
        for suffix in ("", "-wal"):
            if (file := store.with_name(store.name + suffix)).exists():
                shutil.copy(file, copied.with_name(copied.name + suffix))
        with contextlib.closing(Store(copied)) as copy:
            reads = [film.read for film in copy.load() if film.read is not None]
        if sum(read.finished for read in reads) == marked:
            return max(reads, key=lambda read: read.at)
        time.sleep(0.25)
    raise AssertionError(f"{marked} readings were to be kept, and {reads} were")


def test_a_folder_is_dropped_and_read_by_keys(
    display: str, films: dict[str, Path], bundle_path: Path, tmp_path: Path
) -> None:
    screen = _Screen(display, tmp_path)
    store = tmp_path / "kept" / "store.sqlite"
    screen.environment["CXR_STORE"] = str(store)
    command = [sys.executable, "-m", "cxr_desktop.cli", "--bundle", str(bundle_path)]
    with subprocess.Popen(command, env=screen.environment, stderr=subprocess.PIPE, text=True) as program:
        try:
            screen.do("search", "--sync", "--name", "Chest X-ray triage", "windowfocus", "%1")
            time.sleep(2)
            empty = screen.grab("empty")
            with _dropped(screen, films["dark"].parent):
                scored = screen.wait_for_badge()
            screen.do("search", "--name", "Chest X-ray triage", "windowfocus", "%1")
            screen.grab("scored")
            assert (empty != scored).mean() > 0.05
            screen.do("key", "Home")
            screen.do("key", "a", "n")
            screen.do("type", "--delay", 60, "skin fold")
            noted = screen.grab("noted")
            screen.do("key", "Escape")
            screen.do("key", "p")
            hidden = screen.grab("hidden")
            assert (noted[:, :500] != hidden[:, :500]).any()
            screen.do("key", "p")
            screen.do("key", "m")
            kept = _read(store, marked=1)
            assert (kept.note, kept.finished, set(kept.opinions.values())) == ("skin fold", True, {Opinion.AGREE})
            screen.do("key", "j")
            screen.do("key", "ctrl+f")
            screen.do("type", "--delay", 60, "effusion")
            found = screen.grab("found")
            assert (found[:, :500] != hidden[:, :500]).any()
            screen.do("key", "ctrl+q")
            _, errors = program.communicate(timeout=20)
        finally:
            program.kill()
    assert (program.returncode, errors) == (0, "")
