"""`cxr-trainer fit --dry-run`: what a fit would do."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import tomli_w
from rich.console import Console
from rich.table import Table

from cxr_shared.findings import Target, parse_target
from cxr_trainer.errors import DataNotConfigured
from cxr_trainer.fit.device import DeviceName
from cxr_trainer.fit.plan import Plan, plan_fit
from cxr_trainer.recipe_files import load_recipe


def show_plans(
    disease: str, *, data: Path | None, recipe: str | None, device: DeviceName, overrides: Mapping[str, Any]
) -> int:
    """Print the resolved recipe, the cohort, and an estimate of time and disk, for one target or all."""
    targets = list(Target) if disease.strip().lower() == "all" else [parse_target(disease)]
    recipes = [load_recipe(target, file=recipe, overrides=overrides) for target in targets]
    if data is None:
        raise DataNotConfigured
    console = Console()
    for each in recipes:
        _show(console, plan_fit(each, data=data, device=device))
    return 0


def _show(console: Console, plan: Plan) -> None:
    print(f"# recipe of {plan.recipe.target.display}, as it would be used")
    print(tomli_w.dumps(plan.recipe.model_dump(mode="json", exclude_none=True)))
    cohort = Table("films", "positive", "negative", title="Cohort")
    for part, (positive, negative) in plan.counts.items():
        cohort.add_row(part, f"{positive:,}", f"{negative:,}")
    console.print(cohort)
    for sentence in (*plan.notes, f"{plan.recipe.split.kind} split. {plan.leak}"):
        print(sentence)
    stages = Table("stage", "epochs", "updates", "about", title=f"Stages on {plan.device}")
    for stage in plan.stages:
        stages.add_row(stage.name, f"{stage.epochs:,}", f"{stage.updates:,}", _duration(stage.seconds))
    console.print(stages)
    total = sum(stage.seconds for stage in plan.stages)
    print(f"Training: about {_duration(total)}, by timing a few updates here.")
    print(f"Reading the films once: up to {_duration(plan.seconds_to_read)}; films in the cache are not read again.")
    print(f"Disk: up to {_size(plan.cache_bytes)} of film cache and {_size(plan.run_bytes)} for the run.")


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds))) if seconds >= 1 else f"{seconds:.1f} s"


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
