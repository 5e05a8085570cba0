"""`cxr-trainer schedule`: a schedule's turning points and its picture, without training and without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from rich.console import Console
from rich.table import Table

from cxr_shared.findings import FINDINGS, Target, parse_target
from cxr_trainer.errors import RecipeError
from cxr_trainer.range_test import BASE_SHARE
from cxr_trainer.recipe import ClrSection, Recipe
from cxr_trainer.recipe_files import load_recipe, parse_recipe
from cxr_trainer.report.drawing import BLUE, write_figure
from cxr_trainer.schedule import Cyclical, Schedule, clr_schedule, turning_points

_NEEDED = ("policy", "max_lr", "epochs")
_PLOTTED = 4000


@dataclass(frozen=True, slots=True)
class PlannedSchedule:
    """A schedule and what is needed to draw it.

    Attributes
    ----------
    name
        What it is of: a target's name, or empty.
    clr
        Policy, epochs and bounds, of which `max_lr` and `base_lr` are given.
    batches
        Updates of an epoch.
    schedule
        The rates.
    """

    name: str
    clr: ClrSection
    batches: int
    schedule: Schedule

    @property
    def updates(self) -> int:
        """Updates of the whole schedule."""
        return self.clr.epochs * self.batches

    @property
    def summary(self) -> str:
        """Policy, bounds and cycles in one line."""
        clr, schedule = self.clr, self.schedule
        start = f"{self.name}: " if self.name else ""
        length = f"{self.updates:,} updates in {clr.epochs} epochs of {self.batches:,}"
        if not isinstance(schedule, Cyclical):
            return f"{start}{clr.policy}, from {clr.max_lr:g}; {length}"
        cycles = self.updates / (2 * schedule.step_size)
        return (
            f"{start}{clr.policy}, {clr.base_lr:g} to {clr.max_lr:g}; {cycles:.4g} cycles of "
            f"2 × {schedule.step_size:,} updates; {length}"
        )


def draw_schedule(disease: str | None, fields: Mapping[str, Any], *, batches: int | None, out: Path | None) -> int:
    """Print a schedule's turning points and, with `out`, draw it."""
    stem = None if out is None else _figure_stem(out)
    planned = plan_schedule(disease, fields, batches=batches)
    console = Console()
    console.print(planned.summary, highlight=False, soft_wrap=True)
    console.print(_table(planned))
    if stem is not None:
        svg = write_figure(stem, lambda axes: _draw(axes, planned))
        console.print(f"{svg} and {svg.with_suffix('.png').name}", highlight=False, soft_wrap=True)
    return 0


def plan_schedule(disease: str | None, fields: Mapping[str, Any], *, batches: int | None) -> PlannedSchedule:
    """Put a schedule together from a target's packaged recipe, with the paper's bounds, and given fields.

    Parameters
    ----------
    disease
        A target's name; None takes everything from `fields`.
    fields
        Fields of the recipe's ``clr`` section, laid over the target's.
    batches
        Updates of an epoch; None counts the target's training films on the paper's split.

    Raises
    ------
    RecipeError
        Something is missing or has a wrong value.
    """
    if batches is not None and batches < 1:
        raise RecipeError("--batches must be at least 1.")
    if "base_lr" in fields and "max_lr" in fields:
        _require_order(fields["base_lr"], fields["max_lr"])
    clr = {f"clr.{name}": value for name, value in fields.items()}
    recipe = _bare_recipe(fields, batches) if disease is None else load_recipe(parse_target(disease), overrides=clr)
    name = "" if disease is None else recipe.target.display
    section = recipe.clr
    max_lr = section.max_lr or recipe.paper.clr_max_lr
    if max_lr is None:
        raise RecipeError(f"The paper gives no bounds of the learning rate for {name}. Give one with --max-lr.")
    # The paper's base_lr does not go with another max_lr.
    paper_base = None if section.max_lr else recipe.paper.clr_base_lr
    base_lr = section.base_lr or paper_base or max_lr * BASE_SHARE
    _require_order(base_lr, max_lr)
    section = section.model_copy(update={"max_lr": max_lr, "base_lr": base_lr})
    per_epoch = batches or paper_batches(recipe)
    schedule = clr_schedule(section, max_lr=max_lr, base_lr=base_lr, batches=per_epoch)
    return PlannedSchedule(name, section, per_epoch, schedule)


def paper_batches(recipe: Recipe) -> int:
    """Updates of an epoch of the CLR stage on the paper's cohort and split, whose training side is ⌊0.8·films⌋.

    As in Keras, what is left over is a batch of its own. A run of ours holds validation films out and so has fewer.
    """
    cohort = recipe.cohort
    if recipe.target is Target.ANOMALY:
        films = (cohort.normal or 0) + len(FINDINGS) * (cohort.per_finding or 0)
    else:
        films = (cohort.positives or 0) + (cohort.negatives or 0)
    return -(-(films * 8 // 10) // recipe.clr.batch_size)


def _require_order(base_lr: float, max_lr: float) -> None:
    if base_lr > max_lr:
        raise RecipeError(f"base_lr {base_lr:g} is above max_lr {max_lr:g}. Lower --base-lr or raise --max-lr.")


def _bare_recipe(fields: Mapping[str, Any], batches: int | None) -> Recipe:
    missing = [name for name in _NEEDED if name not in fields] + (["batches"] if batches is None else [])
    if missing:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in missing)
        raise RecipeError(f"A schedule without --disease also needs {options}.")
    # Any target will do: only its section `clr` is used, and that is given.
    return parse_recipe({"target": Target.ANOMALY, "clr": dict(fields)}, where="the command line")


def _figure_stem(out: Path) -> Path:
    if out.suffix.lower() not in (".svg", ".png"):
        raise RecipeError(f"--out {out} is neither .svg nor .png. Both are written beside each other; name either.")
    return out.with_suffix("")


def _table(planned: PlannedSchedule) -> Table:
    table = Table()
    for head in ("cycle", "point", "update", "epoch", "rate"):
        table.add_column(head, justify="left" if head == "point" else "right")
    for point in turning_points(planned.schedule, planned.updates):
        epoch = f"{point.update / planned.batches:.6g}"
        table.add_row(
            "" if point.cycle is None else str(point.cycle), point.kind, str(point.update), epoch, f"{point.rate:.6g}"
        )
    return table


def _draw(axes: Axes, planned: PlannedSchedule) -> None:
    turns = [point.update for point in turning_points(planned.schedule, planned.updates)]
    even = np.linspace(0, planned.updates - 1, min(_PLOTTED, planned.updates)).astype(int)
    updates = np.unique(np.concatenate([even, turns]))
    rates = [planned.schedule.rate(int(update)) for update in updates]
    axes.plot(updates / planned.batches, rates, color=BLUE, linewidth=1.2)
    axes.set(xlabel="epoch", ylabel="learning rate", xlim=(0, planned.clr.epochs))
    axes.set_title(planned.summary.partition(";")[0])
