"""A whole run: decay → range test → CLR retraining of what the decay stage left → evaluation (paper §§5-7)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from cxr_shared.files import write_json
from cxr_trainer.data.batches import BatchOrder, part_films
from cxr_trainer.data.prepare import PreparedFilms, prepare_films
from cxr_trainer.data.split import split_hash, write_split
from cxr_trainer.errors import RangeTestError, RunError
from cxr_trainer.fit.checkpoint import BestModel, Checkpoint, EpochSums, load_checkpoint, save_checkpoint
from cxr_trainer.fit.device import Compute, DeviceName, choose_compute
from cxr_trainer.fit.events import (
    CachingFilms,
    CohortReady,
    EventLog,
    Fanout,
    RangeTestFinished,
    RunStarted,
    Sink,
    StageFinished,
    StageStarted,
    TimingLog,
)
from cxr_trainer.fit.finder import range_test_updates, run_range_test
from cxr_trainer.fit.loop import Bench, Stage, Stopped, run_stage
from cxr_trainer.fit.optimizers import build_optimizer
from cxr_trainer.fit.outcome import finish_run
from cxr_trainer.fit.run import Run
from cxr_trainer.model.network import Network, cpu_state, initialised
from cxr_trainer.model.weights import load_weights
from cxr_trainer.range_test import BASE_SHARE
from cxr_trainer.recipe import ClrSection, Recipe, StageName
from cxr_trainer.recipe_files import load_recipe
from cxr_trainer.schedule import (
    Constant,
    Decay,
    Schedule,
    exp_range,
    modified_triangular2,
    triangular,
    triangular2,
)

Stop = Callable[[], bool]
_EVALUATE = "evaluate"


def fit(
    recipe: Recipe,
    *,
    data: Path,
    out: Path,
    device: DeviceName = "auto",
    sinks: Iterable[Sink] = (),
    stop: Stop = lambda: False,
    pause_before: StageName | None = None,
) -> Run:
    """Run the stages of `recipe` on the films in `data`, into a new run directory below `out`.

    Parameters
    ----------
    recipe
        What to do.
    data
        Folder with NIH's label file and images.
    out
        Where the run directory is made.
    device
        Where to compute.
    sinks
        Take the run's events, after its own log.
    stop
        Asked after each update.
    pause_before
        Return, unfinished, when this stage is next; copies of the run may then go on in different ways.

    Raises
    ------
    Stopped
        `stop` said so; `resume` goes on from there.
    CxrError
        As the steps do.
    """
    compute = choose_compute(device)
    state = cpu_state(_new_network(recipe))
    films = prepare_films(data, recipe, progress=_cache_progress(sinks, stop))
    run = Run.create(out, recipe, data=data, device=compute.device.type)
    write_split(run.folder / "split.parquet", films.split)
    save_checkpoint(run.checkpoint_path, Checkpoint(recipe.stages[0], 0, state, {}, log_bytes=0))
    _go_on(run, recipe=recipe, films=films, compute=compute, sinks=sinks, stop=stop, pause_before=pause_before)
    return run


def resume(
    run: Run,
    *,
    overrides: Mapping[str, Any] | None = None,
    sinks: Iterable[Sink] = (),
    stop: Stop = lambda: False,
    pause_before: StageName | None = None,
) -> Run:
    """Go on with an unfinished run, on the same films and kind of device, as if it had never stopped.

    Parameters
    ----------
    run
        The run.
    overrides
        Recipe fields to change before its CLR stage begins: ``clr.*`` and ``range_test.*``.
    sinks, stop, pause_before
        As for `fit`.

    Raises
    ------
    RunError
        It is finished, its films have changed since, or a field may no longer be changed.
    """
    if run.finished():
        raise RunError(f"{run.folder} is complete. Nothing to resume.")
    session = run.session()
    recipe = _changed_recipe(run, overrides or {})
    compute = choose_compute(session["device"])
    films = prepare_films(Path(session["data"]), recipe, progress=_cache_progress(sinks, stop))
    _require_same_split(run, films)
    _go_on(run, recipe=recipe, films=films, compute=compute, sinks=sinks, stop=stop, pause_before=pause_before)
    return run


def _changed_recipe(run: Run, overrides: Mapping[str, Any]) -> Recipe:
    """The run's recipe with `overrides`, written back where there are any."""
    if not overrides:
        return run.recipe()
    fixed = [name for name in overrides if not name.startswith(("clr.", "range_test."))]
    checkpoint = load_checkpoint(run.checkpoint_path)
    if fixed or checkpoint is None or _clr_has_begun(checkpoint):
        what = fixed[0] if fixed else next(iter(overrides))
        raise RunError(f"{what} of {run.folder} can no longer be changed: stages trained with it. Fit again.")
    recipe = load_recipe(run.target, file=run.recipe_path, overrides=overrides)
    run.write_recipe(recipe)
    return recipe


def _clr_has_begun(checkpoint: Checkpoint) -> bool:
    return checkpoint.stage == "evaluate" or (checkpoint.stage == "clr" and bool(checkpoint.optimizer))


