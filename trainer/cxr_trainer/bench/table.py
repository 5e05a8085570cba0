"""The bench's outcome as a table for a person and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from cxr_trainer.bench.measure import PAPER_EPOCH_HOURS, PAPER_TRAIN_FILMS, Comparison, Speed

LEGEND = (
    "stock: PNGs decoded at every epoch by a DataLoader, torchvision's transforms, float32. ours: the loop of "
    "cxr-trainer fit, from the second epoch. ceiling: its step on a batch that never changes. starved: share of the "
    "time in which the next batch was waited for or made ready."
)
"""What the table's rows and columns mean."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Where it was measured, and on what."""

    device: str
    precision: str
    threads: int
    bandwidth: float
    films: int
    size: int
    batch_size: int
    rounds: int


def tabulate(comparison: Comparison) -> Table:
    """A row for each contender."""
    table = Table()
    table.add_column(comparison.architecture, no_wrap=True, min_width=len(comparison.architecture))
    for name in ("films/s", "spread", "of stock", "of ceiling", "starved", "memory"):
        table.add_column(name, justify="right")
    for name, speed in comparison.speeds.items():
        low, high = speed.spread
        table.add_row(
            name,
            f"{speed.films_per_second:.1f}",
            f"{low:.1f}–{high:.1f}",
            f"{comparison.ratio(name, 'stock'):.2f}×",
            f"{comparison.ratio(name, 'ceiling'):.2f}×",
            f"{100 * speed.starvation:.1f} %",
            _memory(speed),
        )
    return table


def epoch_sentence(comparison: Comparison) -> str:
    """How long the paper's epoch would take here, beside what it took the paper."""
    paper = PAPER_EPOCH_HOURS.get(comparison.architecture)
    beside = f"; the paper's took {paper:g} hours" if paper else ""
    hours = comparison.paper_epoch_hours
    took = f"{hours:.2f} hours" if hours >= 1 else f"{60 * hours:.1f} minutes"
    return f"The {PAPER_TRAIN_FILMS:,} films of the paper's Atelectasis epoch would take {took}{beside}."


def machine_sentence(machine: Machine) -> str:
    """Device, threads, precision, memory bandwidth, and what was trained on."""
    return (
        f"{machine.device}; memory is copied at {machine.bandwidth:.1f} GB/s. {machine.films} "
        f"films of {machine.size}² in batches of {machine.batch_size}, {machine.rounds} interleaved rounds, medians."
    )


def document(machine: Machine, comparisons: Sequence[Comparison]) -> dict[str, Any]:
    """Everything that was measured, for JSON."""
    return {
        "schema": "cxr-bench/1",
        "device": machine.device,
        "precision": machine.precision,
        "threads": machine.threads,
        "memory_bandwidth_gb_per_second": machine.bandwidth,
        "films": machine.films,
        "size": machine.size,
        "batch_size": machine.batch_size,
        "rounds": machine.rounds,
        "architectures": [_comparison(each) for each in comparisons],
    }


def _comparison(comparison: Comparison) -> dict[str, Any]:
    return {
        "architecture": comparison.architecture,
        **{name: _speed(speed) for name, speed in comparison.speeds.items()},
        "ours_over_stock": comparison.ratio("ours", "stock"),
        "ours_over_ceiling": comparison.ratio("ours", "ceiling"),
        "paper_epoch_hours": {
            "ours_estimated": comparison.paper_epoch_hours,
            "paper": PAPER_EPOCH_HOURS.get(comparison.architecture),
        },
    }


def _speed(speed: Speed) -> dict[str, Any]:
    return {
        "films_per_second": speed.films_per_second,
        "slowest": speed.spread[0],
        "fastest": speed.spread[1],
        "starvation": speed.starvation,
        "peak_resident_mb": speed.rounds[-1].resident_mb,
        "peak_device_mb": speed.rounds[-1].device_mb,
        "rounds": [{"films": each.films, "seconds": each.seconds} for each in speed.rounds],
    }


def _memory(speed: Speed) -> str:
    last = speed.rounds[-1]
    parts = [f"{last.resident_mb / 1e3:.2f} GB"] if last.resident_mb is not None else []
    parts += [f"{last.device_mb / 1e3:.2f} GB card"] if last.device_mb is not None else []
    return ", ".join(parts) or "unknown"
