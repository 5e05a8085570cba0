"""The program on a real X server: it opens, takes keys, the mouse and what is dropped, and closes.

CXR_SCREENSHOTS names a folder where the pictures are kept, to be looked at.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from programs import needed

from cxr_desktop.store import Opinion, Read, Store
from cxr_shared.opencv import cv2

_PACKAGES = {"Xvfb": "xvfb", "xdotool": "xdotool", "import": "imagemagick"}
_DEADLINE_S = 90.0
_AMBER = (0x4F, 0x69, 0xD9)
_LIST, _FILM = np.s_[:, :500], np.s_[200:650, 600:1000]

pytestmark = [pytest.mark.xvfb, pytest.mark.waiting]


@pytest.fixture
def display() -> Iterator[str]:
    """Start an X server, and stop it at the end."""
    for program, package in _PACKAGES.items():
        needed(program, package=package)
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


def _wait(is_so: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + _DEADLINE_S
    while not is_so():
        assert time.monotonic() < end, f"{what}: not within {_DEADLINE_S:.0f} s"
        time.sleep(0.25)


class _Screen:
    """What is on the display, and its keys and mouse."""

    def __init__(self, display: str, folder: Path) -> None:
        self.environment = {**os.environ, "DISPLAY": display, "CXR_STORE": str(folder / "kept" / "store.sqlite")}
        self.environment.pop("QT_QPA_PLATFORM", None)
        self._picture = folder / "screen.ppm"

    def grab(self, name: str = "") -> np.ndarray:
        subprocess.run(["import", "-window", "root", self._picture], env=self.environment, check=True)
        screen = np.asarray(cv2.imread(str(self._picture)))
        kept = os.environ.get("CXR_SCREENSHOTS")
        if kept and name:
            cv2.imwrite(str(Path(kept, f"{name}.png")), screen)
        return screen

    def do(self, *words: object) -> None:
        subprocess.run(["xdotool", *map(str, words)], env=self.environment, check=True)

    def take_keys(self) -> None:
        """Give the program's window the keys, as a window manager would."""
        self.do("search", "--sync", "--onlyvisible", "--name", "Chest X-ray triage", "windowfocus", "--sync", "%1")

    def until(self, is_shown: Callable[[np.ndarray], bool], what: str) -> np.ndarray:
        """Wait until the screen shows something, and return it."""
        shown = [self.grab()]

        def look() -> bool:
            shown[0] = self.grab()
            return is_shown(shown[0])

        _wait(look, what)
        return shown[0]

    def settled(self, name: str) -> np.ndarray:
        """Wait until two pictures in a row are the same, and not those of an empty display; keep the last."""
        before = [self.grab()]

        def is_still() -> bool:
            last, before[0] = before[0], self.grab(name)
            return bool((last == before[0]).all() and before[0].any(axis=2).mean() > 0.5)

        _wait(is_still, f"{name}: a window at rest")
        return before[0]

    def scored(self, name: str) -> np.ndarray:
        """Wait for the amber notice in the film's corner and for the scores' bars."""
        self.until(lambda screen: (screen == _AMBER).all(axis=2).sum() > 300, "scores on the screen")
        return self.settled(name)


@contextlib.contextmanager
def _program(screen: _Screen, *words: object) -> Iterator[None]:
    """Start the program, which the block must have closed, and see that it ends well and has nothing to say."""
    command = [sys.executable, "-m", "cxr_desktop.cli", *map(str, words)]
    with subprocess.Popen(command, env=screen.environment, stderr=subprocess.PIPE, text=True) as program:
        try:
            screen.take_keys()
            yield
            _, errors = program.communicate(timeout=_DEADLINE_S)
        finally:
            program.kill()
    assert (program.returncode, errors) == (0, "")


@pytest.mark.slow
def test_the_program_opens_works_and_closes(
    display: str, films: dict[str, Path], bundle_path: Path, tmp_path: Path
) -> None:
    screen = _Screen(display, tmp_path)
    with _program(screen, films["dark"].parent, "--bundle", bundle_path):
        screen.scored("opened")
        screen.do("key", "Home")
        shown = screen.settled("home")
        screen.do("key", "h")
        screen.until(lambda now: bool((now != shown)[_FILM].any()), "the film without heat map")
        flat = screen.settled("flat")
        screen.do("key", "i")
        screen.until(lambda now: bool((now != flat).mean() > 0.05), "the film inverted")
        inverted = screen.settled("inverted")
        screen.do("mousemove", 760, 400, "mousedown", 1, "mousemove", 800, 460, "mouseup", 1)
        screen.until(lambda now: bool((now != inverted).mean() > 0.02), "another window and level")
        screen.do("key", "ctrl+q")


