"""A run's page: one self-contained HTML file."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

from cxr_shared.files import write_text
from cxr_shared.findings import parse_target
from cxr_trainer.fit.run import Run
from cxr_trainer.report.figures import write_figures

_STAGE_NAMES = {"decay": "decay", "clr": "CLR"}
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.25rem .8rem;border-bottom:1px solid #ddd;text-align:left}
.notice{background:#fff3cd;padding:.5rem 1rem}svg{max-width:100%;height:auto}pre{background:#f6f6f6;padding:1rem}
"""


def write_report(run: Run, metrics: dict[str, Any]) -> Path:
    """Draw the figures and write ``report.html`` of a run whose ``metrics.json`` holds `metrics`."""
    figures = write_figures(run)
    title = f"{parse_target(metrics['target']).display}: {run.folder.name}"
    body = "\n".join(
        [
            f"<h1>{html.escape(title)}</h1>",
            '<p class="notice">Research use only. NOT FOR CLINICAL USE.</p>',
            f"<p>{html.escape(metrics['split']['kind'])} split. {html.escape(metrics['split']['leak'])}</p>",
            *(f"<p>{html.escape(note)}</p>" for note in metrics["cohort"]["notes"]),
            _figures_of_merit(metrics),
            _operating_points(metrics),
            _paper(metrics),
            *(_inline(path) for path in figures),
            f"<h2>Recipe</h2><pre>{html.escape(run.recipe_path.read_text('utf-8'))}</pre>",
        ]
    )
    page = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{_STYLE}</style><body>{body}</body></html>\n"
    )
    path = run.folder / "report.html"
    write_text(path, page)
    return path


def interval_text(fields: dict[str, float], *, percent: bool = False) -> str:
    """``0.912 (0.880 to 0.941)``, or the same in percent."""
    factor, digits = (100, 1) if percent else (1, 3)
    value, low, high = (f"{fields[name] * factor:.{digits}f}" for name in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def _figures_of_merit(metrics: dict[str, Any]) -> str:
    best = metrics["best"]
    models = {
        f"best (epoch {best['epoch']} of {best['stage']})": metrics["parts"],
        **{f"after {_STAGE_NAMES[stage]}": parts for stage, parts in metrics["stages"].items()},
    }
    rows = [
        [name, part, interval_text(each["auc"]), interval_text(each["accuracy"], percent=True), *_sizes(each)]
        for name, parts in models.items()
        for part, each in parts.items()
    ]
    heads = ["model", "part", "AUC (95 %)", "accuracy at 0.5, % (95 %)", "films", "patients"]
    return "<h2>Figures of merit</h2>" + _table(heads, rows)


def _sizes(part: dict[str, Any]) -> list[str]:
    return [str(part["films"]), str(part["patients"])]


def _operating_points(metrics: dict[str, Any]) -> str:
    rows = [
        [
            point["name"],
            f"{point['threshold']:.3f}",
            f"{point['sensitivity']:.3f}",
            f"{point['specificity']:.3f}",
        ]
        for point in metrics["operating_points"]
    ]
    heads = ["operating point", "threshold", "sensitivity", "specificity"]
    return "<h2>Operating points, chosen and measured on validation</h2>" + _table(heads, rows)


def _paper(metrics: dict[str, Any]) -> str:
    paper = metrics["paper"]
    ours = {stage: parts["test"]["accuracy"] for stage, parts in metrics["stages"].items()}
    rows = [
        [f"accuracy after {stage}, %", f"{paper[key]:.2f}", interval_text(ours[stage], percent=True)]
        for stage, key in (("decay", "accuracy_decay"), ("clr", "accuracy_clr"))
        if key in paper and stage in ours
    ]
    found = metrics["range_test"] or {"max_lr": None, "base_lr": None}
    rows += [
        [name, f"{paper[f'clr_{name}']:g}", "none" if found[name] is None else f"{found[name]:.2e}"]
        for name in ("max_lr", "base_lr")
        if f"clr_{name}" in paper
    ]
    heads = ["", "paper (image-level split)", f"here ({metrics['split']['kind']} split)"]
    return "<h2>Beside the paper</h2>" + _table(heads, rows)


def _table(heads: list[str], rows: list[list[str]]) -> str:
    head = "".join(f"<th>{html.escape(text)}</th>" for text in heads)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(text)}</td>" for text in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _inline(path: Path) -> str:
    text = path.read_text("utf-8")
    return text[text.index("<svg") :]
