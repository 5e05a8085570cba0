"""What scoring an archive prints: the edge that draws."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cxr_desktop.archive.results import Tally
from cxr_desktop.archive.run import Archive, Event, Listed
from cxr_desktop.archive.storage import Storage
from cxr_desktop.inference.lanes import Lane

_PIPE_WIDTH: Final = 140
_LINE_EVERY_S: Final = 30.0


class Shown:
    """Draws events: a bar on a terminal, a line each half minute in a pipe.

    Parameters
    ----------
    bar
        Disabled where nobody looks at a terminal.
    console
        Standard error.
    """

    def __init__(self, bar: Progress, console: Console) -> None:
        self._bar = bar
        self._console = console
        self._task = bar.add_task("films", total=None, rate="")
        self._films = self._done = self._before = 0
        self._start = self._line = time.monotonic()

    def event(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, Listed):
            self._films, self._done, self._before = event.films, event.before, event.before
            self._start = self._line = time.monotonic()
            self._bar.update(self._task, total=event.films, completed=event.before)
            for remark in event.remarks:
                self._say(remark)
            already = f", {event.before:,} of them scored before" if event.before else ""
            self._say(f"{event.films:,} films{already}")
            return
        self._done += event.films
        self._bar.update(self._task, completed=self._done, rate=f"{self._rate():.1f}/s")
        if self._bar.disable and time.monotonic() - self._line >= _LINE_EVERY_S:
            self._line = time.monotonic()
            left = (self._films - self._done) / max(self._rate(), 1e-9)
            self._say(f"{self._done:,} of {self._films:,} films, {self._rate():.1f}/s, {_hours(left)} to go")

    def stopped(self, out: Storage) -> None:
        """Say that a person ended it."""
        self._say(f"stopped: the parts that are complete lie in {out}; the same command goes on")

    def _rate(self) -> float:
        return (self._done - self._before) / max(time.monotonic() - self._start, 1e-9)

    def _say(self, text: str) -> None:
        self._console.print(escape(text), highlight=False, soft_wrap=True)


@contextlib.contextmanager
def progress() -> Iterator[Shown]:
    """Draw on standard error for as long as the block runs."""
    console = Console(stderr=True)
    columns = (TextColumn("films"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
    bar = Progress(*columns, TimeRemainingColumn(), console=console, transient=True)
    bar.disable = not console.is_terminal
    with bar:
        yield Shown(bar, console)


def print_outcome(tally: Tally, archive: Archive, notice: str, *, seconds: float) -> None:
    """Print what was scored by this command, and where its rows lie."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_PIPE_WIDTH)
    if not tally.films:
        console.print("every film has its row already; nothing was scored")
    else:
        lanes = [(lane.words, tally.lanes[lane.words]) for lane in Lane if tally.lanes[lane.words]]
        console.print(" · ".join(f"{films:,} {words}" for words, films in lanes))
        if tally.refusals:
            console.print(f"refused: {_by_kind(tally.refusals)}", highlight=False)
        rate, size = tally.films / max(seconds, 1e-9), tally.written / tally.films
        console.print(f"{tally.films:,} films in {_hours(seconds)}, {rate:.1f} films/s, {size:,.0f} bytes a row")
    console.print(f"rows: {escape(str(archive.out))}/part-*.parquet", highlight=False, soft_wrap=True)
    if archive.names is not None:
        inner = f"{archive.out}/_inventory and _run.json name the films' files: do not pass these on."
        console.print(escape(inner), highlight=False, soft_wrap=True)
    console.print(f"[bold yellow]{escape(notice)}[/]")


def _by_kind(refusals: Counter[str]) -> str:
    return ", ".join(f"{films:,} {kind}" for kind, films in refusals.most_common())


def _hours(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
