"""An audit's tables on a terminal, in a pipe and as Markdown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from cxr_trainer.audit.tables import Table

_PIPE_WIDTH: Final = 160


def print_tables(tables: Iterable[Table], console: Console | None = None) -> None:
    """Print tables; in a pipe without colour and wide enough for every row."""
    console = console or Console()
    if not console.is_terminal:
        console = Console(file=console.file, width=_PIPE_WIDTH, no_color=True)
    for table in tables:
        console.print(f"[bold]{escape(table.title)}[/]", highlight=False, soft_wrap=True)
        if table.rows:
            console.print(_rich(table))
        for note in table.notes:
            console.print(escape(note), highlight=False)
        console.print()


def markdown(tables: Iterable[Table]) -> str:
    """The tables as Markdown."""
    return "\n".join(line for table in tables for line in _markdown(table))


def _rich(table: Table) -> RichTable:
    drawn = RichTable(box=None, pad_edge=False, header_style="dim")
    numbers = [_is_number(column) for column in zip(*table.rows, strict=True)]
    for head, number in zip(table.columns, numbers, strict=True):
        drawn.add_column(head, justify="right" if number else "left", overflow="fold")
    for row in table.rows:
        drawn.add_row(*(f"[yellow]{escape(cell)}[/]" if "≠" in cell else escape(cell) for cell in row))
    return drawn


def _markdown(table: Table) -> Iterable[str]:
    yield from (f"## {table.title}", "")
    if table.rows:
        numbers = [_is_number(column) for column in zip(*table.rows, strict=True)]
        yield _line(table.columns)
        yield _line("--:" if number else "---" for number in numbers)
        yield from map(_line, table.rows)
        yield ""
    for note in table.notes:
        yield from (note, "")


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _is_number(cells: Iterable[str]) -> bool:
    return all(cell[:1].isdigit() or cell in ("", "–") for cell in cells)
