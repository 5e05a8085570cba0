"""Bounds that a decoding process sets itself before it reads anything."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Final

MEMORY_BYTES: Final = 2 * 2**30
"""Most memory for one film. The largest that the readers accept, 6000 × 6000 of 16 bits, takes 0.65 GB at most."""

OUT_OF_MEMORY_EXIT: Final = 86
"""Exit code of a process that had to end itself because it took more."""

_EVERY_S: Final = 0.05


def limit_this_process(*, memory_bytes: int = MEMORY_BYTES) -> None:
    """Bound this process's memory and forbid core dumps, which would hold a patient's film.

    On Linux the system refuses the memory (RLIMIT_DATA, which leaves the code of libraries out), so that it is a
    MemoryError. macOS does not enforce that, so a thread looks how much the process took and ends it with
    `OUT_OF_MEMORY_EXIT`. On Windows there is no bound but the size of the films that the readers accept.

    Parameters
    ----------
    memory_bytes
        The most that it may take beyond what it has now; the libraries' threads take some for every core.
    """
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        most = _data_bytes() + memory_bytes
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    else:
        end_above(_resident_bytes() + memory_bytes)


def end_above(memory_bytes: int) -> None:
    """Start a thread that ends the process when its resident memory was above `memory_bytes`."""
    threading.Thread(target=_look, args=(memory_bytes,), name="cxr-memory", daemon=True).start()


def _look(memory_bytes: int) -> None:
    pause = threading.Event()
    while _resident_bytes() <= memory_bytes:
        pause.wait(_EVERY_S)
    os._exit(OUT_OF_MEMORY_EXIT)


def _resident_bytes() -> int:
    """Most resident memory that this process ever had."""
    if sys.platform == "win32":
        return 0
    import resource

    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss counts bytes there, kB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _data_bytes() -> int:
    """Private memory that this process has now, as Linux counts it for RLIMIT_DATA."""
    pages = int(Path("/proc/self/statm").read_text().split()[5])
    return pages * os.sysconf("SC_PAGE_SIZE")


def memory_sentence(memory_bytes: int = MEMORY_BYTES) -> str:
    """Say that a film took too much."""
    return (
        f"Decoding needed more than the {memory_bytes / 2**30:g} GiB of memory that one film may take and was stopped; "
        "the others went on. Export it at a lower resolution."
    )
