"""The range test's figure, after the paper's Figure 6; needs no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from cxr_trainer.range_test import BASE_SHARE, measure_spread
from cxr_trainer.report.drawing import BLUE, GREEN, PURPLE, VERMILION
from cxr_trainer.suggesters import Suggestion

_MARKS: Final = {"minimum": (VERMILION, "-"), "steepest": (GREEN, "--"), "valley": (PURPLE, "-.")}


def draw_range_tests(axes: Axes, tests: Sequence[Mapping[str, Any]], *, title: str) -> None:
    """Draw loss, smoothed loss and every suggestion of one test or of several that differ in their seeds.

    Parameters
    ----------
    axes
        Where to draw.
    tests
        Fields as `RangeTestResult.as_json` gives them, at least one; of older runs, without ``suggestions``.
    title
        The figure's title.
    """
    faint = 1.0 / len(tests) ** 0.5
    for number, test in enumerate(tests):
        label = {"loss": "loss", "smoothed": "smoothed"} if number == 0 else {}
        axes.plot(test["rates"], _values(test["losses"]), color="0.7", lw=0.8, alpha=faint, label=label.get("loss"))
        axes.plot(test["rates"], _values(test["smoothed"]), color=BLUE, lw=1.6 * faint, label=label.get("smoothed"))
    _mark_suggestions(axes, tests)
    axes.set(xscale="log", xlabel="learning rate", ylabel="cross-entropy", title=title)
    levels = [level for test in tests if (level := _levels(_values(test["smoothed"]))) is not None]
    if levels:
        low, high = min(low for low, _ in levels), max(high for _, high in levels)
        axes.set_ylim(min(low, 0.7 * low), max(high, 1.3 * high))
    axes.legend(fontsize=8)


def _values(losses: Sequence[float | None]) -> npt.NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in losses], dtype=np.float64)


def _levels(smoothed: npt.NDArray[np.float64]) -> tuple[float, float] | None:
    """Lowest loss and the highest before it: single losses, and divergence behind, would flatten everything else."""
    if np.isnan(smoothed).all():
        return None
    best = int(np.nanargmin(smoothed))
    return float(smoothed[best]), float(np.nanmax(smoothed[: max(2, best)]))


def _mark_suggestions(axes: Axes, tests: Sequence[Mapping[str, Any]]) -> None:
    """Line at the median of each suggester's rates, a band over their range, and base_lr of the chosen one."""
    chosen = tests[0].get("suggester", "minimum")
    for name, (colour, style) in _MARKS.items():
        spread = measure_spread([Suggestion(_rate(test, name)) for test in tests])
        if spread.median is None or spread.lowest is None or spread.highest is None:
            continue
        role = f" = max_lr, of {spread.suggested}" if len(tests) > 1 else " = max_lr"
        label = f"{name} {spread.median:.2e}{role if name == chosen else ''}"
        axes.axvline(spread.median, color=colour, linestyle=style, lw=1.2, label=label)
        if spread.suggested > 1:
            axes.axvspan(spread.lowest, spread.highest, color=colour, alpha=0.12, lw=0)
        if name == chosen:
            base = spread.median * BASE_SHARE
            axes.axvline(base, color=colour, linestyle=":", lw=1.2, label=f"base_lr {base:.2e}")


def _rate(test: Mapping[str, Any], suggester: str) -> float | None:
    if "suggestions" not in test:
        return test["max_lr"] if suggester == "minimum" else None
    rate: float | None = test["suggestions"][suggester]["rate"]
    return rate
