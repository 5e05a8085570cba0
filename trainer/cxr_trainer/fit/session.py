"""A whole run, from a folder of films to metrics and a report, begun or gone on with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from cxr_shared.files import remove_unfinished
from cxr_trainer.data.prepare import PreparedFilms, prepare_films
from cxr_trainer.data.split import write_split
from cxr_trainer.errors import RunError
from cxr_trainer.fit.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from cxr_trainer.fit.device import Compute, DeviceName, choose_compute
from cxr_trainer.fit.events import EventLog, Fanout, NoLog, RunStarted, Sink, TimingLog
from cxr_trainer.fit.outcome import finish_run
from cxr_trainer.fit.run import Run
from cxr_trainer.fit.setup import Stop, cache_progress, cohort_event, make_bench, new_network, require_same_split
from cxr_trainer.fit.stages import EVALUATE, run_stages
from cxr_trainer.fit.tensorboard import TensorBoardLog, stage_starts
from cxr_trainer.model.network import cpu_state
from cxr_trainer.recipe import Recipe, StageName
from cxr_trainer.recipe_files import load_recipe


def fit(  # noqa: PLR0913  (each named)
    recipe: Recipe,
    *,
    data: Path,
    out: Path,
    name: str | None = None,
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
    name
        Its name, which nothing there may have; by default target and time.
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
    sinks = list(sinks) if compute.ranks.leads else []
    # Before the films, which may take an hour to read: weights that cannot be had are told at once.
    state = cpu_state(new_network(recipe)) if compute.ranks.leads else {}
    films = _prepare(data, recipe, compute, sinks=sinks, stop=stop)
    run = Run(compute.ranks.tell(_new_run(recipe, films, compute, state=state, data=data, out=out, name=name)))
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
    compute = choose_compute(session["device"])
    if compute.ranks.leads:
        remove_unfinished(run.folder)
        _change_recipe(run, overrides or {})
    compute.ranks.wait()
    recipe = run.recipe()
    sinks = list(sinks) if compute.ranks.leads else []
    films = _prepare(Path(session["data"]), recipe, compute, sinks=sinks, stop=stop)
    require_same_split(run, films)
    _go_on(run, recipe=recipe, films=films, compute=compute, sinks=sinks, stop=stop, pause_before=pause_before)
    return run


def _prepare(data: Path, recipe: Recipe, compute: Compute, *, sinks: Iterable[Sink], stop: Stop) -> PreparedFilms:
    """Prepare the films, on the leading rank first, so that the others find the cache filled."""
    if not compute.ranks.leads:
        compute.ranks.wait()
    films = prepare_films(data, recipe, progress=cache_progress(sinks, stop))
    if compute.ranks.leads:
        compute.ranks.wait()
    return films


def _new_run(
    recipe: Recipe,
    films: PreparedFilms,
    compute: Compute,
    *,
    state: dict[str, Tensor],
    data: Path,
    out: Path,
    name: str | None,
) -> Path | None:
    """Folder of a new run with its split and first checkpoint; None on ranks that do not lead."""
    if not compute.ranks.leads:
        return None
    run = Run.create(out, recipe, data=data, device=compute.device.type, name=name)
    write_split(run.folder / "split.parquet", films.split)
    save_checkpoint(run.checkpoint_path, Checkpoint(recipe.stages[0], 0, state, {}, log_bytes=0))
    return run.folder


def _change_recipe(run: Run, overrides: Mapping[str, Any]) -> None:
    """Lay `overrides` over the run's recipe."""
    if not overrides:
        return
    fixed = [name for name in overrides if not name.startswith(("clr.", "range_test."))]
    checkpoint = load_checkpoint(run.checkpoint_path)
    if fixed or checkpoint is None or _clr_has_begun(checkpoint):
        what = fixed[0] if fixed else next(iter(overrides))
        raise RunError(f"{what} of {run.folder} can no longer be changed: stages trained with it. Fit again.")
    run.write_recipe(load_recipe(run.target, file=run.recipe_path, overrides=overrides))


def _clr_has_begun(checkpoint: Checkpoint) -> bool:
    return checkpoint.stage == EVALUATE or (checkpoint.stage == "clr" and bool(checkpoint.optimizer))


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
    log = EventLog(run.events_path, keep=checkpoint.log_bytes) if compute.ranks.leads else NoLog()
    own: list[Sink] = [log]
    if compute.ranks.leads:
        own += [TimingLog(run.timings_path), _tensorboard(run, recipe, films, checkpoint)]
    sink = Fanout([*own, *sinks])
    resumed = checkpoint.log_bytes > 0
    sink.emit(RunStarted(recipe.target.value, str(run.folder), compute.description, resumed))
    if not resumed:
        sink.emit(cohort_event(films, recipe))
    bench = make_bench(recipe, films, compute, sink=sink, log=log, checkpoint_path=run.checkpoint_path, stop=stop)
    bench.network.load_state_dict(checkpoint.network)
    checkpoint = run_stages(run, bench, checkpoint, pause_before=pause_before)
    if checkpoint.stage == EVALUATE and compute.ranks.leads:
        assert checkpoint.best is not None
        finish_run(run, bench, films, checkpoint.best)
    compute.ranks.wait()


def _tensorboard(run: Run, recipe: Recipe, films: PreparedFilms, checkpoint: Checkpoint) -> TensorBoardLog:
    starts = stage_starts(recipe, films=int((films.split["part"] == "train").sum()))
    since = starts[checkpoint.stage] + checkpoint.update
    return TensorBoardLog(run.folder / "tensorboard", starts=starts, since=since)
