"""What a fit would do, before it does it: its films, its updates, and how long they take here."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import torch

from cxr_shared.film import Film, read_film
from cxr_shared.pixels import model_input
from cxr_trainer.data.batches import BatchOrder, Films
from cxr_trainer.data.catalog import read_catalog
from cxr_trainer.data.cohort import build_cohort
from cxr_trainer.data.split import PARTS, measure_leak, split_cohort
from cxr_trainer.evaluate.predict import predict
from cxr_trainer.fit.device import Compute, DeviceName, choose_compute
from cxr_trainer.fit.events import Fanout, NoLog
from cxr_trainer.fit.finder import updates_of_range_test
from cxr_trainer.fit.loop import Bench, Stage, draw_batch, update_once
from cxr_trainer.fit.optimizers import build_optimizer
from cxr_trainer.model.network import Network, initialised
from cxr_trainer.recipe import Recipe, StageName
from cxr_trainer.schedule import Constant

_TIMED_UPDATES: Final = 3
_TIMED_FILMS: Final = 4
_MODELS_IN_A_RUN: Final = 8
"""Copies of the weights that a run directory holds at most: three models, and a checkpoint with network, optimizer
(two moments), best model and its half-written successor."""


@dataclass(frozen=True, slots=True)
class StagePlan:
    """A stage's updates, and an estimate of how long it takes."""

    name: StageName
    epochs: int
    updates: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What a fit would do.

    Attributes
    ----------
    recipe
        As it would be used.
    counts
        Films by part and label.
    notes, leak
        Sentences on the cohort, and on patients on both sides of the split.
    stages
        Each stage's updates and estimated seconds.
    films, seconds_to_read
        Films of the cohort, and how long reading all of them takes; those in the cache are not read again.
    cache_bytes, run_bytes
        Disk for the cohort in the cache, and for the run directory.
    device
        In words.
    """

    recipe: Recipe
    counts: dict[str, tuple[int, int]]
    notes: tuple[str, ...]
    leak: str
    stages: tuple[StagePlan, ...]
    films: int
    seconds_to_read: float
    cache_bytes: int
    run_bytes: int
    device: str


def plan_fit(recipe: Recipe, *, data: Path, device: DeviceName = "auto") -> Plan:
    """Choose the films of a fit and time a few updates on noise; nothing is written and no weights are fetched.

    Raises
    ------
    CxrError
        As a fit's first steps do.
    """
    catalog = read_catalog(data)
    cohort = build_cohort(catalog, recipe.target, recipe.cohort, seed=recipe.split.seed)
    split = split_cohort(cohort.films, recipe.split, root=data)
    compute = choose_compute(device)
    network = initialised(recipe.model.model_copy(update={"weights": "none"}), bn_momentum=0.99, seed=0)
    sizes = {part: int((split["part"] == part).sum()) for part in PARTS}
    stages = tuple(_stage(name, recipe, network, compute, sizes=sizes) for name in recipe.stages)
    weights = sum(value.numel() * value.element_size() for value in network.state_dict().values())
    return Plan(
        recipe=recipe,
        counts={part: _count(split, part) for part in PARTS},
        notes=cohort.notes,
        leak=measure_leak(split).sentence,
        stages=stages,
        films=len(split),
        seconds_to_read=_seconds_a_film(list(split["path"]), recipe) * len(split) / (os.cpu_count() or 1),
        cache_bytes=len(split) * recipe.input.size**2,
        run_bytes=_MODELS_IN_A_RUN * weights,
        device=compute.description,
    )


def _count(split: pd.DataFrame, part: str) -> tuple[int, int]:
    labels = split.loc[split["part"] == part, "label"]
    return int((labels == 1).sum()), int((labels == 0).sum())


def _seconds_a_film(paths: list[str], recipe: Recipe) -> float:
    began, read = time.perf_counter(), 0
    for path in paths[:_TIMED_FILMS]:
        film = read_film(Path(path))
        if isinstance(film, Film):
            model_input(film, recipe.input)
            read += 1
    return (time.perf_counter() - began) / max(read, 1)


def _stage(name: StageName, recipe: Recipe, network: Network, compute: Compute, *, sizes: dict[str, int]) -> StagePlan:
    section = recipe.decay if name == "decay" else recipe.clr
    batches = BatchOrder(sizes["train"], section.batch_size, recipe.seed).batches
    update, forward = _seconds(recipe, network, compute, batch=min(section.batch_size, sizes["train"]))
    if name == "range_test":
        updates = updates_of_range_test(recipe, batches)
        return StagePlan(name, math.ceil(updates / batches), updates, updates * (update + forward))
    updates = section.epochs * batches
    validation = forward * sizes["validation"] / section.batch_size
    return StagePlan(name, section.epochs, updates, updates * update + section.epochs * validation)


def _seconds(recipe: Recipe, network: Network, compute: Compute, *, batch: int) -> tuple[float, float]:
    """Seconds of an update and of a forward pass of `batch` films of noise."""
    side = recipe.input.size
    pixels = np.random.default_rng(0).integers(0, 256, (batch, side, side), dtype=np.uint8)
    labels = torch.arange(batch, device=compute.device).remainder(2).float()
    films = Films(torch.from_numpy(pixels).to(compute.device), np.arange(batch, dtype=np.int64), labels)
    network = network.to(compute.device).to(memory_format=torch.channels_last).train()
    bench = Bench(recipe, compute, network, films, films, Fanout([]), NoLog(), Path(), lambda: False)
    optimizer = build_optimizer(recipe.decay.optimizer, network.parameters(), lr=1e-6, momentum=0.9)
    stage = Stage("decay", Constant(1e-6), optimizer, BatchOrder(batch, batch, 0), 1)

    def update() -> None:
        drawn = draw_batch(bench, stage, 0)
        float(update_once(bench, stage, network=network, update=0, batch=drawn).total)

    return _time(update), _time(lambda: predict(network, films))


def _time(work: Callable[[], object]) -> float:
    work()  # the first call also allocates and chooses algorithms
    began = time.perf_counter()
    for _ in range(_TIMED_UPDATES):
        work()
    return (time.perf_counter() - began) / _TIMED_UPDATES
