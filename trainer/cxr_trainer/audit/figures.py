"""The paper's Figures 1 and 2 from an audit, as SVG and PNG."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

from matplotlib.axes import Axes

from cxr_trainer.audit.labels import Labels
from cxr_trainer.report.drawing import BLUE, write_figure

_SIZE: Final = (7.2, 4.2)


def write_figures(labels: Labels, folder: Path) -> list[Path]:
    """Draw ``figure-1-label-strings`` and ``figure-2-findings`` into `folder`; returns the files."""
    films = labels.films.found
    first = f"{len(labels.top)} commonest of {labels.label_strings.found:,} label strings, {films:,} films"
    second = f"Films by label after one-hot encoding, {films:,} films"
    drawn = [
        write_figure(folder / "figure-1-label-strings", partial(_bars, labels.top, first), size=_SIZE),
        write_figure(folder / "figure-2-findings", partial(_bars, labels.findings, second), size=_SIZE),
    ]
    return [file for svg in drawn for file in (svg, svg.with_suffix(".png"))]


def _bars(counts: dict[str, int], title: str, axes: Axes) -> None:
    names = [name.replace("_", " ").replace("|", " + ") for name in counts]
    bars = axes.barh(names, list(counts.values()), color=BLUE)
    axes.bar_label(bars, fmt="{:,.0f}", padding=3, fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.grid(visible=False, axis="y")
    axes.set(xlabel="films", title=title)
