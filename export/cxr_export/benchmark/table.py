"""A benchmark as tables for a person and as JSON."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from cxr_export.benchmark.run import Benchmark

_PIPE_WIDTH: Final = 140


def show(found: Benchmark) -> None:
    """Print what was measured."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_PIPE_WIDTH)
    console.print(_contenders(found))
    console.print(_stages(found))
    for line in _sentences(found):
        console.print(line, highlight=False)


def document(found: Benchmark) -> dict[str, Any]:
    """Give every figure, for JSON."""
    fields = dataclasses.asdict(found)
    for each, contender in zip(fields["contenders"], found.contenders, strict=True):
        each["median_ms"], each["of_b"] = contender.median, found.ratio(contender)
    return {"schema": "cxr-benchmark/1", **fields}


def _contenders(found: Benchmark) -> Table:
    table = Table(title=f"{found.device}, {found.threads} threads, one film, {found.rounds} interleaved rounds")
    table.add_column("what", no_wrap=True)
    for name in ("ms", "spread", "of (b)", "ready ms", "peak MB"):
        table.add_column(name, justify="right", no_wrap=True)
    for each in found.contenders:
        if each.failure or not each.times:
            table.add_row(each.name, "–", each.failure)
            continue
        ordered = sorted(each.times)
        low, high = ordered[len(ordered) // 10], ordered[-1 - len(ordered) // 10]
        ratio = found.ratio(each)
        table.add_row(
            each.name,
            _figure(each.median),
            f"{low:.1f}–{high:.1f}",
            "–" if ratio is None else f"{ratio:.2f}×",
            _figure(each.ready_ms, digits=0),
            _figure(each.peak_mb, digits=0),
        )
    return table


def _stages(found: Benchmark) -> Table:
    table = Table(title=f"from file to scores in ms, {found.plan}")
    for name in ("file", "read and decode", "pixel path", "inference", "all"):
        table.add_column(name, justify="left" if name == "file" else "right", no_wrap=True)
    for each in found.stages:
        figures = (each.read_ms, each.pixels_ms, each.infer_ms, each.total_ms)
        table.add_row(each.what, *(_figure(figure) for figure in figures))
    return table


def _sentences(found: Benchmark) -> list[str]:
    refused = f", {found.films_refused} refused" if found.films_refused else ""
    memory = f"; peak memory {found.batch_peak_mb:.0f} MB" if found.batch_peak_mb else ""
    batch = f"{found.films_source}; {found.films_counted} films{refused}{memory} without the decoding processes"
    return [
        f"batch: {found.films_per_second:.1f} films a second ({batch})",
        f"engine ready {found.start_s:.2f} s after its process was started, the bundle's verification included",
        "spread: from the tenth to the ninetieth percentile. (b) runs with onnxruntime's own settings on all threads.",
    ]


def _figure(value: float | None, *, digits: int = 1) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
