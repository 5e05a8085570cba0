"""The window is killed at a random moment: nothing that it showed is lost, and the rest is scored afterwards."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("PySide6")

from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from cxr_desktop import app
from cxr_desktop.inference.lanes import Lane
from cxr_desktop.store import Store, default_store_path
from cxr_desktop.worklist.row import Row

_FILMS = 40
_STEP = 14
_PROGRAM = Path(__file__).with_name("crashing_window.py")


@pytest.fixture
def folder(tmp_path: Path, write_film: Callable[..., Path]) -> Path:
    folder = tmp_path / "films"
    folder.mkdir()
    for number in range(_FILMS):  # different content each: films of one content share a reading
        write_film(folder / f"{number}.png", grey=30 + 5 * number, seed=number)
    return folder


def _killed(bundle: Path, folder: Path, lines: int) -> list[list[str]]:
    """Run the window until it has said so many lines, kill it, and return all that it had said."""
    command = [sys.executable, str(_PROGRAM), str(bundle), str(folder)]
    said = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as program:
        guard = threading.Timer(60, program.kill)
        guard.start()
        try:
            assert program.stdout is not None
            for line in program.stdout:
                said.append(line.split())
                if len(said) == lines:
                    program.send_signal(signal.SIGKILL)
        finally:
            guard.cancel()
            guard.join()
            program.kill()
    assert program.returncode == -signal.SIGKILL
    return [each for each in said if len(each) == 3]


def _holds(row: Row, what: str, value: str) -> bool:
    if what == "read":
        return str(row.finished) == value
    return row.scored is not None and f"{row.urgency:.6f}" == value


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="a process is killed otherwise on Windows")
@pytest.mark.parametrize("rounds", [1, pytest.param(3, marks=[pytest.mark.nightly, pytest.mark.slow])])
def test_a_killed_window_loses_nothing_that_it_showed(
    qtbot: QtBot, bundle_path: Path, folder: Path, rounds: int
) -> None:
    rng = random.Random()
    said: list[list[str]] = []
    for number in range(rounds):  # each gets further than the one before, which it begins by showing
        said += _killed(bundle_path, folder, rng.randint(1 + _STEP * number, _STEP * (number + 1)))
        store = Store(default_store_path())
        kept = {film.source.name: film for film in store.load()}
        store.verify_audit()
        store.close()
        for what, name, _value in said:
            assert kept[name].verdict is not None
            assert what != "read" or (kept[name].read is not None and kept[name].read.finished)

    window = app.open_window((), bundle_path)
    try:
        qtbot.waitUntil(lambda: len(window.desk.sheet.rows) == _FILMS, timeout=60000)
        qtbot.waitUntil(lambda: not window.desk.sheet.count(Lane.WAITING), timeout=90000)
        rows = {row.source.name: row for row in window.desk.sheet.rows}
        assert all(row.scored for row in rows.values())
        assert [line for line in said if not _holds(rows[line[1]], line[0], line[2])] == []
    finally:
        window.close()
        QApplication.processEvents()
