"""The console scripts, run as a person would."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def command(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run a console script of this environment; fails the test when the exit code is not the one expected."""
    cache = tmp_path_factory.mktemp("cache")
    base = {name: value for name, value in os.environ.items() if name not in ("CXR_DATA", "CXR_BUNDLE")}

    def run(name: str, *arguments: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
        script = Path(sys.executable).parent / name
        environment = {**base, "CXR_CACHE": str(cache)}
        done = subprocess.run(
            [script, *map(str, arguments)], check=False, capture_output=True, text=True, env=environment, timeout=600
        )
        assert done.returncode == code, f"{name} {arguments} gave {done.returncode}:\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    return run
