"""Commands in forks of one process are what the console scripts would be, and leave nothing to one another."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from warm.runner import Runner

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the console scripts are run here")


@pytest.fixture
def bash(runner: Runner, tmp_path: Path):
    def run(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
        words = ("bash", "-euo", "pipefail", "-c", script)
        return runner.run(*words, folder=tmp_path, environment={**os.environ, **environment}, timeout=60)

    return run


def test_output_and_exit_codes_are_those_of_the_command(bash) -> None:
    done = bash("cxr-trainer fit --disease hernai || echo $?; cxr-export --help | sed -n 1p; exit 7")
    assert done.returncode == 7
    assert done.stdout.splitlines() == ["1", "Usage: cxr-export COMMAND"]
    assert done.stderr == "error: There is no finding 'hernai'. Did you mean 'hernia'?\n"


def test_a_refused_command_line_ends_the_script(bash) -> None:
    done = bash("cxr-desktop triage --nonsense; echo not reached")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--nonsense" in done.stderr


def test_a_command_has_the_folder_and_environment_of_its_caller(bash, tmp_path: Path) -> None:
    script = "mkdir a; cd a; cxr-trainer schedule --disease pneumonia --out b.svg; cd ..; cxr-trainer audit || true"
    done = bash(script, CXR_DATA="nowhere")
    assert (tmp_path / "a" / "b.svg").is_file()
    assert "nowhere" in done.stderr
    assert "nowhere" not in bash("cxr-trainer audit || true").stderr


def test_a_program_ends_by_the_signal_that_ended_it(bash) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        assert bash(f"kill -{int(number)} $$").returncode == -number


def test_signals_reach_the_command(bash) -> None:
    """As in a shell, a job in the background hears no Ctrl-C that it does not ask for."""
    script = "mkfifo pipe; cxr-export verify pipe & exec 3> pipe; kill -INT $!; kill -TERM $!; wait $! || echo $?"
    done = bash(script)
    assert (done.returncode, done.stdout) == (0, f"{128 + signal.SIGTERM}\n")


def test_a_caller_that_is_killed_takes_the_command_with_it(runner: Runner, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    with pytest.raises(subprocess.TimeoutExpired):
        runner.run("bash", "-c", f"echo $$ > {pid}; exec sleep 600", folder=tmp_path, environment=os.environ, timeout=2)
    until = time.monotonic() + 30
    while Path(f"/proc/{pid.read_text().strip()}").exists():
        assert time.monotonic() < until
        time.sleep(0.01)
