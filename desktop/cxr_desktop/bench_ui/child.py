"""The window in a process of its own, started as the program is: `python -m cxr_desktop.bench_ui.child`.

It prints one line of JSON: seconds since the epoch at which the window was painted and the bundle was ready, and the
process's memory with all models loaded and a film on the screen.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxr_desktop import cli  # noqa: F401  (the program imports it first, so its time counts)

if TYPE_CHECKING:
    from cxr_desktop.ui.window import MainWindow


def main(arguments: list[str]) -> int:
    """Open the window; with a bundle, wait until it is ready; with a film too, until that is scored and shown."""
    from cxr_desktop import app

    bundle, film = (Path(name) if name else None for name in (*arguments, "", "")[:2])
    app.make_application()
    from cxr_desktop.bench_ui.loop import Heart, turn, turn_until

    window = app.open_window([film] if film else [], bundle)
    turn()
    answer: dict[str, Any] = {"painted": time.time()}
    with Heart():
        if bundle is not None:
            turn_until(lambda: window.desk.loaded is not None or window.notice.text != "", "the bundle")
            answer["ready"] = time.time()
        if film is not None:
            turn_until(lambda: _shown(window, film), "the film")
            answer["memory"] = _resident_mb()
    window.close()
    turn()
    print(json.dumps(answer))
    return 0


def _shown(window: MainWindow, film: Path) -> bool:
    row = window.desk.sheet.row_of(film)
    return row is not None and row.verdict is not None and window.viewer.shown_source == film


def _resident_mb() -> float | None:
    """Resident memory of this process in MB; None where the system does not say."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return _peak_mb()
    return next(float(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1000 * 1.024


def _peak_mb() -> float | None:
    """Largest resident memory so far: what macOS tells, in bytes; Windows has no such call in the standard library."""
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
