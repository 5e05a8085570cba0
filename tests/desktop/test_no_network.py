"""Nothing connects to anything by itself."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

pytest.importorskip("PySide6")

from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from cxr_desktop import app, batch
from cxr_desktop.inference.kinds import Wanted
from cxr_desktop.inference.lanes import Lane
from cxr_shared.bundle import Bundle


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What would have gone to a network; each attempt fails too."""
    asked: list[object] = []

    def refuse(*arguments: object, **_named: object) -> None:
        asked.append(arguments)
        raise OSError("no network")

    for name in ("connect", "connect_ex", "sendto", "bind"):
        monkeypatch.setattr(socket.socket, name, refuse)
    for name in ("create_connection", "getaddrinfo", "gethostbyname"):
        monkeypatch.setattr(socket, name, refuse)
    return asked


def test_the_trap_springs(asked: list[object]) -> None:
    with pytest.raises(OSError, match="no network"):
        socket.socket().connect(("127.0.0.1", 9))
    assert len(asked) == 1


def test_triage_and_window_work_without_a_network(
    asked: list[object], qtbot: QtBot, bundle: Bundle, bundle_path: Path, films: dict[str, Path]
) -> None:
    worklist = batch.score_all([films["dark"].parent], bundle, wanted=Wanted.CPU)
    assert len(worklist.verdicts) == 4
    window = app.open_window([films["dark"].parent], bundle_path)
    try:
        qtbot.waitUntil(lambda: len(window.desk.sheet.rows) == 4, timeout=60000)
        qtbot.waitUntil(lambda: not window.desk.sheet.count(Lane.WAITING), timeout=60000)
        window.help_actions.show_keys()
        window.help_actions.show_bundle()
    finally:
        window.close()
        QApplication.processEvents()
    assert asked == []
