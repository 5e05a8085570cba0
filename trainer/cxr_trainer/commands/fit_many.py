"""`cxr-trainer fit` for more than one run, or for one somewhere else: targets × seeds, here or on a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cxr_trainer.cluster.command import HERE, Where, command_name, conclude, executor_for
from cxr_trainer.cluster.fitting import FitPlan
from cxr_trainer.cluster.show import view_of
from cxr_trainer.cluster.storage import storage_of
from cxr_trainer.commands.interrupt import stop_on_interrupt
from cxr_trainer.errors import ClusterError
from cxr_trainer.fit.device import DeviceName, require_one_process
from cxr_trainer.recipe import Recipe


def fit_many(
    recipes: Sequence[Recipe],
    *,
    seeds: int,
    data: Path,
    out: str,
    device: DeviceName,
    where: Where,
    json_lines: bool,
) -> int:
    """Make the runs that are missing; the same command goes on with those that have begun.

    Raises
    ------
    CxrError
        As the steps do; a fault of one run alone is named at the end instead.
    """
    require_one_process("a fit of several runs")
    if seeds < 1:
        raise ClusterError("--seeds must be at least 1.")
    where.check()
    storage = storage_of(out, absolute=where.on is not None)
    plan = FitPlan(recipes, seeds, data.resolve(), storage, command_name(), where.processes)
    if all(job.done for job in plan.jobs(device)):  # needs no cluster
        where = HERE
    with stop_on_interrupt() as stop, executor_for(where, device=device) as (executor, chosen):
        jobs = plan.jobs(chosen)
        with view_of(jobs, json_lines=json_lines) as view:
            outcomes = executor.run(jobs, listener=view, stop=stop)
    return conclude(jobs, outcomes)
