"""How soon the window is there, and what it holds: measured in child processes. No Qt."""

from __future__ import annotations

import json
import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cxr_desktop import children
from cxr_desktop.bench_ui.figures import Figure
from cxr_shared.errors import CxrError

_STARTS: Final = 5
_TIMEOUT_S: Final = 300.0


class WindowNotOpenedError(CxrError):
    """The window did not open in a process of its own."""


def start_up(bundle: Path, models: int) -> Iterator[Figure]:
    """Time starts without a bundle and with one; each is the median of five."""
    painted = [_open()["painted"] for _ in range(_STARTS)]
    yield Figure("start until the window is painted", statistics.median(painted) * 1e3, aim=2000)
    answers = [_open(bundle) for _ in range(_STARTS)]
    with_bundle = statistics.median(each["painted"] for each in answers) * 1e3
    yield Figure("the same, with a bundle to open", with_bundle, aim=2000)
    ready = statistics.median(each["ready"] for each in answers) * 1e3
    yield Figure(f"start until {models} models are ready", ready)


def memory(bundle: Path, models: int, film: Path) -> Figure:
    """Resident memory once a film of 3000 × 3000 pixels was scored and is on the screen."""
    used = _open(bundle, film).get("memory")
    note = "" if used is not None else "this system does not say"
    return Figure(f"memory with {models} models and a film", used, "MB", aim=700, note=note)


def _open(*arguments: Path) -> dict[str, float]:
    """Open the window and return what it printed, times counted from the start of its process, in seconds."""
    start = time.time()
    command = children.command("cxr_desktop.bench_ui.child", *map(str, arguments))
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S)
    try:
        answer = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise WindowNotOpenedError(f"The window did not open: {last[0]}. Run cxr-desktop self-test.") from None
    return {name: value if name == "memory" else value - start for name, value in answer.items()}