def clr_schedule(clr: ClrSection, *, max_lr: float, base_lr: float, batches: int) -> Schedule:
    """Schedule of the CLR stage; `batches` is the updates of an epoch, so a step is `step_epochs` times that."""
    step_size = max(1, round(clr.step_epochs * batches))
    if clr.policy == "constant":
        return Constant(max_lr)
    if clr.policy == "decay":
        return Decay(max_lr, 1.0 / (clr.epochs * batches))
    if clr.policy == "exp_range":
        return exp_range(base_lr=base_lr, max_lr=max_lr, step_size=step_size, gamma=clr.gamma)
    shapes = {
        "triangular": triangular,
        "triangular2": triangular2,
        "modified_triangular2": modified_triangular2,
    }
    return shapes[clr.policy](base_lr=base_lr, max_lr=max_lr, step_size=step_size)


def _go_on(
    run: Run,
    *,
    recipe: Recipe,
    films: PreparedFilms,
    compute: Compute,
    sinks: Iterable[Sink],
    stop: Stop,
    pause_before: StageName | None = None,
) -> None:
    """Do whatever the checkpoint says is left to do."""
    checkpoint = load_checkpoint(run.checkpoint_path)
    if checkpoint is None:
        raise RunError(f"{run.folder} has no checkpoint to resume from. Fit again.")
    log = EventLog(run.events_path, keep=checkpoint.log_bytes)
    sink = Fanout([log, TimingLog(run.timings_path), *sinks])
    resumed = checkpoint.log_bytes > 0
    sink.emit(RunStarted(recipe.target.value, str(run.folder), compute.description, resumed))
    if not resumed:
        sink.emit(_cohort_event(films, recipe))
    bench = _bench(run, recipe, films, compute, sink=sink, log=log, stop=stop)
    bench.network.load_state_dict(checkpoint.network)
    work = {"decay": _decay_stage, "range_test": _range_test_stage, "clr": _clr_stage}
    while checkpoint.stage != _EVALUATE:
        if checkpoint.stage == pause_before:
            return
        checkpoint = work[checkpoint.stage](run, bench, checkpoint)
    assert checkpoint.best is not None
    finish_run(run, bench, films, checkpoint.best)


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
    detail = f"rates {section.start:g} to {section.end:g}"
    bench.sink.emit(StageStarted("range_test", range_test_updates(bench), detail))
    result = run_range_test(bench)
    fields = asdict(result)
    # JSON has no NaN; a loss that was none is null.
    fields |= {name: [v if math.isfinite(v) else None for v in fields[name]] for name in ("losses", "smoothed")}
    write_json(run.folder / "range_test.json", fields)
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
    detail = f"{clr.policy} between {base_lr:.3g} and {max_lr:.3g}, {clr.epochs} epochs"
    return _train(run, bench, stage, checkpoint, detail=detail)


def _train(run: Run, bench: Bench, stage: Stage, checkpoint: Checkpoint, *, detail: str) -> Checkpoint:
    began = time.monotonic()
    if checkpoint.update == 0 and checkpoint.sums.updates == 0:
        bench.sink.emit(StageStarted(stage.name, stage.updates, detail))
    else:
        stage.optimizer.load_state_dict(checkpoint.optimizer)
    best = run_stage(bench, stage, checkpoint)
    run.write_tensors(stage.name, cpu_state(bench.network))
    return _close_stage(bench, best, stage=stage.name, began=began)


def _close_stage(bench: Bench, best: BestModel | None, *, stage: str, began: float) -> Checkpoint:
    bench.sink.emit(StageFinished(stage, round(time.monotonic() - began, 3)))
    order: list[str] = [*bench.recipe.stages, _EVALUATE]
    following = order[order.index(stage) + 1]
    state = cpu_state(bench.network)
    checkpoint = Checkpoint(following, 0, state, {}, bench.log.size(), EpochSums(), best)
    save_checkpoint(bench.checkpoint_path, checkpoint)
    return checkpoint


def _new_network(recipe: Recipe) -> Network:
    """Network with the recipe's initial weights, before anything is written."""
    network = initialised(recipe.model, bn_momentum=0.99, seed=recipe.seed)
    load_weights(network, weights=recipe.model.weights, architecture=recipe.model.architecture)
    return network


def _bench(
    run: Run, recipe: Recipe, films: PreparedFilms, compute: Compute, *, sink: Sink, log: EventLog, stop: Stop
) -> Bench:
    train = part_films(films.split, films.pixels, part="train", device=compute.device)
    validation = part_films(films.split, films.pixels, part="validation", device=compute.device)
    network = Network(recipe.model, bn_momentum=0.99).to(compute.device)
    if compute.channels_last:
        network = network.to(memory_format=torch.channels_last)
    return Bench(recipe, compute, network, train, validation, sink, log, run.checkpoint_path, stop)


def _cohort_event(films: PreparedFilms, recipe: Recipe) -> CohortReady:
    return CohortReady(films.counts(), recipe.split.kind, films.notes, films.leak.sentence, len(films.refusals))


def _require_same_split(run: Run, films: PreparedFilms) -> None:
    if split_hash(pd.read_parquet(run.folder / "split.parquet")) != films.sha256:
        raise RunError(f"The films of {run.folder} have changed since it was started. Fit again.")


def _cache_progress(sinks: Iterable[Sink], stop: Stop) -> Callable[[int, int], None]:
    fanout = Fanout(sinks)

    def progress(done: int, total: int) -> None:
        fanout.emit(CachingFilms(done, total))
        if stop():
            raise Stopped

    return progress
