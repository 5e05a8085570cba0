"""`cxr-trainer compare`: policies, architectures or optimizers, over several seeds."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from cxr_shared.findings import parse_target
from cxr_trainer.cluster.command import HERE, Where, command_name, executor_for
from cxr_trainer.cluster.show import view_of
from cxr_trainer.commands.interrupt import stop_on_interrupt
from cxr_trainer.compare.events import ComparisonSink, ComparisonWritten
from cxr_trainer.compare.plan import CONSTANT, FIELDS, Axis, Plan, chosen_axis, keep_plan
from cxr_trainer.compare.progress import ComparisonLines, ComparisonProgress
from cxr_trainer.compare.results import read_comparison
from cxr_trainer.compare.running import check_weights, comparison_jobs, nobody, run_parts
from cxr_trainer.compare.work import Failure, Work
from cxr_trainer.compare.writing import write_comparison
from cxr_trainer.errors import ComparisonError, DataNotConfigured
from cxr_trainer.fit.device import DeviceName, require_one_process
from cxr_trainer.fit.loop import Stopped
from cxr_trainer.progress import TerminalProgress
from cxr_trainer.recipe import Recipe
from cxr_trainer.recipe_files import load_recipe

_STOPPED = 130


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asks for; see `cxr_trainer.cli.compare`."""

    disease: str
    named: Mapping[Axis, str | None]
    seeds: int
    data: Path | None
    out: Path | None
    recipe: str | None
    device: DeviceName
    constant_lr: float | None
    fallback_lr: float | None
    overrides: Mapping[str, Any]
    where: Where = HERE


def compare_choices(request: Request, *, json_lines: bool) -> int:
    """Make the runs that are missing and write the comparison; 1 where some could not be made."""
    require_one_process("compare")
    request.where.check()
    plan = _plan(request)
    folder = request.out or Path("comparisons") / f"{plan.recipe.target.slug}-{plan.axis}"
    keep_plan(folder, plan)
    with stop_on_interrupt() as stop, contextlib.ExitStack() as stack:
        sinks = () if request.where.on else (_sink(stack, json_lines=json_lines),)
        own = folder.resolve() if request.where.on else folder  # workers begin elsewhere
        work = Work(plan, own, request.fallback_lr, sinks, stop)
        try:
            failures = run_and_write(work, request.where, json_lines=json_lines)
        except Stopped:
            print(f"Stopped. The same command goes on from here; finished runs are kept in {folder}.")
            return _STOPPED
    return 1 if failures else 0


def run_and_write(work: Work, where: Where = HERE, *, json_lines: bool = False) -> list[Failure]:
    """Make the missing runs, and write the comparison anew after each seed; returns what could not be made.

    Raises
    ------
    Stopped
        As `run_parts` does.
    CxrError
        As the steps do.
    """
    check_weights(work)
    with executor_for(where, device=work.plan.device) as (executor, device):
        plan = work.plan.model_copy(update={"device": device})
        own = dataclasses.replace(work, plan=plan)
        jobs = comparison_jobs(own, command_name())
        with contextlib.ExitStack() as stack:
            view = stack.enter_context(view_of(jobs, json_lines=json_lines)) if where.on else nobody
            return run_parts(own, jobs, executor=executor, view=view, seed_done=partial(_write, work))


def _write(work: Work, failures: list[Failure]) -> None:
    comparison = read_comparison(work, failures)
    if comparison is None:
        return
    headlines = tuple(finding.headline for finding in write_comparison(comparison, work.folder))
    runs = len(work.plan.seeds) * len(work.plan.choices)
    work.tell(ComparisonWritten(str(work.folder), len(comparison.results), runs, headlines))


def _sink(stack: contextlib.ExitStack, *, json_lines: bool) -> ComparisonSink:
    if json_lines:
        return ComparisonLines()
    return ComparisonProgress(stack.enter_context(TerminalProgress(Console(stderr=True))))


def _plan(request: Request) -> Plan:
    axis, choices = chosen_axis(request.named)
    recipe = _recipe(request, axis)
    if request.constant_lr is not None and not (axis == "policies" and CONSTANT in choices):
        raise ComparisonError("--constant-lr is the rate of the policy 'constant'. Compare it, or leave the rate out.")
    rates = [rate for rate in (request.constant_lr, request.fallback_lr) if rate is not None]
    if request.seeds < 1 or any(rate <= 0.0 for rate in rates):
        raise ComparisonError("--seeds must be at least 1, --constant-lr and --fallback-lr above 0.")
    if request.data is None:
        raise DataNotConfigured
    return Plan(
        axis=axis,
        choices=choices,
        seeds=tuple(range(recipe.seed, recipe.seed + request.seeds)),
        constant_lr=request.constant_lr,
        data=str(request.data.resolve()),
        device=request.device,
        recipe=recipe,
    )


def _recipe(request: Request, axis: Axis) -> Recipe:
    """What all runs have in common."""
    overrides = dict(request.overrides)
    if FIELDS[axis] in overrides:
        raise ComparisonError(f"--{FIELDS[axis]} is what --{axis} compares. Leave it out.")
    if isinstance(stages := overrides.get("stages"), str):
        overrides["stages"] = [name.strip() for name in stages.split(",")]
    if axis != "policies":
        overrides.setdefault("stages", ["decay"])  # as in Table 6
    recipe = load_recipe(parse_target(request.disease), file=request.recipe, overrides=overrides)
    if axis == "policies" and "clr" not in recipe.stages:
        raise ComparisonError(
            f"Policies are of the CLR stage, and the recipe runs {', '.join(recipe.stages)} alone. "
            "Give --stages decay,range_test,clr."
        )
    return recipe
