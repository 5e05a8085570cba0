"""Child processes: from Python, and from a frozen program that has no Python."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cxr_desktop import children, windowed


def test_from_python_a_module_is_run_by_python() -> None:
    assert children.command("cxr_desktop.intake.worker", "a") == [
        sys.executable,
        "-m",
        "cxr_desktop.intake.worker",
        "a",
    ]


@pytest.mark.parametrize(
    ("program", "child"),
    [("cxr-desktopw.exe", "cxr-desktop.exe"), ("cxr-desktopw", "cxr-desktop"), ("cxr-desktop", "cxr-desktop")],
)
def test_the_frozen_program_calls_the_one_that_has_streams(
    program: str, child: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", str(tmp_path / program))
    assert children.command("cxr_desktop.inference.probe")[0] == str(tmp_path / child)


def test_other_modules_are_not_run() -> None:
    assert not children.requested(["-m", "http.server"])
    assert not children.requested(["triage", "-m", "cxr_desktop.inference.probe"])
    assert children.requested(["-m", "cxr_desktop.system_libraries"])
    for call in (lambda: children.command("http.server"), lambda: children.run("http.server", [])):
        with pytest.raises(ValueError, match=r"http\.server"):
            call()


def test_a_module_runs_as_the_main_program() -> None:
    code = "from cxr_desktop import children; children.run('cxr_desktop.system_libraries', [])"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "") or "This system lacks" in done.stderr


def test_without_streams_a_fault_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    def fails() -> int:
        print("error: no bundle", file=sys.stderr)
        return 1

    monkeypatch.setattr(sys, "stderr", None)
    monkeypatch.setattr(sys, "stdout", None)
    assert windowed.run_here(fails, show=shown.append) == 1
    assert windowed.run_here(lambda: 0, show=shown.append) == 0
    assert shown == ["error: no bundle"]


def test_with_streams_nothing_is_caught(capsys: pytest.CaptureFixture[str]) -> None:
    def fails() -> int:
        print("error: no bundle", file=sys.stderr)
        return 1

    assert windowed.run_here(fails, show=pytest.fail) == 1
    assert capsys.readouterr().err == "error: no bundle\n"


def test_without_streams_a_command_line_that_cannot_be_read_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(sys, "argv", ["cxr-desktop", "--nope"])
    monkeypatch.setattr(sys, "stderr", None)
    monkeypatch.setattr(sys, "stdout", None)
    assert windowed.run_here(show=shown.append) != 0
    assert "--nope" in shown[0]
