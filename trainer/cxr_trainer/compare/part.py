"""Making one run of a comparison, or going on with it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Literal

from cxr_trainer.compare.events import PartStarted
from cxr_trainer.compare.work import SHARED, Part, Work
from cxr_trainer.errors import ComparisonError, RangeTestError, TrainingDiverged
from cxr_trainer.fit.checkpoint import load_checkpoint
from cxr_trainer.fit.run import Run
from cxr_trainer.fit.session import fit, resume
from cxr_trainer.recipe import StageName


def complete(part: Part, run: Run) -> bool:
    """Whether nothing of a run is left to do."""
    return run.finished() or (part.choice == SHARED and _paused(run))


def attempt(work: Work, part: Part, run: Run | None) -> str:
    """Make one run; why it could not be made, else nothing."""
    state: Literal["new", "resumed", "finished"] = "new" if run is None else "resumed"
    if run is not None and complete(part, run):
        state = "finished"
    work.tell(PartStarted(part.number, part.total, part.seed, part.choice, state))
    if state == "finished":
        return ""
    try:
        _make(work, part, run)
    except RangeTestError:
        return _refusal(work, part)
    except TrainingDiverged as error:
        return str(error)
    return ""


def _make(work: Work, part: Part, run: Run | None) -> None:
    pause: StageName | None = "clr" if part.choice == SHARED else None
    if run is None and work.plan.axis == "policies" and part.choice != SHARED:
        run = _copy(work, part)
    try:
        _start_or_go_on(work, part, run, pause)
    except RangeTestError:
        refused = work.run_of(part.seed, part.choice)
        if work.fallback_lr is None or refused is None:
            raise
        given = {"clr.max_lr": work.fallback_lr}
        resume(refused, overrides=given, sinks=work.sinks, stop=work.stop, pause_before=pause)


def _start_or_go_on(work: Work, part: Part, run: Run | None, pause: StageName | None) -> None:
    if run is not None and run.checkpoint_path.is_file():
        resume(run, sinks=work.sinks, stop=work.stop, pause_before=pause)
        return
    place = work.place(part.seed, part.choice)
    shutil.rmtree(place, ignore_errors=True)  # killed before its first checkpoint: nothing is lost
    recipe = work.plan.recipe_of(part.seed, part.choice or None)
    fit(
        recipe,
        data=Path(work.plan.data),
        out=place,
        device=work.plan.device,
        sinks=work.sinks,
        stop=work.stop,
        pause_before=pause,
    )


def _copy(work: Work, part: Part) -> Run:
    """Copy of the seed's paused run with the policy of `part`, made whole or not at all."""
    shared = work.run_of(part.seed, SHARED)
    if shared is None or not _paused(shared):
        raise ComparisonError(
            f"{work.place(part.seed, SHARED)} no longer waits before the CLR stage. Compare into another folder."
        )
    place = work.place(part.seed, part.choice)
    growing = place.with_name(f".{place.name}.part")
    shutil.rmtree(growing, ignore_errors=True)
    copied = Run(shutil.copytree(shared.folder, growing / shared.folder.name))
    copied.write_recipe(work.plan.recipe_of(part.seed, part.choice, base=shared.recipe()))
    growing.replace(place)
    return Run(place / shared.folder.name)


def _paused(run: Run) -> bool:
    """Whether `run` waits before its CLR stage."""
    checkpoint = load_checkpoint(run.checkpoint_path)
    return checkpoint is not None and checkpoint.stage == "clr" and checkpoint.update == 0


def _refusal(work: Work, part: Part) -> str:
    run = work.run_of(part.seed, part.choice)
    assert run is not None  # its range test has run
    return (
        f"the range test suggests no learning rate: {run.read_json('range_test.json')['refusal']}. Choose a rate from "
        f"{run.folder}/range_test.json and give the same command with --fallback-lr RATE"
    )
