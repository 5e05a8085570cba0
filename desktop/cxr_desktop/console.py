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

from cxr_desktop.inference.choice import Measured, fastest
from cxr_desktop.inference.lanes import POSITIVE, Lane
from cxr_desktop.inference.providers import Judgement, Provider
from cxr_desktop.inference.triage import FilmsFound, TriageEvent
from cxr_desktop.inference.verdict import Scored
from cxr_desktop.intake.names import shown_name
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


def print_worklist(worklist: Worklist, written: Iterable[Path], remarks: Iterable[str] = ()) -> None:
    """Print counts, the most urgent films, what was refused and why, what was written and what is to say of it."""
    console = _console()
    origin = worklist.provenance
    console.print(_table(worklist))
    counts = ((lane, worklist.count(lane)) for lane in Lane if lane is not Lane.WAITING)
    console.print(" · ".join(f"{films:,} {lane.words}" for lane, films in counts if films))
    console.print(f"{origin.provider} ({origin.plan}): {escape(origin.provider_reason)}", highlight=False)
    if not worklist.complete:
        console.print(f"[yellow]stopped early: {worklist.found - len(worklist.verdicts):,} films were not read[/]")
    for path in written:
        console.print(
            f"wrote {escape(str(path))}{'' if worklist.complete else ' (partial)'}",
            highlight=False,
            soft_wrap=True,
        )
    for sentence in remarks:
        console.print(escape(sentence), highlight=False)
    console.print(f"[bold yellow]{escape(origin.notice)}[/]")


def print_providers(judgements: Iterable[Judgement]) -> None:
    """Print every provider of this system, whether it works, and why or why not."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("provider", "works", "device"):
        table.add_column(column, no_wrap=True)
    table.add_column("why", overflow="fold")
    for each in judgements:
        name = each.kind.name + (" (when asked for)" if each.kind.asked_for_only else "")
        table.add_row(name, "yes" if each.usable else "no", escape(each.device) or "–", escape(each.reason))
    _console().print(table, highlight=False)


def print_plans(provider: Provider, measured: Iterable[Measured]) -> None:
    """Print how long a film takes with each layout and precision, and which one runs from now on."""
    measured = tuple(measured)
    chosen = fastest(measured)
    console = _console()
    console.print(f"\n[bold]{provider.name}[/]: {escape(provider.reason)}", highlight=False)
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("models run as", no_wrap=True)
    for column in ("ms a film", "ready in ms", "off float32"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    for each in measured:
        note = "[bold]used[/]" if each.plan == chosen else escape(each.fault)
        table.add_row(str(each.plan), _figure(each.film_ms), _figure(each.ready_ms), _small(each.difference), note)
    console.print(table, highlight=False)


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _small(value: float | None) -> str:
    return "–" if value is None else f"{value:.1g}"


def _table(worklist: Worklist) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("urgency", justify="right", no_wrap=True)
    table.add_column("film", overflow="fold", max_width=40)
    table.add_column("why", overflow="fold")
    shown = [each for each in worklist.ordered() if worklist.lane(each) in (*POSITIVE, Lane.REFUSED)][:_ROWS]
    for verdict in shown or worklist.ordered()[:_ROWS]:
        scored = isinstance(verdict, Scored)
        why = verdict.urgency.why if isinstance(verdict, Scored) else f"not scored: {verdict.message}"
        style = "red" if worklist.lane(verdict) in POSITIVE else "" if scored else "yellow"
        value = f"{verdict.urgency.value:.2f}" if isinstance(verdict, Scored) else "-"
        table.add_row(value, escape(shown_name(verdict.source)), escape(why), style=style)
    return table


def _console() -> Console:
    console = Console()
    if not console.is_terminal:
        console = Console(width=_PIPE_WIDTH)
    return console
