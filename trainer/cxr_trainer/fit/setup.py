"""What a run or a range test needs before its first update: network, films on the device, the split it must find."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd
import torch

from cxr_trainer.data.batches import part_films
from cxr_trainer.data.prepare import PreparedFilms
from cxr_trainer.data.split import split_hash
from cxr_trainer.errors import RunError
from cxr_trainer.fit.device import Compute
from cxr_trainer.fit.events import CachingFilms, CohortReady, EventLog, Fanout, NoLog, Sink
from cxr_trainer.fit.loop import Bench, Stopped
from cxr_trainer.fit.run import Run
from cxr_trainer.model.network import Network, initialised
from cxr_trainer.model.weights import load_weights
from cxr_trainer.parallel import normalise_over_ranks
from cxr_trainer.recipe import Recipe

Stop = Callable[[], bool]


def new_network(recipe: Recipe) -> Network:
    """Network with the recipe's initial weights, on the CPU; WeightsError where they cannot be had."""
    network = initialised(recipe.model, bn_momentum=0.99, seed=recipe.seed)
    load_weights(network, weights=recipe.model.weights, architecture=recipe.model.architecture)
    return network


def make_bench(
    recipe: Recipe,
    films: PreparedFilms,
    compute: Compute,
    *,
    sink: Sink,
    log: EventLog | NoLog,
    checkpoint_path: Path,
    stop: Stop,
) -> Bench:
    """Films and a network of unset weights on the device."""
    train = part_films(films.split, films.pixels, part="train", device=compute.device)
    validation = part_films(films.split, films.pixels, part="validation", device=compute.device)
    network = Network(recipe.model, bn_momentum=0.99).to(compute.device)
    if compute.ranks.count > 1:
        normalise_over_ranks(network.backbone)
    if compute.channels_last:
        network = network.to(memory_format=torch.channels_last)
    return Bench(recipe, compute, network, train, validation, sink, log, checkpoint_path, stop)


def cohort_event(films: PreparedFilms, recipe: Recipe) -> CohortReady:
    """What is to be told of the films."""
    return CohortReady(films.counts(), recipe.split.kind, films.notes, films.leak.sentence, len(films.refusals))


def require_same_split(run: Run, films: PreparedFilms) -> None:
    """Raise RunError unless `films` are divided as they were when `run` began."""
    if split_hash(pd.read_parquet(run.folder / "split.parquet")) != films.sha256:
        raise RunError(f"The films of {run.folder} have changed since it was started. Fit again.")


def cache_progress(sinks: Iterable[Sink], stop: Stop) -> Callable[[int, int], None]:
    """Tell `sinks` how many films were read; raises Stopped when `stop` says so."""
    fanout = Fanout(sinks)

    def progress(done: int, total: int) -> None:
        fanout.emit(CachingFilms(done, total))
        if stop():
            raise Stopped

    return progress
