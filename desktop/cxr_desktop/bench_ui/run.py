"""All parts of the benchmark, one after the other, and their table."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from cxr_desktop import app
from cxr_desktop.bench_ui.figures import Figure
from cxr_desktop.bench_ui.material import write_large_film, write_toy
from cxr_desktop.bench_ui.places import own_places
from cxr_desktop.inference.trust import open_trusted

_WIDTH = 100


def measure(folder: Path, bundle: Path | None, *, films: int) -> Iterator[Figure]:
    """Measure everything; takes a minute at 10,000 films.

    Parameters
    ----------
    folder
        An empty folder to work in.
    bundle
        The models; by default 15 toys.
    films
        Length of the long list.

    Raises
    ------
    BundleError
        The bundle must not be used.
    SystemLibraryMissing
        Qt would not start here.
    """
    from cxr_desktop.bench_ui.start import memory, start_up

    used = bundle or write_toy(folder / "toy.cxr")
    models = len(open_trusted(used).targets)
    yield from start_up(used, models)
    yield memory(used, models, write_large_film(folder / "film.dcm"))
    app.make_application()  # before any other module that imports Qt: it imports onnxruntime first
    from cxr_desktop.bench_ui.film import large_film
    from cxr_desktop.bench_ui.lists import long_list

    yield from large_film(folder / "large")
    yield from long_list(folder / "long", films)


def run(bundle: Path | None, *, films: int) -> int:
    """Measure everything in places of its own, print a table, and return 0."""
    if not app.has_display():
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    with own_places() as folder, console.status("measuring; leave the machine alone meanwhile"):
        figures = list(measure(folder, bundle, films=films))
    console.print(_table(figures))
    where = "without a display" if os.environ.get("QT_QPA_PLATFORM") == "offscreen" else "on this display"
    console.print(f"window drawn {where}; {sum(each.met is False for each in figures)} aims missed", style="dim")
    return 0


def _table(figures: list[Figure]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("what")
    for column in ("measured", "aim"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("")
    for each in figures:
        verdict = {None: "", True: "[green]reached[/]", False: "[bold yellow]missed[/]"}[each.met]
        table.add_row(each.what, _words(each.value, each.unit), _aim(each), f"{verdict} {each.note}".strip())
    return table


def _aim(figure: Figure) -> str:
    return "" if figure.aim is None else f"≤ {_words(figure.aim, figure.unit)}"


def _words(value: float | None, unit: str) -> str:
    if value is None:
        return "–"
    return f"{value:,.1f} {unit}" if value < 100 and value % 1 else f"{value:,.0f} {unit}"