def test_file_and_quit_by_the_mouse_close_the_program(display: str, tmp_path: Path) -> None:
    screen = _Screen(display, tmp_path)
    with _program(screen):
        closed = screen.settled("empty")
        screen.do("mousemove", 20, 12, "click", 1)
        screen.until(lambda now: bool((now != closed)[100:].any()), "the menu")
        opened = screen.settled("menu")
        rows, columns = np.nonzero((opened != closed).any(axis=2))
        screen.do("mousemove", columns.mean().astype(int), rows.max() - 14, "click", 1)


@contextlib.contextmanager
def _dropped(screen: _Screen, path: Path, folder: Path) -> Iterator[None]:
    """Drag a folder from another program's window onto the middle of ours; that program runs as long as the block."""
    command = [sys.executable, str(Path(__file__).with_name("drag_source.py")), str(path)]
    said = folder / "drag_source.txt"
    with said.open("w") as stream, subprocess.Popen(command, env=screen.environment, stdout=stream) as source:
        try:
            screen.do("search", "--sync", "--onlyvisible", "--name", "drag source")
            screen.do("mousemove", 20, 810, "mousedown", 1)
            steps = itertools.chain(range(12), itertools.cycle((10, 11)))

            def is_taken() -> bool:
                step = next(steps)  # a drag begins, and is followed, only while the mouse moves
                screen.do("mousemove", 20 + 50 * step, 810 - 35 * step)
                return step >= 10 and said.read_text().endswith("would CopyAction\n")

            _wait(is_taken, "a window that takes what is dragged")
            screen.do("mouseup", 1)
            _wait(lambda: said.read_text().endswith("dropped\n"), "the drop")
            yield
        finally:
            source.kill()


def _read(store: Path, *, marked: int) -> Read:
    """Wait until so many films are marked read, and return the last reading; the program still holds the store."""
    copied = store.with_name("copy.sqlite")
    reads: list[Read] = []

    def are_marked() -> bool:
        for suffix in ("", "-wal"):
            if (file := store.with_name(store.name + suffix)).exists():
                shutil.copy(file, copied.with_name(copied.name + suffix))
        with contextlib.closing(Store(copied)) as copy:
            reads[:] = [film.read for film in copy.load() if film.read is not None]
        return sum(read.finished for read in reads) == marked

    _wait(are_marked, f"{marked} films that are marked read")
    return max(reads, key=lambda read: read.at)


@pytest.mark.slow
def test_a_folder_is_dropped_and_read_by_keys(
    display: str, films: dict[str, Path], bundle_path: Path, tmp_path: Path
) -> None:
    screen = _Screen(display, tmp_path)
    with _program(screen, "--bundle", bundle_path):
        empty = screen.settled("without films")
        with _dropped(screen, films["dark"].parent, tmp_path):
            screen.scored("dropped")
        screen.take_keys()
        screen.do("key", "Home")
        scored = screen.settled("scored")
        assert (empty != scored).mean() > 0.05
        screen.do("key", "a", "n")
        screen.do("type", "--delay", 60, "skin fold")
        screen.do("key", "Escape")
        screen.until(lambda now: bool((now != scored).any()), "the note")
        noted = screen.settled("noted")
        screen.do("key", "p")
        screen.until(lambda now: bool((now != noted)[_LIST].any()), "a list without names")
        screen.settled("hidden")
        screen.do("key", "p")
        screen.do("key", "m")
        kept = _read(tmp_path / "kept" / "store.sqlite", marked=1)
        assert (kept.note, kept.finished, set(kept.opinions.values())) == ("skin fold", True, {Opinion.AGREE})
        screen.do("key", "j")
        read = screen.settled("read")
        screen.do("key", "ctrl+f")
        screen.do("type", "--delay", 60, "effusion")
        screen.until(lambda now: bool((now != read)[_LIST].any()), "what was searched for")
        screen.settled("found")
        screen.do("key", "ctrl+q")
