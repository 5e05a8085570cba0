"""A run's figures of training, after the paper's Figures 4 to 8: schedule, range test, accuracy, loss.

Each is written as SVG and PNG; titles say the target and the split.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from cxr_trainer.fit.events import read_events
from cxr_trainer.fit.run import Run
from cxr_trainer.report.drawing import BLUE, INK, VERMILION, write_figure
from cxr_trainer.report.range_figure import draw_range_tests

_TRAIN, _VALIDATION = BLUE, VERMILION


def write_figures(run: Run) -> dict[str, Path]:
    """Draw the figures of training into ``figures/``, from the event log and range test; the SVG files by name."""
    recipe = run.recipe()
    epochs = read_events(run.events_path, "EpochFinished")
    title = f"{recipe.target.display}, {recipe.split.kind} split"
    draw: dict[str, Callable[[Axes], None]] = {
        "accuracy": lambda axes: _curves(axes, epochs, "accuracy", title=f"{title}: accuracy"),
        "loss": lambda axes: _curves(axes, epochs, "loss", title=f"{title}: loss"),
        "rate": lambda axes: _rate(axes, epochs, title),
    }
    if (run.folder / "range_test.json").is_file():
        draw["range_test"] = lambda axes: draw_range_tests(
            axes, [run.read_json("range_test.json")], title=f"{title}: range test"
        )
    return {name: write_figure(run.folder / "figures" / name, each) for name, each in draw.items()}


def _rate(axes: Axes, epochs: list[dict[str, Any]], title: str) -> None:
    number = np.arange(1, len(epochs) + 1)
    axes.plot(number, [each["rate"] for each in epochs], color=_TRAIN, marker=".")
    _mark_stages(axes, epochs)
    axes.set(xlabel="epoch", ylabel="learning rate at its end", title=f"{title}: learning rate", yscale="log")


def _curves(axes: Axes, epochs: list[dict[str, Any]], what: str, *, title: str) -> None:
    number = np.arange(1, len(epochs) + 1)
    note = ", with penalties" if what == "loss" else ", while training"
    axes.plot(number, [each[what] for each in epochs], color=_TRAIN, marker=".", label=f"train{note}")
    values = [each[f"validation_{what}"] for each in epochs]
    axes.plot(number, values, color=_VALIDATION, marker=".", label="validation")
    _mark_stages(axes, epochs)
    axes.set(xlabel="epoch", ylabel=what, title=title)
    axes.legend()


def _mark_stages(axes: Axes, epochs: list[dict[str, Any]]) -> None:
    """Line between the decay and the CLR stage."""
    decay = sum(each["stage"] == "decay" for each in epochs)
    if 0 < decay < len(epochs):
        axes.axvline(decay + 0.5, color=INK, linestyle="--", linewidth=0.8)
        axes.annotate(" CLR", (decay + 0.5, 1.0), xycoords=("data", "axes fraction"), va="top", fontsize=8)
