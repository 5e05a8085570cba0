"""All runs of a command at a glance: a live table on a terminal, lines in a pipe, or JSON lines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from cxr_trainer.cluster.jobs import Job, JobEnded, JobEvent, JobLost, JobStarted
from cxr_trainer.compare.events import ComparisonWritten, PartFailed, PartStarted
from cxr_trainer.compare.progress import describe as describe_part
from cxr_trainer.fit.events import CachingFilms, EpochFinished, RunStarted, StageStarted, Updated
from cxr_trainer.progress import describe as describe_event


class JobsView(Protocol):
    """Shows jobs; a context, and a `cxr_trainer.cluster.jobs.Listener`."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    def __call__(self, job: Job, event: JobEvent) -> None:
        """Show the event."""
        ...


@dataclass(slots=True)
class Row:
    """What the table says of a job."""

    node: str = ""
    state: str = "waiting"
    resumed: int = 0
    stage: str = ""
    place: str = ""
    epoch: str = ""
    rate: str = ""
    loss: str = ""
    auc: str = ""

    def take(self, event: JobEvent) -> None:
        """Change with an event."""
        match event:
            case JobStarted():
                self.node, self.state = event.node, "running"
            case RunStarted(resumed=True):
                self.resumed += 1
            case CachingFilms():
                self.stage, self.place = "reading films", f"{event.done}/{event.total}"
            case StageStarted():
                self.stage, self.place, self.epoch = event.stage, f"0/{event.updates}", ""
            case Updated():
                self.stage, self.place = event.stage, f"{event.update}/{event.updates}"
                self.rate, self.loss = f"{event.rate:.2e}", f"{event.loss:.3f}"
            case EpochFinished():
                self.stage, self.epoch, self.rate = event.stage, str(event.epoch), f"{event.rate:.2e}"
                self.loss, self.auc = f"{event.loss:.3f}", f"{event.validation_auc:.3f}"
            case JobLost():
                self.state = "waiting, worker lost"
            case JobEnded():
                self.state = "finished before" if event.before else event.state

    @property
    def shown_state(self) -> str:
        """The state, with how often the run was resumed."""
        return f"{self.state}, resumed ×{self.resumed}" if self.resumed else self.state


class LiveTable:
    """A row for each job, drawn anew twice a second, and above it what a person should read."""

    def __init__(self, console: Console, jobs: Sequence[Job]) -> None:
        self.rows = {job.name: Row() for job in jobs}
        self._jobs = jobs
        self._live = Live(console=console, get_renderable=self.table, refresh_per_second=2, transient=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def __call__(self, job: Job, event: JobEvent) -> None:
        """Change the job's row."""
        self.rows[job.name].take(event)
        if isinstance(event, JobLost | PartFailed | ComparisonWritten) or (isinstance(event, JobEnded) and event.said):
            self._live.console.print(line_of(job, event), highlight=False, markup=False, soft_wrap=True)

    def table(self) -> Table:
        """The table as it is now."""
        table = Table(
            "run", "target", "seed", "node", "stage", "update", "epoch", "rate", "loss", "AUC", "state", box=None
        )
        for job in self._jobs:
            row = self.rows[job.name]
            shown = (row.node, row.stage, row.place, row.epoch, row.rate, row.loss, row.auc, row.shown_state)
            table.add_row(job.name, job.target, str(job.seed), *shown)
        return table


class Lines:
    """A line for each event that a person should read, with the job's name before it."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def __call__(self, job: Job, event: JobEvent) -> None:
        """Print the event."""
        if line := line_of(job, event):
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)


class JobLines:
    """Every event as a JSON object a line; ``run`` is the job's name, ``folder`` a run's directory on its machine."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def __call__(self, job: Job, event: JobEvent) -> None:
        """Print the event."""
        fields: dict[str, Any] = asdict(event)
        if "run" in fields:
            fields["folder"] = fields.pop("run")
        document = {"event": type(event).__name__, "run": job.name, **fields}
        print(json.dumps(document, ensure_ascii=False), flush=True)


def view_of(jobs: Sequence[Job], *, json_lines: bool) -> JobsView:
    """The view that suits where the output goes."""
    if json_lines:
        return JobLines()
    console = Console(stderr=True)
    return LiveTable(console, jobs) if console.is_terminal else Lines(console)


def line_of(job: Job, event: JobEvent) -> str:
    """One line for a person, empty for what needs none."""
    text = _words(event)
    return "\n".join(f"{job.name}: {line.strip()}" for line in text.splitlines())


def _words(event: JobEvent) -> str:
    match event:
        case JobStarted():
            return f"begun on {event.node}" + (f", attempt {event.attempt}" if event.attempt > 1 else "")
        case JobLost():
            return f"its worker was lost ({event.reason}); it goes on from its last checkpoint"
        case JobEnded(before=True):
            return "finished before"
        case JobEnded():
            return event.state + (f": {event.said}" if event.said else "")
        case PartStarted() | PartFailed() | ComparisonWritten():
            return describe_part(event)
        case _:
            return describe_event(event)
