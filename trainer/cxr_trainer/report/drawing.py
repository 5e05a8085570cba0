"""How figures look and how they are written; needs no torch."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cxr_shared.files import write_bytes

BLUE, VERMILION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
"""Okabe and Ito's, told apart by everyone."""
_STYLE: Final[dict[Any, Any]] = {
    "svg.hashsalt": "cxr-triage",
    "font.size": 9,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "figure.dpi": 150,
}


def write_figure(stem: Path, draw: Callable[[Axes], None]) -> Path:
    """Draw one plot into ``<stem>.svg`` and ``<stem>.png`` and return the SVG; the same plot gives the same bytes."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(6.4, 3.6), layout="constrained")
        draw(figure.add_subplot())
        for suffix in (".svg", ".png"):
            buffer = io.BytesIO()
            # No date: the same run draws the same bytes.
            figure.savefig(buffer, format=suffix[1:], metadata={"Date": None} if suffix == ".svg" else None)
            write_bytes(stem.parent / f"{stem.name}{suffix}", buffer.getvalue())
    return stem.parent / f"{stem.name}.svg"
