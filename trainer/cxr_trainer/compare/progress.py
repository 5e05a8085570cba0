"""A comparison's events on a terminal: which run of how many, above the run's own progress."""

from __future__ import annotations

import dataclasses
import json

from cxr_trainer.compare.events import ComparisonEvent, ComparisonWritten, PartFailed, PartStarted
from cxr_trainer.compare.plan import slug
from cxr_trainer.fit.events import Event, event_fields
from cxr_trainer.progress import TerminalProgress


class ComparisonProgress:
    """Prints a line for each run and hands the runs' events to their own progress."""

    def __init__(self, runs: TerminalProgress) -> None:
        self._runs = runs

    def emit(self, event: Event | ComparisonEvent) -> None:
        """Draw one event."""
        if isinstance(event, PartStarted | PartFailed | ComparisonWritten):
            self._runs.say(describe(event))
        else:
            self._runs.emit(event)


class ComparisonLines:
    """Prints every event as a JSON object a line."""

    def emit(self, event: Event | ComparisonEvent) -> None:
        """Print one event."""
        if isinstance(event, PartStarted | PartFailed | ComparisonWritten):
            fields = {"event": type(event).__name__, **dataclasses.asdict(event)}
        else:
            fields = event_fields(event)
        print(json.dumps(fields, ensure_ascii=False), flush=True)


def describe(event: ComparisonEvent) -> str:
    """One line for a person."""
    match event:
        case PartStarted():
            state = {"new": "", "resumed": ", goes on", "finished": ", finished before"}[event.state]
            return f"run {event.number} of {event.total}: {_name(event.choice)}, seed {event.seed}{state}"
        case PartFailed():
            return f"  no run of {_name(event.choice)}, seed {event.seed}: {event.reason}"
        case ComparisonWritten():
            counts = f"{event.finished} of {event.runs} runs compared in {event.folder}/comparison.html"
            return "\n".join([counts, *event.findings])


def _name(choice: str) -> str:
    return slug(choice) or "what the policies share"
