"""Child processes that run one of our modules: from Python, and from the frozen program, which has no Python.

The frozen program is no general interpreter: its entry point hands `-m MODULE` to `run`, which knows `MODULES` alone.
"""

from __future__ import annotations

import runpy
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

MODULES: Final = (
    "cxr_desktop.bench_ui.child",
    "cxr_desktop.inference.probe",
    "cxr_desktop.intake.worker",
    "cxr_desktop.system_libraries",
)
"""Every module that is run as a process of its own."""

CONSOLE: Final = "cxr-desktop"
"""Name of the frozen program that has standard streams; the windowed one lies beside it."""


def command(module: str, *arguments: str) -> list[str]:
    """Return the command line that runs one of `MODULES` in a child process.

    Raises
    ------
    ValueError
        `module` is none of them.
    """
    if module not in MODULES:
        raise ValueError(f"{module} is not run as a process")
    return [interpreter(), "-m", module, *arguments]


def interpreter() -> str:
    """Return the program that understands `-m`: Python, or the frozen program's console executable."""
    if not frozen():
        return sys.executable
    program = Path(sys.executable)
    return str(program.with_name(CONSOLE + program.suffix))


def frozen() -> bool:
    """Whether this is the program that an installer brought (https://pyinstaller.org, run-time information)."""
    return bool(getattr(sys, "frozen", False))


def requested(arguments: Sequence[str]) -> bool:
    """Whether the command line (without the program's name) asks for one of `MODULES`."""
    return len(arguments) >= 2 and arguments[0] == "-m" and arguments[1] in MODULES


def run(module: str, arguments: Sequence[str]) -> None:
    """Run a module as `python -m` does; it ends with SystemExit like any program.

    Raises
    ------
    ValueError
        `module` is none of `MODULES`.
    """
    if module not in MODULES:
        raise ValueError(f"{module} is not run as a process")
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=False)
