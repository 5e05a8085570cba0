"""Notes when a triage's verdicts come, for `cluster_triage.py`: imported before the command line in its process."""

from __future__ import annotations

import atexit
import json
import time
from pathlib import Path
from typing import Any

import cxr_desktop.archive.command
import cxr_desktop.batch
from cxr_desktop.archive.run import Rows, score_archive
from cxr_desktop.inference.triage import FilmJudged, triage


def watch(path: str) -> None:
    """Write the times of the first and last rows, and how many there were, when the process ends."""
    noted: list[tuple[float, int]] = []

    def note(films: int) -> None:
        noted.append((time.monotonic(), films))

    def plain(*given: Any, **more: Any) -> Any:
        for event in triage(*given, **more):
            if isinstance(event, FilmJudged):
                note(1)
            yield event

    def archive(*given: Any, tell: Any, **more: Any) -> Any:
        def told(event: object) -> None:
            if isinstance(event, Rows):
                note(event.films)
            tell(event)

        return score_archive(*given, tell=told, **more)

    cxr_desktop.batch.triage = plain  # type: ignore[assignment]
    cxr_desktop.archive.command.score_archive = archive  # type: ignore[assignment]
    atexit.register(lambda: _write(Path(path), noted))


def _write(path: Path, noted: list[tuple[float, int]]) -> None:
    films = sum(count for _, count in noted)
    fields = {"first": noted[0][0], "last": noted[-1][0], "films": films, "first_films": noted[0][1]}
    path.write_text(json.dumps(fields))
