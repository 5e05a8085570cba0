"""The decoding process: `python -m cxr_desktop.intake.worker`, one request at a time on its standard streams.

It ends when its standard input does, so it never outlives the desktop.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from cxr_desktop.intake.frames import BrokenFrameError, read_frame, write_frame
from cxr_desktop.intake.limits import limit_this_process, memory_sentence
from cxr_desktop.intake.prepared import DisplayFilm, NotRead, Prepared, encode
from cxr_desktop.intake.reading import display, not_read, prepare
from cxr_shared.bundle import InputSpec
from cxr_shared.film import Refusal, RefusalKind
from cxr_shared.memory import keep_freed_memory
from cxr_shared.opencv import cv2

_KEPT = 2**28
"""Bytes that a process keeps for its next film: a film of 9 million pixels needs half of it."""


def serve(
    requests: IO[bytes], answers: IO[bytes], *, handle: Callable[[Mapping[str, Any]], object] | None = None
) -> int:
    """Answer requests until there are no more.

    Parameters
    ----------
    requests, answers
        Streams of frames.
    handle
        Called with each request first; a hook for tests that need a worker to misbehave.
    """
    while True:
        try:
            request, _ = read_frame(requests)
        except BrokenFrameError:
            return 0
        write_frame(answers, *encode(_answer(request, handle)))


def _answer(
    request: Mapping[str, Any], handle: Callable[[Mapping[str, Any]], object] | None
) -> Prepared | DisplayFilm | NotRead:
    path = Path(request["path"])
    try:
        if handle is not None:
            handle(request)
        if request["want"] == "display":
            return display(path)
        return prepare(path, InputSpec(**request["input"]), thumbnail=int(request["thumbnail"]))
    except MemoryError:
        return not_read(Refusal(RefusalKind.TOO_LARGE, memory_sentence(), path))
    except Exception as error:  # noqa: BLE001  (hostile files; a fault in reading one costs that one)
        # Only the class's name: a message of a decoder may quote what the file holds.
        detail = str(error) if isinstance(error, ImportError) else type(error).__name__
        message = f"The file could not be decoded ({detail}). Export the film again from its archive."
        return not_read(Refusal(RefusalKind.UNDECODABLE, message, path))


def main(handle: Callable[[Mapping[str, Any]], object] | None = None) -> int:
    """Serve on the standard streams; what libraries print goes nowhere."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    limit_this_process()
    keep_freed_memory(at_most=_KEPT)
    cv2.setNumThreads(1)  # the pool runs one process for each core already
    return serve(requests, answers, handle=handle)


if __name__ == "__main__":
    sys.exit(main())
