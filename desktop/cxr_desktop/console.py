"""What `cxr-desktop triage` and its siblings print: the edge that draws."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from cxr_desktop.inference.providers import Provider
from cxr_desktop.inference.triage import FilmsFound, TriageEvent
from cxr_desktop.inference.verdict import Lane, Scored, lane_of
from cxr_desktop.report import Worklist

_ROWS: Final = 10
_PIPE_WIDTH: Final = 140


@contextlib.contextmanager
def progress() -> Iterator[Callable[[TriageEvent], None]]:
    """Draw a bar on standard error while it is a terminal; in a pipe nothing."""
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("films"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    bar.disable = not console.is_terminal
    with bar:
        task = bar.add_task("films", total=None)

        def show(event: TriageEvent) -> None:
            if isinstance(event, FilmsFound):
                bar.update(task, total=len(event.files))
            else:
                bar.advance(task)

        yield show


def print_worklist(worklist: Worklist, written: Iterable[Path]) -> None:
    """Print counts, the most urgent films, what was refused and why, and what was written."""
    console = _console()
    origin = worklist.provenance
    console.print(_table(worklist))
    for lane in (Lane.ABOVE, Lane.BELOW, Lane.UNSCORED):
        console.print(f"{worklist.count(lane):,} {lane.words}", end=" · " if lane is not Lane.UNSCORED else "\n")
    console.print(f"{origin.provider}: {escape(origin.provider_reason)}", highlight=False)
    if not worklist.complete:
        console.print(f"[yellow]stopped early: {worklist.found - len(worklist.verdicts):,} films were not read[/]")
    for path in written:
        console.print(
            f"wrote {escape(str(path))}{'' if worklist.complete else ' (partial)'}",
            highlight=False,
            soft_wrap=True,
        )
    console.print(f"[bold yellow]{escape(origin.notice)}[/]")


def print_providers(provider: Provider, offered: Iterable[str]) -> None:
    """Print which provider runs and why, and what onnxruntime offers."""
    console = _console()
    console.print(f"[bold]{provider.name}[/]: {escape(provider.reason)}", highlight=False)
    console.print(f"onnxruntime offers: {', '.join(offered)}", highlight=False)


def _table(worklist: Worklist) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("urgency", justify="right", no_wrap=True)
    table.add_column("film", overflow="fold", max_width=40)
    table.add_column("why", overflow="fold")
    shown = [each for each in worklist.ordered() if lane_of(each) in (Lane.ABOVE, Lane.UNSCORED)][:_ROWS]
    for verdict in shown or worklist.ordered()[:_ROWS]:
        scored = isinstance(verdict, Scored)
        why = verdict.urgency.why if isinstance(verdict, Scored) else f"not scored: {verdict.message}"
        style = "red" if lane_of(verdict) is Lane.ABOVE else "" if scored else "yellow"
        value = f"{verdict.urgency.value:.2f}" if isinstance(verdict, Scored) else "-"
        table.add_row(value, escape(verdict.source.name), escape(why), style=style)
    return table


def _console() -> Console:
    console = Console()
    if not console.is_terminal:
        console = Console(width=_PIPE_WIDTH)
    return console
