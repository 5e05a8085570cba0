"""A run's events on a terminal: the edge that draws."""

from __future__ import annotations

import json
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from cxr_trainer.fit.events import (
    CachingFilms,
    CohortReady,
    EpochFinished,
    Event,
    RangeTestFinished,
    RunFinished,
    RunStarted,
    StageStarted,
    Updated,
    event_fields,
)


class TerminalProgress:
    """Draws a bar for each stage and a line for each epoch; in a pipe, the lines alone."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed}/{task.total}"),
            TextColumn("{task.fields[detail]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def emit(self, event: Event) -> None:
        """Draw one event."""
        match event:
            case CachingFilms(done=done, total=total):
                self._bar("reading films", done, total, detail="")
            case Updated():
                detail = f"rate {event.rate:.2e}  loss {event.loss:.3f}"
                self._bar(event.stage, event.update, event.updates, detail=detail)
            case _:
                if line := describe(event):
                    self.say(line)

    def say(self, line: str) -> None:
        """Print `line` above the bars."""
        self._progress.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _bar(self, name: str, done: int, total: int, *, detail: str) -> None:
        tasks = {task.id: task.description for task in self._progress.tasks}
        if self._task is None or tasks.get(self._task) != name:
            if self._task is not None:
                self._progress.remove_task(self._task)
            self._task = self._progress.add_task(name, total=total, detail=detail)
        self._progress.update(self._task, completed=done, total=total, detail=detail)


class JsonLines:
    """Prints every event as a JSON object a line."""

    def emit(self, event: Event) -> None:
        """Print one event."""
        print(json.dumps(event_fields(event), ensure_ascii=False), flush=True)


def describe(event: Event) -> str:
    """One line for a person, empty for what needs none."""
    match event:
        case RunStarted():
            text = f"{'resuming' if event.resumed else 'fitting'} {event.target} on {event.device}, into {event.run}"
        case CohortReady():
            parts = ", ".join(f"{part} {n['positive']}+{n['negative']}" for part, n in event.counts.items())
            text = f"films (positive + negative): {parts}; {event.split} split. {event.leak}"
            text = "\n".join([text, *event.notes])
        case StageStarted():
            text = f"{event.stage}: {event.detail}, {event.updates} updates"
        case EpochFinished():
            text = (
                f"  {event.stage} {event.epoch:3d}  rate {event.rate:.2e}  loss {event.loss:7.3f}  "
                f"accuracy {event.accuracy:.3f}  validation {event.validation_accuracy:.3f}  "
                f"AUC {event.validation_auc:.3f}  {event.seconds:.1f} s"
            )
        case RangeTestFinished():
            ended = f"{event.updates} updates, {'stopped at divergence' if event.diverged else 'ran to its end'}"
            text = f"  no rate suggested: {event.refusal} ({ended})"
            if event.max_lr and event.base_lr:
                text = f"  max_lr {event.max_lr:.3e}, base_lr {event.base_lr:.3e} ({ended})"
        case RunFinished():
            text = f"{event.summary}\nbest: epoch {event.best_epoch} of {event.best_stage}; {event.run}/report.html"
        case _:
            text = ""
    return text
