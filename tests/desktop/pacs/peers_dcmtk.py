"""DCMTK's programs as peers: callers that end by themselves, and a Storage SCP that is always ended."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

_PATIENCE_S = 60.0
_PROGRAMS = ("echoscu", "storescu", "storescp")


@dataclass(frozen=True)
class Dcmtk:
    """Calls its programs."""

    title: str = "DCMTK"

    def call(self, program: str, *words: object) -> subprocess.CompletedProcess[str]:
        """Run a program to its end; what it says is in `stdout`, errors too."""
        return subprocess.run(
            [program, *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_PATIENCE_S,
            check=False,
        )

    def echo(self, port: int, *options: object, called: str = "CXRTRIAGE") -> subprocess.CompletedProcess[str]:
        """Send a C-ECHO to loopback."""
        return self.call("echoscu", "-v", "-aet", self.title, "-aec", called, *options, "127.0.0.1", port)

    def store(
        self, port: int, *files: object, options: tuple[object, ...] = (), called: str = "CXRTRIAGE"
    ) -> subprocess.CompletedProcess[str]:
        """Send files to loopback by C-STORE."""
        return self.call("storescu", "-v", "-aet", self.title, "-aec", called, *options, "127.0.0.1", port, *files)

    @contextlib.contextmanager
    def storescp(self, folder: Path, *options: object) -> Iterator[int]:
        """Run a Storage SCP that writes into `folder`; gives its port."""
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            port = int(found.getsockname()[1])
        words = ["storescp", "-od", str(folder), *map(str, options), str(port)]
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            by = time.monotonic() + _PATIENCE_S
            while self.echo(port).returncode:
                assert process.poll() is None, "storescp did not start"
                assert time.monotonic() < by, "storescp does not answer"
            yield port
        finally:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def dcmtk() -> Dcmtk:
    """DCMTK; skips where it is not installed."""
    missing = [program for program in _PROGRAMS if shutil.which(program) is None]
    if missing:
        pytest.skip(f"DCMTK is not installed ({', '.join(missing)}): apt-get install dcmtk")
    return Dcmtk()
