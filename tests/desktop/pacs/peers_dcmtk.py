"""DCMTK's programs as peers: callers that end by themselves."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest

_PATIENCE_S = 300.0
_PROGRAMS = ("echoscu", "storescu")


def program(name: str) -> str | None:
    """Find one of DCMTK's programs; pynetdicom installs others of the same names beside Python."""
    scripts = Path(sysconfig.get_path("scripts")).resolve()
    places = [place for place in os.get_exec_path() if Path(place).resolve() != scripts]
    return shutil.which(name, path=os.pathsep.join(places))


@dataclass(frozen=True)
class Dcmtk:
    """Calls its programs."""

    title: str = "DCMTK"

    def call(self, name: str, *words: object) -> subprocess.CompletedProcess[str]:
        """Run a program to its end; what it says is in `stdout`, errors too."""
        return subprocess.run(
            [program(name) or name, *map(str, words)],
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


@pytest.fixture(scope="session")
def dcmtk() -> Dcmtk:
    """DCMTK; skips where it is not installed."""
    missing = [name for name in _PROGRAMS if program(name) is None]
    if missing:
        pytest.skip(f"DCMTK is not installed ({', '.join(missing)}): apt-get install dcmtk")
    return Dcmtk()
