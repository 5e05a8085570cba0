"""Accuracy and loss against the epoch, a line for each choice, after the paper's Figures 7 to 10."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cxr_trainer.compare.plan import slug
from cxr_trainer.compare.results import Comparison
from cxr_trainer.report.drawing import BLUE, FAINT, GREEN, INK, ORANGE, PURPLE, SKY, VERMILION, write_panels

# Dashes too, for print.
_LINES: Final = (
    (INK, "-"),
    (BLUE, "-"),
    (VERMILION, "--"),
    (GREEN, "-."),
    (PURPLE, "-"),
    (ORANGE, "--"),
    (SKY, "-."),
)
_SIZE: Final = (9.6, 4.0)
_PANELS: Final = {
    "accuracy": {"accuracy": "training, as it went", "validation_accuracy": "validation"},
    "loss": {"loss": "training, with penalties", "validation_loss": "validation, cross-entropy"},
}


def write_figures(comparison: Comparison, folder: Path) -> list[Path]:
    """Draw ``accuracy`` and ``loss`` into `folder` as SVG and PNG; returns the SVG files."""
    return [write_panels(folder / name, partial(_panels, comparison, name), size=_SIZE) for name in _PANELS]


def _panels(comparison: Comparison, name: str, figure: Figure) -> None:
    panels = _PANELS[name]
    for axes, (column, title) in zip(figure.subplots(1, 2), panels.items(), strict=True):
        _draw(axes, comparison, column)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(xlabel=_epoch_label(comparison), ylabel=name, title=title)
    figure.suptitle(f"{comparison.title}: {name}", fontsize=9)
    figure.axes[0].legend()


def curves(comparison: Comparison, choice: str, column: str) -> npt.NDArray[np.float64]:
    """(seeds, epochs) figures of a choice."""
    return np.stack([result.curve[column].to_numpy(float) for result in comparison.of(choice).values()])


def _draw(axes: Axes, comparison: Comparison, column: str) -> None:
    """Mean over seeds as a line, from the lowest to the highest seed as a band."""
    for choice, (color, dash) in zip(comparison.choices, _LINES, strict=False):
        values = curves(comparison, choice, column)
        epochs = np.arange(1, values.shape[1] + 1)
        axes.plot(epochs, values.mean(axis=0), color=color, linestyle=dash, label=slug(choice))
        axes.fill_between(epochs, values.min(axis=0), values.max(axis=0), color=color, alpha=0.15, linewidth=0)
    starts = {result.seed: float(result.start[column]) for result in comparison.results if result.start is not None}
    if starts:
        level = float(np.mean(list(starts.values())))
        axes.axhline(level, color=FAINT, linestyle=":", linewidth=1.0, label="end of the decay stage")


def _epoch_label(comparison: Comparison) -> str:
    return "epoch of the CLR stage" if comparison.plan.axis == "policies" else "epoch"
