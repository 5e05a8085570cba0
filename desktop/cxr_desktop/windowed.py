"""A program without a console: what it would print on standard error is shown in a box of the system instead."""

from __future__ import annotations

import contextlib
import ctypes
import io
import sys
from collections.abc import Callable
from typing import Any, Final

_ICON_ERROR: Final = 0x10


def run_here(main: Callable[[], int] | None = None, *, show: Callable[[str], None] | None = None) -> int:
    """Run the command line with the streams that this process has.

    Windows gives a windowed program no streams (https://pyinstaller.org, `sys.stdout` is None): without this its
    faults would be silent.

    Parameters
    ----------
    main
        What to run; by default the command line.
    show
        Shows a text to the person; by default in a message box.
    """
    run = main or _command_line
    if sys.stderr is not None:
        return run()
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        try:
            code = run()
        except SystemExit as stopped:  # how a command line that cannot be read ends
            code = stopped.code if isinstance(stopped.code, int) else int(stopped.code is not None)
    if code:
        (show or _message_box)(said.getvalue().strip() or f"The program ended with code {code}.")
    return code


def _command_line() -> int:
    from cxr_desktop.cli import main

    return main()


def _message_box(text: str) -> None:
    user32: Any = getattr(ctypes, "windll", None)
    if user32 is not None:
        user32.user32.MessageBoxW(None, text, "cxr-triage", _ICON_ERROR)
