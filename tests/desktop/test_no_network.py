"""Nothing connects to anything by itself."""

from __future__ import annotations

import socket
import subprocess
import sys
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


_LOOK = """
import sys
from pathlib import Path
{imports}
loaded = {{name.partition(".")[0] for name in sys.modules}} | set(sys.modules)
assert not loaded & {network!r}, loaded & {network!r}
maps = Path("/proc/self/maps")
assert not maps.exists() or "Qt6Network" not in maps.read_text(), "Qt's network library was loaded"
"""
_NETWORK = {"PySide6.QtNetwork", "PySide6.QtWebEngineCore", "requests", "urllib3", "httpx", "aiohttp", "http.client"}


def _look(imports: str) -> subprocess.CompletedProcess[str]:
    code = _LOOK.format(imports=imports, network=_NETWORK)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize(
    "imports",
    [
        "from cxr_desktop import app; app.make_application(); window = app.open_window(); window.close()",
        "import cxr_desktop.batch, cxr_desktop.console",
    ],
    ids=["window", "triage"],
)
def test_no_network_library_is_loaded(imports: str) -> None:
    done = _look(imports)
    assert done.returncode == 0, done.stderr


def test_a_window_starts_without_what_only_reading_a_film_needs() -> None:
    """A start takes a fifth of a second longer with them; they belong to the decoding processes."""
    code = (
        "import sys; from cxr_desktop import app; app.make_application(); window = app.open_window(); window.close()\n"
        "late = {'pydicom', 'imagecodecs', 'PIL', 'onnx', 'rich', 'highdicom'} & set(sys.modules)\n"
        "assert not late, late"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
