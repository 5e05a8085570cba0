"""The three stages of a run: decay → range test → CLR retraining of what the decay stage left (paper §§5-7)."""

from __future__ import annotations

import time
from typing import Final

from cxr_shared.files import write_json
from cxr_trainer.data.batches import BatchOrder
from cxr_trainer.errors import RangeTestError, RunError
from cxr_trainer.fit.checkpoint import BestModel, Checkpoint, EpochSums, save_checkpoint
from cxr_trainer.fit.events import RangeTestFinished, StageFinished, StageStarted
from cxr_trainer.fit.finder import range_test_updates, run_range_test
from cxr_trainer.fit.loop import Bench, Stage, run_stage
from cxr_trainer.fit.optimizers import build_optimizer
from cxr_trainer.fit.run import Run
from cxr_trainer.model.network import cpu_state
from cxr_trainer.range_test import BASE_SHARE
from cxr_trainer.recipe import StageName
from cxr_trainer.schedule import Decay, clr_schedule

EVALUATE: Final = "evaluate"
"""What a checkpoint calls the rest once the stages are done."""


def run_stages(run: Run, bench: Bench, checkpoint: Checkpoint, *, pause_before: StageName | None) -> Checkpoint:
    """Do the stages that the checkpoint says are left, up to `pause_before`; returns where the run is then.

    Raises
    ------
    RangeTestError
        The range test suggests no rate and the recipe gives none; the run can be resumed with one.
    """
    work = {"decay": _decay_stage, "range_test": _range_test_stage, "clr": _clr_stage}
    while checkpoint.stage not in (EVALUATE, pause_before):
        checkpoint = work[checkpoint.stage](run, bench, checkpoint)
    return checkpoint


def _decay_stage(run: Run, bench: Bench, checkpoint: Checkpoint) -> Checkpoint:
    section = bench.recipe.decay
    optimizer = build_optimizer(
        section.optimizer, bench.network.parameters(), lr=section.lr0, momentum=section.momentum
    )
    order = BatchOrder(len(bench.train), section.batch_size, bench.recipe.seed)
    bench.network.set_bn_momentum(bench.recipe.resolved_bn_momentum(order.batches))
    stage = Stage("decay", Decay(section.lr0, section.decay), optimizer, order, section.epochs)
    detail = f"{section.optimizer} from {section.lr0:g}, decay {section.decay:g}, {section.epochs} epochs"
    return _train(run, bench, stage, checkpoint, detail=detail)


def _range_test_stage(run: Run, bench: Bench, checkpoint: Checkpoint) -> Checkpoint:
    section, began = bench.recipe.range_test, time.monotonic()
    detail = f"{section.ramp} from {section.start:g} to {section.end:g}"
    bench.sink.emit(StageStarted("range_test", range_test_updates(bench), detail))
    result = run_range_test(bench)
    if bench.leads:
        write_json(run.folder / "range_test.json", result.as_json())
    bench.sink.emit(
        RangeTestFinished(result.max_lr, result.base_lr, len(result.rates), result.diverged, result.refusal)
    )
    if result.refusal and bench.recipe.clr.max_lr is None:
        raise RangeTestError(
            f"The range test suggests no learning rate: {result.refusal}. Choose one from {run.folder}/range_test.json "
            f"and go on with: cxr-trainer resume {run.folder} --clr.max_lr RATE"
        )
    return _close_stage(bench, checkpoint.best, stage="range_test", began=began)


def _clr_stage(run: Run, bench: Bench, checkpoint: Checkpoint) -> Checkpoint:
    clr = bench.recipe.clr
    max_lr = clr.max_lr or float(run.read_json("range_test.json")["max_lr"])
    base_lr = clr.base_lr or max_lr * BASE_SHARE
    if base_lr > max_lr:
        raise RunError(
            f"clr.base_lr {base_lr:g} is above max_lr {max_lr:g}, which the range test found. Go on with: "
            f"cxr-trainer resume {run.folder} --clr.base_lr RATE"
        )
    optimizer = build_optimizer(
        clr.optimizer or bench.recipe.decay.optimizer,
        bench.network.parameters(),
        lr=base_lr,
        momentum=clr.momentum,
    )
    order = BatchOrder(len(bench.train), clr.batch_size, bench.recipe.seed)
    schedule = clr_schedule(clr, max_lr=max_lr, base_lr=base_lr, batches=order.batches)
    bench.network.set_bn_momentum(bench.recipe.resolved_bn_momentum(order.batches))
    stage = Stage("clr", schedule, optimizer, order, clr.epochs)
    rates = f"at {max_lr:.3g}" if clr.policy == "constant" else f"between {base_lr:.3g} and {max_lr:.3g}"
    detail = f"{clr.policy} {rates}, {clr.epochs} epochs"
    return _train(run, bench, stage, checkpoint, detail=detail)


def _train(run: Run, bench: Bench, stage: Stage, checkpoint: Checkpoint, *, detail: str) -> Checkpoint:
    began = time.monotonic()
    if checkpoint.update == 0 and checkpoint.sums.updates == 0:
        bench.sink.emit(StageStarted(stage.name, stage.updates, detail))
    else:
        stage.optimizer.load_state_dict(checkpoint.optimizer)
    best = run_stage(bench, stage, checkpoint)
    if bench.leads:
        run.write_tensors(stage.name, cpu_state(bench.network))
    return _close_stage(bench, best, stage=stage.name, began=began)


def _close_stage(bench: Bench, best: BestModel | None, *, stage: str, began: float) -> Checkpoint:
    bench.sink.emit(StageFinished(stage, round(time.monotonic() - began, 3)))
    order: list[str] = [*bench.recipe.stages, EVALUATE]
    following = order[order.index(stage) + 1]
    state = cpu_state(bench.network)
    checkpoint = Checkpoint(following, 0, state, {}, bench.log.size(), EpochSums(), best)
    if bench.leads:
        save_checkpoint(bench.checkpoint_path, checkpoint)
    bench.compute.ranks.wait()  # what this stage wrote, the next one of every rank may read
    return checkpoint
