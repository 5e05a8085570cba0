"""The tables of a run's page, from what ``metrics.json`` holds; a figure that an older run lacks is left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cxr_trainer.recipe import Recipe
from cxr_trainer.report.texts import estimate_text

STAGE_NAMES: Final = {"decay": "decay", "clr": "CLR"}
Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its title, its columns' heads, and rows whose first cell is the row's head.

    `notes` are sentences to stand below it.
    """

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    @property
    def counts(self) -> tuple[bool, ...]:
        """Which columns hold counts alone, and so are set flush right."""
        return tuple(all(row[i].replace(",", "").isdigit() for row in self.rows) for i in range(len(self.heads)))


def cohort_table(metrics: Fields) -> Table:
    """Films and patients of each part."""
    parts = metrics["parts"]
    rows = [
        (
            part,
            f"{counts['positive'] + counts['negative']:,}",
            f"{counts['positive']:,}",
            f"{counts['negative']:,}",
            f"{100 * counts['positive'] / max(1, counts['positive'] + counts['negative']):.1f}",
            f"{parts[part]['patients']:,}" if part in parts else "",
        )
        for part, counts in metrics["cohort"]["counts"].items()
    ]
    heads = ("part", "films", "positive", "negative", "prevalence, %", "patients")
    return Table(f"Films, {metrics['split']['kind']} split", heads, tuple(rows), tuple(metrics["cohort"]["notes"]))


def merit_table(metrics: Fields) -> Table:
    """Figures of merit of the best model and of each stage's last, by part."""
    best = metrics["best"]
    models = {f"best: epoch {best['epoch']} of {STAGE_NAMES[best['stage']]}": metrics["parts"]}
    models |= {f"last of {STAGE_NAMES[stage]}": parts for stage, parts in metrics["stages"].items()}
    rows = [
        (
            f"{model}, {part}",
            estimate_text(each["auc"]),
            estimate_text(each.get("auprc")),
            estimate_text(each["accuracy"], percent=True),
            estimate_text(each.get("brier")),
            estimate_text(each.get("ece")),
        )
        for model, parts in models.items()
        for part in ("test", "validation", "train")
        for each in (parts[part],)
    ]
    heads = ("model and part", "AUC", "AUPRC", "accuracy at 0.5, %", "Brier score", "ECE")
    return Table(f"Figures of merit, {metrics['split']['kind']} split", heads, tuple(rows), _method_notes(metrics))


def point_table(metrics: Fields) -> Table:
    """Rates at each operating point, by part."""
    rows = [
        (f"{point['name']}, {part}", f"{point['threshold']:.3f}", *_rates(metrics["parts"][part], point))
        for point in metrics["operating_points"]
        for part in ("test", "validation", "train")
    ]
    heads = ("operating point and part", "threshold", "sensitivity, %", "specificity, %", "PPV, %", "NPV, %")
    test = metrics["parts"]["test"]
    note = (
        "Thresholds were chosen on the validation part alone. PPV and NPV hold at the prevalence of the part, "
        f"{100 * test['positives'] / test['films']:.1f} % in the test part, and not at a clinic's."
    )
    return Table(f"Operating points, {metrics['split']['kind']} split", heads, tuple(rows), (note,))


def paper_table(metrics: Fields) -> Table | None:
    """The paper's figures beside ours; None where the paper has none for this target."""
    paper, found = metrics["paper"], metrics["range_test"] or {}
    rows = [
        (
            f"accuracy after {STAGE_NAMES[stage]}, %",
            f"{paper[f'accuracy_{stage}']:.2f}",
            *(estimate_text(metrics["stages"][stage][part]["accuracy"], percent=True) for part in ("test", "train")),
        )
        for stage in metrics["stages"]
        if f"accuracy_{stage}" in paper
    ]
    rows += [
        (f"{name} of the range test", f"{paper[f'clr_{name}']:g}", _rate(found.get(name)), "")
        for name in ("max_lr", "base_lr")
        if f"clr_{name}" in paper
    ]
    kind = metrics["split"]["kind"]
    heads = ("", "paper, image-level split", f"here, test, {kind} split", f"here, train, {kind} split")
    note = (
        "The paper draws films at random, so test films share patients with its training films, and it says "
        "training accuracy in places and testing accuracy in others; both are given here."
    )
    return Table("Beside the paper", heads, tuple(rows), (note,)) if rows else None


