"""A run's figures of its test part: ROC, precision-recall and reliability, each with its 95 % band.

They are drawn from ``predictions.parquet`` and ``metrics.json``, so no film is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from cxr_trainer.evaluate.calibration import BINS, reliability
from cxr_trainer.evaluate.intervals import PatientBootstrap
from cxr_trainer.evaluate.ranking import Curve, curves
from cxr_trainer.fit.run import Run
from cxr_trainer.report.drawing import BLUE, FAINT, INK, SQUARE, VERMILION, write_figure
from cxr_trainer.report.texts import estimate_text


def write_part_figures(run: Run, metrics: dict[str, Any]) -> dict[str, Path]:
    """Draw them into ``figures/``; the SVG files by name. None where the test part lacks a class."""
    test = read_test_part(run)
    if test["label"].nunique() < 2:
        return {}
    part, bootstrap = metrics["parts"]["test"], PatientBootstrap(test["patient"])
    roc, recall = curves(test["label"], test["logit"], bootstrap)
    title = f"{run.target.display}, {metrics['split']['kind']} split"
    draw: dict[str, Callable[[Axes], None]] = {
        "roc": lambda axes: draw_roc(axes, roc, part=part, title=f"{title}: ROC"),
        "precision_recall": lambda axes: _precision_recall(axes, recall, part, f"{title}: precision and recall"),
        "reliability": lambda axes: _reliability(axes, test, bootstrap, f"{title}: reliability"),
    }
    return {name: write_figure(run.folder / "figures" / name, each, size=SQUARE) for name, each in draw.items()}


def read_test_part(run: Run) -> pd.DataFrame:
    """Read the test part of ``predictions.parquet``: image, patient, label, logit, probability."""
    frame = run.read_predictions()
    return frame[frame["part"] == "test"].reset_index(drop=True)


def draw_roc(axes: Axes, roc: Curve, *, part: dict[str, Any], title: str) -> None:
    """Draw an ROC curve with its band, the AUC with its interval, and the part's operating points.

    Parameters
    ----------
    axes
        Where to draw.
    roc
        The curve.
    part
        The part's figures, as ``metrics.json`` holds them.
    title
        The figure's title.
    """
    axes.fill_between(roc.grid, roc.low, roc.high, color=BLUE, alpha=0.18, linewidth=0)
    axes.plot(roc.x, roc.y, color=BLUE, label=f"AUC {estimate_text(part['auc'], reasons=False)}")
    axes.plot([0, 1], [0, 1], color=FAINT, linestyle="--", linewidth=0.8)
    for (name, point), marker in zip(part.get("operating_points", {}).items(), "^os", strict=False):
        sensitivity, specificity = point["sensitivity"]["value"], point["specificity"]["value"]
        if sensitivity is not None and specificity is not None:
            axes.plot(1 - specificity, sensitivity, marker, color=VERMILION, markersize=5, label=name, clip_on=False)
    axes.set(xlabel="1 - specificity", ylabel="sensitivity", title=title)
    _unit_square(axes)
    axes.legend(loc="lower right")


def _precision_recall(axes: Axes, curve: Curve, part: dict[str, Any], title: str) -> None:
    share = part["positives"] / part["films"]
    axes.fill_between(curve.grid, curve.low, curve.high, color=BLUE, alpha=0.18, linewidth=0, step="pre")
    label = f"AUPRC {estimate_text(part['auprc'], reasons=False)}" if "auprc" in part else "test"
    axes.step(curve.x, curve.y, color=BLUE, where="pre", label=label)
    axes.axhline(share, color=FAINT, linestyle="--", linewidth=0.8, label=f"prevalence {share:.2f}")
    axes.set(xlabel="recall (sensitivity)", ylabel="precision (PPV)", title=title)
    _unit_square(axes)
    axes.legend(loc="lower left")


def _reliability(axes: Axes, test: pd.DataFrame, bootstrap: PatientBootstrap, title: str) -> None:
    rows = reliability(test["label"], test["probability"], bootstrap)
    filled = rows.films > 0
    share = rows.films / rows.films.sum()
    middle = (np.arange(BINS) + 0.5) / BINS
    axes.bar(
        middle, 0.25 * share / share.max(), width=0.9 / BINS, color=FAINT, alpha=0.35, label="films (not to scale)"
    )
    axes.plot([0, 1], [0, 1], color=FAINT, linestyle="--", linewidth=0.8)
    axes.vlines(rows.predicted[filled], rows.low[filled], rows.high[filled], color=BLUE, linewidth=1.0, alpha=0.6)
    axes.plot(rows.predicted[filled], rows.observed[filled], "o", color=BLUE, markersize=4, label=f"{BINS} equal bins")
    axes.set(xlabel="mean probability of a bin", ylabel="share of positive films", title=title)
    _unit_square(axes)
    axes.legend(loc="upper left", labelcolor=INK)


def _unit_square(axes: Axes) -> None:
    ticks = np.linspace(0.0, 1.0, 6)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal", xticks=ticks, yticks=ticks)
