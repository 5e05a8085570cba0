"""The program on a real X server: it opens, takes keys and the mouse, and closes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

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

    def grab(self) -> np.ndarray:
        subprocess.run(["import", "-window", "root", self._picture], env=self.environment, check=True)
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
