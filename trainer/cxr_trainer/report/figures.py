"""A run's figures, after the paper's Figures 4 to 8: schedule, range test, accuracy, loss.

Each is written as SVG and PNG; titles say the target and the split.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cxr_shared.files import write_bytes
from cxr_trainer.fit.events import read_events
from cxr_trainer.fit.run import Run

_TRAIN, _VALIDATION = "#0072B2", "#D55E00"  # Okabe and Ito's, told apart by everyone
_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "cxr-triage",
    "font.size": 9,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "figure.dpi": 150,
}


def write_figures(run: Run) -> list[Path]:
    """Draw the figures of a run into ``figures/`` from its event log and range test; returns the SVG files."""
    recipe = run.recipe()
    epochs = read_events(run.events_path, "EpochFinished")
    title = f"{recipe.target.display}, {recipe.split.kind} split"
    draw: dict[str, Callable[[Axes], None]] = {
        "rate": lambda axes: _rate(axes, epochs, title),
        "accuracy": lambda axes: _curves(axes, epochs, "accuracy", title=f"{title}: accuracy"),
        "loss": lambda axes: _curves(axes, epochs, "loss", title=f"{title}: loss"),
    }
    if "range_test" in recipe.stages:
        draw["range_test"] = lambda axes: _range_test(axes, run.read_json("range_test.json"), title)
    return [_write(run.folder / "figures" / name, each) for name, each in draw.items()]


def _write(stem: Path, draw: Callable[[Axes], None]) -> Path:
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(6.4, 3.6), layout="constrained")
        draw(figure.add_subplot())
        for suffix in (".svg", ".png"):
            buffer = io.BytesIO()
            # No date: the same run draws the same bytes.
            figure.savefig(buffer, format=suffix[1:], metadata={"Date": None} if suffix == ".svg" else None)
            write_bytes(stem.with_suffix(suffix), buffer.getvalue())
    return stem.with_suffix(".svg")


def _rate(axes: Axes, epochs: list[dict[str, Any]], title: str) -> None:
    number = np.arange(1, len(epochs) + 1)
    axes.plot(number, [each["rate"] for each in epochs], color=_TRAIN, marker=".", linewidth=1.2)
    _mark_stages(axes, epochs)
    axes.set(xlabel="epoch", ylabel="learning rate at its end", title=f"{title}: learning rate", yscale="log")


def _range_test(axes: Axes, result: dict[str, Any], title: str) -> None:
    rates = result["rates"]
    losses = [np.nan if value is None else value for value in result["losses"]]
    smoothed = [np.nan if value is None else value for value in result["smoothed"]]
    axes.plot(rates, losses, color="0.7", linewidth=0.8, label="loss")
    axes.plot(rates, smoothed, color=_TRAIN, linewidth=1.6, label="smoothed")
    for name, style in (("max_lr", "-"), ("base_lr", ":")):
        if result[name] is not None:
            axes.axvline(result[name], color=_VALIDATION, linestyle=style, label=f"{name} {result[name]:.2e}")
    top = np.nanmax(smoothed[: max(2, int(np.nanargmin(smoothed)))])
    axes.set(xscale="log", xlabel="learning rate", ylabel="cross-entropy", title=f"{title}: range test")
    axes.set_ylim(top=1.3 * top)
    axes.legend(fontsize=8)


def _curves(axes: Axes, epochs: list[dict[str, Any]], what: str, *, title: str) -> None:
    number = np.arange(1, len(epochs) + 1)
    note = ", with penalties" if what == "loss" else ", while training"
    axes.plot(number, [each[what] for each in epochs], color=_TRAIN, marker=".", label=f"train{note}")
    values = [each[f"validation_{what}"] for each in epochs]
    axes.plot(number, values, color=_VALIDATION, marker=".", label="validation")
    _mark_stages(axes, epochs)
    axes.set(xlabel="epoch", ylabel=what, title=title)
    axes.legend(fontsize=8)


def _mark_stages(axes: Axes, epochs: list[dict[str, Any]]) -> None:
    """Line between the decay and the CLR stage."""
    decay = sum(each["stage"] == "decay" for each in epochs)
    if 0 < decay < len(epochs):
        axes.axvline(decay + 0.5, color="0.4", linestyle="--", linewidth=0.8)
        axes.annotate(" CLR", (decay + 0.5, 1.0), xycoords=("data", "axes fraction"), va="top", fontsize=8)
