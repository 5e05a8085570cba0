"""Run commands in a process that has imported what they need, without a network where this system allows that."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Self

HERE = Path(__file__).parent
COMMANDS = ("cxr-trainer", "cxr-export", "cxr-desktop")
TIMEOUT_S = 900


class Runner:
    """A server of commands; they end with its block. Where the system is not Linux, it runs the console scripts."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="cxr-warm-")  # the path of a socket must be short
        self._server = _serve(Path(self._folder.name)) if sys.platform == "linux" else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.communicate()
        self._folder.cleanup()

    @property
    def processes(self) -> set[int]:
        """Id of the server, if there is one."""
        return set() if self._server is None else {self._server.pid}

    def run(
        self, *words: object, folder: Path, environment: Mapping[str, str], timeout: float = TIMEOUT_S
    ) -> subprocess.CompletedProcess[str]:
        """Run a program there, within which the product's commands are those of the server."""
        own = Path(self._folder.name)
        path = os.pathsep.join([str(own), str(Path(sys.executable).parent), environment["PATH"]])
        within = [] if self._server is None else [own / "within"]
        return subprocess.run(
            [*within, *map(str, words)],
            check=False,
            capture_output=True,
            text=True,
            cwd=folder,
            env={**environment, "PATH": path},
            timeout=timeout,
        )


def _serve(own: Path) -> subprocess.Popen[str]:
    """Start a server, with a client for each command, in a folder of their own."""
    client = (HERE / "client.py").read_text("utf-8")
    for name in (*COMMANDS, "within"):
        (own / name).write_text(f"#!{sys.executable} -IS\n{client}", "utf-8")
        (own / name).chmod(0o700)
    server = subprocess.Popen(
        [*_without_network(), sys.executable, "-P", HERE / "server.py", own / "socket"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"},
    )
    assert server.stdout is not None
    assert server.stdout.readline() == "ready\n", "the server of commands ended at its start"
    return server


def _without_network() -> list[str]:
    """Words before a command that leave it this machine's own address alone, where this system lets a test do that."""
    if shutil.which("unshare") and subprocess.run(["unshare", "-rn", "true"], check=False).returncode == 0:
        return ["unshare", "-rn", sys.executable, str(HERE / "loopback.py")]
    return []
