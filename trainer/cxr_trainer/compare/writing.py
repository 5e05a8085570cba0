"""What a comparison leaves in its folder: tables as Markdown, CSV and JSON, figures, one self-contained page."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cxr_shared.files import write_json, write_text
from cxr_shared.notice import NOTICE
from cxr_trainer.compare.claims import Finding, judge
from cxr_trainer.compare.figures import write_figures
from cxr_trainer.compare.notes import notes
from cxr_trainer.compare.plan import slug
from cxr_trainer.compare.results import Comparison
from cxr_trainer.compare.tables import Row, run_table, summary_table, test_rows, training_rows
from cxr_trainer.report.pages import inline_svg, render
from cxr_trainer.report.tables import Table

_NO_CLAIM = "The paper claims nothing of these choices, or too few runs are finished."


def write_comparison(comparison: Comparison, folder: Path) -> list[Finding]:
    """Write ``comparison.{md,html,csv,json}``, ``runs.csv`` and ``figures/``; returns what became of the claims."""
    runs = run_table(comparison)
    summary, findings = summary_table(comparison, runs), judge(comparison)
    tables = {
        "Test figures": test_rows(comparison, runs),
        "Training": training_rows(comparison, runs),
    }
    figures = write_figures(comparison, folder / "figures")
    write_text(folder / "comparison.csv", summary.to_csv(index=False))
    write_text(folder / "runs.csv", runs.to_csv(index=False))
    write_json(folder / "comparison.json", _document(comparison, runs, summary, findings))
    write_text(folder / "comparison.md", _markdown(comparison, tables, findings))
    write_text(folder / "comparison.html", _page(comparison, tables, findings, figures))
    return findings


def _document(
    comparison: Comparison, runs: pd.DataFrame, summary: pd.DataFrame, findings: Sequence[Finding]
) -> dict[str, Any]:
    plan, metrics = comparison.plan, comparison.results[0].metrics
    return {
        "schema": "cxr-comparison/1",
        "title": comparison.title,
        "target": plan.recipe.target.value,
        "axis": plan.axis,
        "reference": comparison.reference,
        "split": metrics["split"],
        "cohort": metrics["cohort"],
        "choices": _records(summary),
        "runs": _records(runs),
        "failures": [dataclasses.asdict(failure) for failure in comparison.failures],
        "findings": [_plain({**dataclasses.asdict(each), "headline": each.headline}) for each in findings],
        "notes": notes(comparison),
    }


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [_plain(row) for row in frame.to_dict("records")]
    return rows


def _plain(value: Any) -> Any:  # noqa: ANN401  (anything that becomes JSON, which has no NaN)
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _markdown(comparison: Comparison, tables: dict[str, list[Row]], findings: Sequence[Finding]) -> str:
    parts = [f"# {comparison.title}", f"**{NOTICE}**"]
    for heading, rows in tables.items():
        parts += [f"## {heading}", _markdown_table(rows)]
    parts += ["## The paper's claims", *(map(_markdown_finding, findings) if findings else [_NO_CLAIM])]
    parts += ["## Notes", "\n".join(f"- {note}" for note in notes(comparison))]
    parts += ["## Figures", "\n\n".join(f"![{name}](figures/{name}.png)" for name in ("accuracy", "loss"))]
    return "\n\n".join(parts) + "\n"


def _markdown_table(rows: Sequence[Row]) -> str:
    heads = _heads(rows)
    lines = [heads, ["---"] * len(heads), *([row.get(head, "–") for head in heads] for row in rows)]
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines)


def _markdown_finding(finding: Finding) -> str:
    lines = [f"- {slug(claim.choice)}: {claim.verdict}; {claim.sentence}." for claim in finding.claims]
    return "\n".join([f"**{finding.headline}**", "", *lines, *(["", finding.remark] if finding.remark else [])])


def _page(
    comparison: Comparison, tables: dict[str, list[Row]], findings: Sequence[Finding], figures: Sequence[Path]
) -> str:
    return render(
        "comparison.html.j2",
        title=comparison.title,
        tables=[_table(heading, rows) for heading, rows in tables.items()],
        findings=[
            {
                "headline": finding.headline,
                "claims": [f"{slug(claim.choice)}: {claim.verdict}; {claim.sentence}." for claim in finding.claims],
                "remark": finding.remark,
            }
            for finding in findings
        ],
        no_claim=_NO_CLAIM,
        figures=[
            {"svg": inline_svg(path.read_text("utf-8"), name=path.stem, title=f"{comparison.title}: {path.stem}")}
            for path in figures
        ],
        notes=notes(comparison),
    )


def _table(heading: str, rows: Sequence[Row]) -> Table:
    heads = _heads(rows)
    return Table(heading, tuple(heads), tuple(tuple(row.get(head, "–") for head in heads) for row in rows))


def _heads(rows: Sequence[Row]) -> list[str]:
    """Headings of all rows, in the order of the last, which has them all."""
    return list(rows[-1])
