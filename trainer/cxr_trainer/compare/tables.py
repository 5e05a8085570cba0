"""The comparison in tables: numbers for programs, rows of text for people."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Final

import pandas as pd

from cxr_trainer.compare.claims import difference_from, difference_text
from cxr_trainer.compare.paper import decay_figure, paper_figure
from cxr_trainer.compare.plan import NOUNS, slug
from cxr_trainer.compare.results import Comparison, Result, measures, peak_rate
from cxr_trainer.compare.statistics import summarise
from cxr_trainer.report.texts import estimate_text

Row = dict[str, str]
_PAPER: Final = "paper (image-level split)"
_FINAL_ACCURACY: Final = "test accuracy, final, %"
_FINAL_AUC: Final = "test AUC, final"
_ABSENT: Final = "–"


def run_table(comparison: Comparison) -> pd.DataFrame:
    """A row for each finished run, with every measure (see `results.measures`)."""
    references = comparison.of(comparison.reference)
    rows = [
        {
            "choice": result.choice,
            "seed": result.seed,
            "run": str(result.run.folder),
            "max_lr": peak_rate(result),
            "best_stage": result.metrics["best"]["stage"],
            "best_epoch": result.metrics["best"]["epoch"],
            **measures(result, references.get(result.seed)),
        }
        for result in comparison.results
    ]
    return pd.DataFrame(rows)


def summary_table(comparison: Comparison, runs: pd.DataFrame) -> pd.DataFrame:
    """A row for each choice: of every measure its mean, sd, min and max over seeds, and how many seeds lack it.

    ``difference_*`` is the final test accuracy less the reference's, with its 95 % interval.
    """
    names = list(runs.columns[runs.columns.get_loc("final_test_accuracy") :])
    rows: list[dict[str, Any]] = []
    for choice in comparison.choices:
        chosen = runs[runs["choice"] == choice]
        row: dict[str, Any] = {"choice": choice, "seeds": len(chosen)}
        for name in names:
            summary = dataclasses.asdict(summarise(_values(comparison, chosen, name)))
            row |= {f"{name}_{key}": summary[key] for key in ("mean", "sd", "min", "max", "absent")}
        difference = difference_from(comparison, choice, comparison.reference)
        if difference:
            row |= {f"difference_{key}": getattr(difference, key) for key in ("value", "low", "high")}
        rows.append(row)
    return pd.DataFrame(rows)


def test_rows(comparison: Comparison, runs: pd.DataFrame) -> list[Row]:
    """Test figures of each choice, its difference from the reference, and the paper's figure."""
    plan, reference = comparison.plan, comparison.reference
    rows = _decay_rows(comparison)
    for choice in comparison.choices:
        results, chosen = list(comparison.of(choice).values()), runs[runs["choice"] == choice]
        finals = [result.metrics["stages"][result.last_stage]["test"] for result in results]
        bests = [result.metrics["parts"]["test"] for result in results]
        difference = difference_from(comparison, choice, reference)
        rows.append(
            {
                NOUNS[plan.axis]: slug(choice),
                "seeds": str(len(chosen)),
                _FINAL_ACCURACY: _figures(finals, "accuracy"),
                _FINAL_AUC: _figures(finals, "auc"),
                "test accuracy, best, %": _figures(bests, "accuracy"),
                "test AUC, best": _figures(bests, "auc"),
                f"final accuracy less that of {slug(reference)}": difference_text(difference)
                if difference
                else _ABSENT,
                _PAPER: str(paper_figure(plan, choice) or _ABSENT),
            }
        )
    return rows


def training_rows(comparison: Comparison, runs: pd.DataFrame) -> list[Row]:
    """Training figures of each choice, epochs to the reference's best, time and size."""
    noun, reference = NOUNS[comparison.plan.axis], slug(comparison.reference)
    rows = []
    for choice in comparison.choices:
        chosen = runs[runs["choice"] == choice]
        values = {str(name): _values(comparison, chosen, str(name)) for name in chosen}
        rows.append(
            {
                noun: slug(choice),
                "training accuracy, final, %": summary_text(values["final_train_accuracy"], factor=100, digits=1),
                "loss, final": summary_text(values["final_loss"]),
                "validation cross-entropy, final": summary_text(values["final_validation_loss"]),
                f"epochs to the best validation accuracy of {reference}": summary_text(
                    values["epochs_to_validation"], digits=0
                ),
                f"epochs to the best training accuracy of {reference}": summary_text(
                    values["epochs_to_training"], digits=0
                ),
                "seconds an epoch": summary_text(values["seconds_per_epoch"], digits=2),
                "parameters": f"{values['parameters'][0]:,.0f}",
            }
        )
    return rows


def summary_text(values: Sequence[float], *, factor: float = 1.0, digits: int = 3) -> str:
    """``79.1 ± 1.2 (78.0 to 80.3)``: mean, sd and range over seeds; ``never`` where a seed has no value.

    Without digits the values are counts, whose mean has one digit nevertheless.
    """
    summary = summarise(values)
    if summary.count == 0:
        return "never" if summary.absent else _ABSENT
    mean, sd = (f"{factor * value:.{digits or 1}f}" for value in (summary.mean, summary.sd))
    low, high = (f"{factor * value:.{digits}f}" for value in (summary.min, summary.max))
    text = low if summary.count == 1 else f"{mean} ± {sd} ({low} to {high})"
    return f"{text}; never in {summary.absent} of {len(values)}" if summary.absent else text


def _values(comparison: Comparison, chosen: pd.DataFrame, name: str) -> list[Any]:
    """A measure of each run of a choice; epochs to the reference's best only where the seed has a reference."""
    if name.startswith("epochs_to"):
        chosen = chosen[chosen["seed"].isin(comparison.of(comparison.reference))]
    return list(chosen[name])


def _figures(parts: Sequence[dict[str, Any]], name: str) -> str:
    """Accuracy (%) or AUC over seeds; for one seed with its bootstrap interval in brackets."""
    factor, digits = (100, 1) if name == "accuracy" else (1, 3)
    if len(parts) > 1:
        return summary_text([part[name]["value"] for part in parts], factor=factor, digits=digits)
    return estimate_text(parts[0][name], percent=name == "accuracy")


def _decay_rows(comparison: Comparison) -> list[Row]:
    """What the decay stage left, before any policy: one model a seed, where policies are compared."""
    seeds: dict[int, Result] = {result.seed: result for result in comparison.results}
    left = [result.metrics["stages"]["decay"]["test"] for result in seeds.values() if result.start is not None]
    if not left:
        return []
    figures = {_FINAL_ACCURACY: _figures(left, "accuracy"), _FINAL_AUC: _figures(left, "auc")}
    paper = str(decay_figure(comparison.plan.recipe.target) or _ABSENT)
    return [{NOUNS["policies"]: "(decay stage)", "seeds": str(len(left)), **figures, _PAPER: paper}]
