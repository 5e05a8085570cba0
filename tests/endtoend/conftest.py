"""The commands, run as a person would."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from warm.runner import Runner

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    cache = tmp_path_factory.mktemp("cache")
    base = {name: value for name, value in os.environ.items() if name not in ("CXR_DATA", "CXR_BUNDLE")}
    return {**base, "CXR_CACHE": str(cache)}


@pytest.fixture(scope="session")
def script(environment: dict[str, str]) -> Run:
    """Run a console script of this environment; fails the test when the exit code is not the one expected."""

    def run(name: str, *arguments: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
        path = Path(sys.executable).parent / name
        done = subprocess.run(
            [path, *map(str, arguments)], check=False, capture_output=True, text=True, env=environment, timeout=600
        )
        return _checked(done, code)

    return run


@pytest.fixture(scope="session")
def command(runner: Runner, environment: dict[str, str]) -> Run:
    """As `script`, in a process that has imported what the command needs."""

    def run(name: str, *arguments: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
        return _checked(runner.run(name, *arguments, folder=Path.cwd(), environment=environment), code)

    return run


def _checked(done: subprocess.CompletedProcess[str], code: int) -> subprocess.CompletedProcess[str]:
    assert done.returncode == code, f"{done.args} gave {done.returncode}:\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return done
