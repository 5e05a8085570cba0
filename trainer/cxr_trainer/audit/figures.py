"""The paper's Figures 1 and 2 from an audit, as SVG and PNG."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure

from cxr_shared.files import write_bytes
from cxr_trainer.audit.labels import Labels

_STYLE: Final[dict[Any, Any]] = {"svg.hashsalt": "cxr-triage", "font.size": 9, "figure.dpi": 150}
_COLOUR: Final = "#0072B2"  # Okabe and Ito's blue


def write_figures(labels: Labels, folder: Path) -> list[Path]:
    """Draw ``figure-1-label-strings`` and ``figure-2-findings`` into `folder`; returns the files."""
    films = labels.films.found
    return [
        *_write(
            folder / "figure-1-label-strings",
            labels.top,
            title=f"{len(labels.top)} commonest of {labels.label_strings.found:,} label strings, {films:,} films",
        ),
        *_write(
            folder / "figure-2-findings",
            labels.findings,
            title=f"Films by label after one-hot encoding, {films:,} films",
        ),
    ]


def _write(stem: Path, counts: dict[str, int], *, title: str) -> list[Path]:
    files = []
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(7.2, 4.2), layout="constrained")
        axes = figure.add_subplot()
        names = [name.replace("_", " ").replace("|", " + ") for name in counts]
        bars = axes.barh(names, list(counts.values()), color=_COLOUR)
        axes.bar_label(bars, fmt="{:,.0f}", padding=3, fontsize=8)
        axes.invert_yaxis()
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(x=0.12)
        axes.set(xlabel="films", title=title)
        for suffix in (".svg", ".png"):
            buffer = io.BytesIO()
            # No date: the same labels draw the same bytes.
            figure.savefig(buffer, format=suffix[1:], metadata={"Date": None} if suffix == ".svg" else None)
            files.append(stem.with_name(stem.name + suffix))
            write_bytes(files[-1], buffer.getvalue())
    return files
