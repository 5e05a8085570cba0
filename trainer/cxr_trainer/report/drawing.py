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

BLUE, VERMILION, GREEN, PURPLE = "#0072b2", "#d55e00", "#009e73", "#cc79a7"
ORANGE, SKY = "#e69f00", "#56b4e9"
"""Okabe and Ito's, told apart by everyone."""
INK, PAPER, FAINT = "#1c2127", "#ffffff", "#8a939e"
"""Text and axes; background; what is only for orientation. `cxr_trainer.report.pages` exchanges them in dark pages."""
WIDE: Final = (5.6, 3.4)
"""Inches: two of a page's figures side by side at their natural size."""
SQUARE: Final = (3.7, 3.7)
"""Inches: three side by side."""

_STYLE: Final[dict[Any, Any]] = {
    "svg.hashsalt": "cxr-triage",
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "grid.color": FAINT,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.4,
    "figure.dpi": 150,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
}


def write_figure(stem: Path, draw: Callable[[Axes], None], *, size: tuple[float, float] = WIDE) -> Path:
    """Draw one plot into ``<stem>.svg`` and ``<stem>.png`` and return the SVG; the same plot gives the same bytes."""
    return write_panels(stem, lambda figure: draw(figure.add_subplot()), size=size)


def write_panels(stem: Path, draw: Callable[[Figure], None], *, size: tuple[float, float]) -> Path:
    """As `write_figure`, with a figure of several plots."""
    for kind, data in _drawn(draw, size, ("svg", "png")).items():
        write_bytes(stem.parent / f"{stem.name}.{kind}", data)
    return stem.parent / f"{stem.name}.svg"


def svg_text(draw: Callable[[Axes], None], *, size: tuple[float, float] = SQUARE) -> str:
    """Draw one plot as the text of an SVG file."""
    return _drawn(lambda figure: draw(figure.add_subplot()), size, ("svg",))["svg"].decode()


def _drawn(draw: Callable[[Figure], None], size: tuple[float, float], kinds: tuple[str, ...]) -> dict[str, bytes]:
    """Draw a figure, lay it out once, and save it in each format."""
    saved = {}
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        for kind in kinds:
            buffer = io.BytesIO()
            # No date: the same run draws the same bytes.
            figure.savefig(buffer, format=kind, metadata={"Date": None} if kind == "svg" else None)
            saved[kind] = buffer.getvalue()
    return saved
