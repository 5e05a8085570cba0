"""A run's page: one self-contained HTML file, drawn from the run directory alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from cxr_shared.files import write_text
from cxr_shared.findings import parse_target
from cxr_trainer.fit.run import Run
from cxr_trainer.report import tables
from cxr_trainer.report.figures import write_figures
from cxr_trainer.report.pages import data_uri, inline_svg, render
from cxr_trainer.report.part_figures import write_part_figures
from cxr_trainer.report.samples import FOLDER, KINDS, balanced_point
from cxr_trainer.report.texts import estimate_text

PAGE: Final = "report.html"
_DESCRIBED: Final = {
    "roc": "ROC curve of the test part with its 95 % band and operating points",
    "precision_recall": "Precision over recall of the test part with its 95 % band",
    "reliability": "Reliability diagram of the test part",
    "accuracy": "Accuracy by epoch, training and validation",
    "loss": "Loss by epoch, training and validation",
    "rate": "Learning rate by epoch",
    "range_test": "Range test: loss over learning rate, with the suggested bounds",
}


def write_report(run: Run, metrics: dict[str, Any]) -> Path:
    """Draw the figures and write ``report.html`` of a run whose ``metrics.json`` holds `metrics`; needs no film."""
    training, measured = write_figures(run), write_part_figures(run, metrics)
    recipe = run.recipe()
    page = render(
        "run.html.j2",
        title=parse_target(metrics["target"]).display,
        run=run.folder.name,
        metrics=metrics,
        tiles=_tiles(metrics),
        cohort=tables.cohort_table(metrics),
        merit=tables.merit_table(metrics),
        points=tables.point_table(metrics),
        paper=tables.paper_table(metrics),
        shortcuts=tables.shortcut_rows(metrics),
        recipe=tables.recipe_table(recipe),
        recipe_text=run.recipe_path.read_text("utf-8"),
        confusion=_confusion(metrics),
        measured=[_figure(name, path) for name, path in measured.items()],
        training=[_figure(name, path) for name, path in training.items()],
        samples=_samples(run),
    )
    path = run.folder / PAGE
    write_text(path, page)
    return path


def _tiles(metrics: dict[str, Any]) -> list[dict[str, str]]:
    """The figures that the page opens with."""
    test = metrics["parts"]["test"]
    point = balanced_point(metrics)
    rates = test.get("operating_points", {}).get(point["name"], {})
    shown = {
        "AUC": estimate_text(test["auc"]),
        "accuracy at 0.5, %": estimate_text(test["accuracy"], percent=True),
        f"sensitivity, {point['name']}, %": estimate_text(rates.get("sensitivity"), percent=True),
        f"specificity, {point['name']}, %": estimate_text(rates.get("specificity"), percent=True),
    }
    return [
        {"label": label, "value": text.partition(" (")[0], "interval": text.partition(" (")[2].rstrip(")")}
        for label, text in shown.items()
    ]


def _confusion(metrics: dict[str, Any]) -> dict[str, Any] | None:
    point = balanced_point(metrics)
    counts = metrics["parts"]["test"].get("operating_points", {}).get(point["name"])
    if counts is None:
        return None
    rows = []
    for label, names in (
        ("positive", ("true_positives", "false_negatives")),
        ("negative", ("false_positives", "true_negatives")),
    ):
        total = sum(counts[name] for name in names)
        cells = [
            {"count": counts[name], "share": counts[name] / total if total else 0.0, "right": name.startswith("true")}
            for name in names
        ]
        rows.append({"label": label, "total": total, "cells": cells})
    return {"point": point, "rows": rows, "split": metrics["split"]["kind"]}


def _figure(name: str, path: Path) -> dict[str, Any]:
    return {"name": name, "svg": inline_svg(path.read_text("utf-8"), name=name, title=_DESCRIBED[name])}


def _samples(run: Run) -> dict[str, Any] | None:
    """Pictures that were drawn when the run ended, by kind; None for a run of before there were any."""
    folder = run.folder / FOLDER
    if not (folder / "samples.json").is_file():
        return None
    listed = run.read_json(f"{FOLDER}/samples.json")
    films = [{**film, "uris": [data_uri(folder / film[name]) for name in ("film", "map")]} for film in listed["films"]]
    groups = {kind: [film for film in films if film["kind"] == kind] for kind in KINDS}
    return {"rule": listed["rule"], "span": listed["span"], "groups": groups}
