"""Our training: end to end as `fit` runs it, and the step alone."""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import torch

from cxr_trainer.bench.contender import Round, Workload, memory_peaks, synchronize
from cxr_trainer.data.batches import BatchOrder, Films
from cxr_trainer.fit.checkpoint import BestModel, Checkpoint
from cxr_trainer.fit.device import choose_compute
from cxr_trainer.fit.events import EpochFinished, Event, EventLog
from cxr_trainer.fit.loop import Bench, Stage, draw_batch, run_stage, update_once
from cxr_trainer.fit.optimizers import build_optimizer
from cxr_trainer.model.network import initialised
from cxr_trainer.schedule import Constant

_TIMED_BATCHES = 8


class _EpochSeconds:
    """Keeps how long the last epoch's updates took."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def emit(self, event: Event) -> None:
        if isinstance(event, EpochFinished):
            self.seconds = event.seconds


def _films(workload: Workload, chosen: np.ndarray[tuple[int], np.dtype[np.int64]], device: torch.device) -> Films:
    rows, labels = workload.rows[chosen], torch.from_numpy(workload.labels[chosen]).to(device)
    if device.type == "cpu":
        return Films(workload.pixels, rows, labels)
    return Films(torch.from_numpy(workload.pixels[rows]).to(device), np.arange(len(rows), dtype=np.int64), labels)


def _bench(workload: Workload, sink: _EpochSeconds) -> Bench:
    """All films to train on, and one of each label to validate on, whose time is not counted."""
    recipe, compute = workload.recipe, choose_compute(workload.device)
    network = initialised(recipe.model, bn_momentum=0.99, seed=recipe.seed).to(compute.device)
    if compute.channels_last:
        network = network.to(memory_format=torch.channels_last)
    one_of_each = np.array([np.argmin(workload.labels), np.argmax(workload.labels)], dtype=np.int64)
    return Bench(
        recipe=recipe,
        compute=compute,
        network=network.train(),
        train=_films(workload, np.arange(len(workload.rows), dtype=np.int64), compute.device),
        validation=_films(workload, one_of_each, compute.device),
        sink=sink,
        log=EventLog(workload.folder / "events.jsonl"),
        checkpoint_path=workload.folder / "checkpoint.pt",
        stop=lambda: False,
    )


def _stage(bench: Bench) -> Stage:
    decay = bench.recipe.decay
    optimizer = build_optimizer("sgd", bench.network.parameters(), lr=1e-3, momentum=decay.momentum)
    order = BatchOrder(len(bench.train), decay.batch_size, bench.recipe.seed)
    return Stage("decay", Constant(1e-3), optimizer, order, epochs=1)


class Ours:
    """`fit`'s own loop over the cache, an epoch a round; each goes on where the last one stopped."""

    def __init__(self, workload: Workload) -> None:
        self._watch = _EpochSeconds()
        self._bench = _bench(workload, self._watch)
        self._stage = _stage(self._bench)
        self._best: BestModel | None = None

    def train(self) -> Round:
        """One epoch's updates: reading, augmenting and training; validation and checkpoint are not counted."""
        bench, stage = self._bench, self._stage
        done = stage.updates - stage.order.batches
        synchronize(bench.compute.device)
        self._best = run_stage(bench, stage, Checkpoint(stage.name, done, {}, {}, 0, best=self._best))
        seconds = self._watch.seconds
        waited = self._seconds_to_draw(done) * stage.order.batches
        self._stage = dataclasses.replace(stage, epochs=stage.epochs + 1)
        return Round(len(bench.train), seconds, min(1.0, waited / seconds), *memory_peaks(bench.compute.device))

    def _seconds_to_draw(self, update: int) -> float:
        """Seconds a batch takes to be read and augmented when nothing else runs, as in the loop."""
        batches = min(self._stage.order.batches, _TIMED_BATCHES)
        began = time.perf_counter()
        for number in range(batches):
            draw_batch(self._bench, self._stage, update + number)
            synchronize(self._bench.compute.device)
        return (time.perf_counter() - began) / batches


class Ceiling:
    """Our step on a batch that never changes: what the loop would reach if films cost nothing."""

    def __init__(self, workload: Workload) -> None:
        self._bench = _bench(workload, _EpochSeconds())
        self._stage = _stage(self._bench)
        self._batch = draw_batch(self._bench, self._stage, 0)

    def train(self) -> Round:
        """As many updates as an epoch has."""
        bench, stage, device = self._bench, self._stage, self._bench.compute.device
        synchronize(device)
        began = time.perf_counter()
        for update in range(stage.order.batches):
            update_once(bench, stage, network=bench.network, update=update, batch=self._batch)
        synchronize(device)
        seconds = time.perf_counter() - began
        return Round(len(self._batch.labels) * stage.order.batches, seconds, 0.0, *memory_peaks(device))
