"""One page for a set of runs: a row each, every AUC and accuracy beside the paper's, and their ROC curves."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from matplotlib.axes import Axes

from cxr_shared.files import write_text
from cxr_shared.findings import Target, parse_target
from cxr_trainer.evaluate.intervals import PatientBootstrap
from cxr_trainer.evaluate.ranking import curves
from cxr_trainer.fit.run import Run
from cxr_trainer.report.drawing import BLUE, FAINT, INK, VERMILION, WIDE, svg_text
from cxr_trainer.report.page import PAGE
from cxr_trainer.report.pages import inline_svg, render
from cxr_trainer.report.part_figures import draw_roc, read_test_part
from cxr_trainer.report.tables import STAGE_NAMES
from cxr_trainer.report.texts import estimate_text

_SMALL = (2.9, 2.9)
_ORDER = list(Target)
Row = dict[str, Any]


def write_set_page(runs: Sequence[Run], out: Path) -> Path:
    """Write the page of finished `runs` to `out`; it links to each run's own page.

    Raises
    ------
    RunError
        A run is unfinished or damaged.
    OutputError
        The page cannot be written.
    """
    rows = [_row(run, out) for run in runs]
    rows.sort(key=lambda row: (_ORDER.index(row["target"]), row["split"], row["run"]))
    drawn = [{"svg": svg} for number, row in enumerate(rows) if (svg := _roc(row, number)) is not None]
    beside = inline_svg(
        svg_text(lambda axes: _draw_accuracy(axes, rows), size=(WIDE[0], 1.3 + 0.42 * len(rows))),
        name="accuracy",
        title="Test accuracy of each run after decay and after CLR, and the paper's",
    )
    write_text(out, render("set.html.j2", rows=rows, rocs=drawn, beside=beside))
    return out


def _row(run: Run, out: Path) -> Row:
    metrics = run.read_json("metrics.json")
    test, paper = metrics["parts"]["test"], metrics["paper"]
    shortcuts = metrics.get("shortcuts")
    target = parse_target(metrics["target"])
    return {
        "target": target,
        "name": target.display,
        "run": run.folder.name,
        "folder": run,
        "link": _link(run.folder / PAGE, out.parent),
        "split": metrics["split"]["kind"],
        "leak": metrics["split"]["leak"],
        "leaky": bool(metrics["split"]["test_patients_trained_on"]),
        "films": test["films"],
        "patients": test["patients"],
        "cohort": {part: f"{n['positive']:,} + {n['negative']:,}" for part, n in metrics["cohort"]["counts"].items()},
        "best": f"{STAGE_NAMES[metrics['best']['stage']]}, epoch {metrics['best']['epoch']}",
        "auc": estimate_text(test["auc"]),
        "metadata": estimate_text(shortcuts["overall"]["metadata_only"] if shortcuts else None),
        "test": test,
        "stages": {stage: parts["test"]["accuracy"] for stage, parts in metrics["stages"].items()},
        "accuracy": {stage: _accuracy(metrics["stages"].get(stage)) for stage in STAGE_NAMES},
        "paper": {stage: paper.get(f"accuracy_{stage}") for stage in STAGE_NAMES},
    }


def _accuracy(parts: dict[str, Any] | None) -> str:
    return estimate_text(parts["test"]["accuracy"], percent=True) if parts else "–"


def _link(page: Path, folder: Path) -> str:
    """Relative address of a run's page; on another drive of Windows the absolute one."""
    try:
        return quote(Path(os.path.relpath(page, folder)).as_posix())
    except ValueError:
        return page.resolve().as_uri()


def _roc(row: Row, number: int) -> str | None:
    test = read_test_part(row["folder"])
    if test["label"].nunique() < 2:
        return None
    curve, _ = curves(test["label"], test["logit"], PatientBootstrap(test["patient"]))
    title = f"{row['name']}, {row['split']} split"
    svg = svg_text(lambda axes: draw_roc(axes, curve, part={"auc": row["test"]["auc"]}, title=title), size=_SMALL)
    return inline_svg(svg, name=f"roc-{number}", title=f"ROC curve of {row['run']}, {row['split']} split")


def _draw_accuracy(axes: Axes, rows: Sequence[Row]) -> None:
    """A line a run: accuracy after decay, after CLR, and both of the paper's."""
    style = {"decay": (BLUE, "o", 0.14), "clr": (VERMILION, "s", -0.14)}
    for place, row in enumerate(reversed(rows)):
        for stage, (colour, marker, shift) in style.items():
            fields, paper = row["stages"].get(stage), row["paper"][stage]
            if fields and fields["low"] is not None:
                axes.hlines(place + shift, 100 * fields["low"], 100 * fields["high"], color=colour, linewidth=1.2)
            if fields and fields["value"] is not None:
                axes.plot(100 * fields["value"], place + shift, marker, color=colour, markersize=5)
            if paper is not None:
                axes.plot(paper, place + shift, marker, color=colour, markersize=6, fillstyle="none")
    for stage, (colour, marker, _) in style.items():
        axes.plot([], [], marker, color=colour, label=f"after {STAGE_NAMES[stage]}")
        axes.plot([], [], marker, color=colour, fillstyle="none", label=f"paper, after {STAGE_NAMES[stage]}")
    names = [f"{row['name']}, {row['split']}" for row in reversed(rows)]
    axes.set(yticks=np.arange(len(rows)), ylim=(-0.6, len(rows) - 0.4), xlabel="test accuracy at 0.5, %")
    axes.set_yticklabels(names, color=INK)
    axes.grid(visible=False, axis="y")
    axes.axvline(50, color=FAINT, linewidth=0.8, linestyle="--")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