def shortcut_rows(metrics: Fields) -> Table | None:
    """AUC by view, sex and age band, of the model and of metadata alone; None where a run has not measured it."""
    shortcuts = metrics.get("shortcuts")
    if not shortcuts:
        return None
    overall = shortcuts["overall"]
    named = [("all test films", overall), *((f"{row['by']}: {row['group']}", row) for row in shortcuts["groups"])]
    rows = [
        (
            name,
            f"{row['films']:,}",
            f"{row['patients']:,}",
            f"{row['positives']:,}",
            estimate_text(row["model"]),
            estimate_text(row["metadata_only"]),
        )
        for name, row in named
    ]
    used = ", ".join(name.replace("_", "-") for name in shortcuts["metadata"]) or "nothing"
    baseline = (
        f"Metadata alone: a logistic regression on {used}, fitted on the training films and no pixel. "
        f"Model less metadata, over all test films: {estimate_text(overall['difference'])}."
    )
    heads = ("group", "films", "patients", "positive", "AUC, model", "AUC, metadata alone")
    return Table(
        f"Shortcuts, {metrics['split']['kind']} split, test part", heads, tuple(rows), (shortcuts["reading"], baseline)
    )


def recipe_table(recipe: Recipe) -> Table:
    """The recipe at a glance."""
    decay, clr, model = recipe.decay, recipe.clr, recipe.model
    found = "found by the range test" if clr.max_lr is None else f"up to {clr.max_lr:g}"
    descent = f"{decay.optimizer}, rate {decay.lr0:g}, decay {decay.decay:g}"
    cycles = f"{clr.policy.replace('_', ' ')}, step {clr.step_epochs:g} epochs, rate {found}"
    rows = (
        ("network", f"{model.architecture}, width {model.width:g}, weights {model.weights}"),
        ("input", f"{recipe.input.size}² pixels, {'aspect kept' if recipe.input.keep_aspect else 'stretched'}"),
        ("head", f"Dense {', '.join(map(str, model.units))}, 1; dropout {model.dropout:g}"),
        ("decay stage", f"{descent}, {decay.epochs} epochs of batch {decay.batch_size}"),
        ("CLR stage", f"{cycles}, {clr.epochs} epochs of batch {clr.batch_size}"),
        ("seeds", f"training {recipe.seed}, cohort and split {recipe.split.seed}"),
    )
    return Table("Recipe", ("", "value"), rows)


def _rates(part: Fields, point: Fields) -> tuple[str, ...]:
    measured = part.get("operating_points", {}).get(point["name"], {})
    names = ("sensitivity", "specificity", "ppv", "npv")
    return tuple(estimate_text(measured.get(name), percent=True) for name in names)


def _method_notes(metrics: Fields) -> tuple[str, ...]:
    methods = metrics.get("methods")
    if methods is None:
        return ("In brackets 95 % intervals.",)
    test = metrics["parts"]["test"]
    sentence = (
        f"In brackets {100 * methods['level']:.0f} % intervals: {methods['intervals']}, {methods['replicates']:,} "
        f"resamples; the test part has {test['films']:,} films of {test['patients']:,} patients. Where all films "
        f"agree: {methods['all_alike']}. AUPRC is the average precision. ECE: {methods['ece']}."
    )
    return (sentence,)


def _rate(value: float | None) -> str:
    return "none" if value is None else f"{value:.2e}"
