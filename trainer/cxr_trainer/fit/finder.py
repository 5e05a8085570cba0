"""Running the range test: on a copy, so that it leaves no trace in the model, its BN or the generators."""

from __future__ import annotations

import math

import torch

from cxr_trainer.data.batches import BatchOrder
from cxr_trainer.fit.events import Updated
from cxr_trainer.fit.loop import Bench, Stage, Stopped, compute_losses, draw_batch, update_once
from cxr_trainer.fit.optimizers import build_optimizer
from cxr_trainer.model.network import Network, clone
from cxr_trainer.range_test import LossSmoother, RangeTestResult, suggest
from cxr_trainer.recipe import Recipe
from cxr_trainer.schedule import LinearRamp, Ramp

_FEWEST_UPDATES = 100
_MOST_EPOCHS = 5
_NOT_FINITE_IN_A_ROW = 5


def run_range_test(bench: Bench) -> RangeTestResult:
    """Raise the rate at each update of a copy of `bench.network` and judge the losses (paper §6).

    Raises
    ------
    Stopped
        `bench.stop` said so; nothing is kept of the test.
    """
    section = bench.recipe.range_test
    # Seeding dropout seeds every CUDA device, also where the CPU computes.
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()  # type: ignore[no-untyped-call]
    with torch.random.fork_rng(devices=devices):
        rates, losses, diverged = _ramp(bench)
    return suggest(rates, losses, smoothing=section.smoothing, suggester=section.suggester, diverged=diverged)


def range_test_updates(bench: Bench) -> int:
    """Updates of the bench's range test."""
    return updates_of_range_test(bench.recipe, _order(bench).batches)


def updates_of_range_test(recipe: Recipe, batches: int) -> int:
    """Updates of a test of `batches` an epoch: the recipe's epochs, or as many as give 100 updates, within 1 to 5."""
    epochs = recipe.range_test.epochs
    return batches * (epochs or min(_MOST_EPOCHS, math.ceil(_FEWEST_UPDATES / batches)))


def _order(bench: Bench) -> BatchOrder:
    return BatchOrder(len(bench.train), bench.recipe.clr.batch_size, bench.recipe.seed)


def _ramp(bench: Bench) -> tuple[list[float], list[float], bool]:
    """Rates, losses, and whether the loss ran away.

    A loss here is the cross-entropy: the head's penalties shrink at any rate and would hide the minimum until
    they have settled. From each the untouched model's loss on the same batch is taken away and its mean put
    back (a control variate), so that the curve shows what the rate did and not which films came.
    """
    section = bench.recipe.range_test
    network, untouched = clone(bench.network).train(), clone(bench.network).train()
    stage, updates = _stage(bench, network)
    smoother = LossSmoother(section.smoothing)
    rates: list[float] = []
    losses: list[float] = []
    expected: list[float] = []
    for update in range(updates):
        if bench.stop():
            raise Stopped
        batch = draw_batch(bench, stage, update)
        with torch.no_grad():
            expected.append(float(compute_losses(bench, untouched, batch).entropy))
        losses.append(float(update_once(bench, stage, network=network, update=update, batch=batch).entropy))
        rates.append(stage.schedule.rate(update))
        bench.sink.emit(Updated(stage.name, update + 1, updates, rates[-1], losses[-1]))
        level = sum(expected) / len(expected)
        # Below ln 2, the loss of answering by chance, nothing has run away, however small the loss was before.
        if smoother.add(losses[-1]) > max(section.divergence * level, math.log(2.0)) or _lost(losses):
            break
    return rates, [loss - own + level for loss, own in zip(losses, expected, strict=True)], len(rates) < updates


def _stage(bench: Bench, network: Network) -> tuple[Stage, int]:
    section, clr = bench.recipe.range_test, bench.recipe.clr
    updates = range_test_updates(bench)
    name = clr.optimizer or bench.recipe.decay.optimizer
    optimizer = build_optimizer(name, network.parameters(), lr=section.start, momentum=clr.momentum)
    ramp = (LinearRamp if section.ramp == "linear" else Ramp)(section.start, section.end, updates)
    return Stage("range_test", ramp, optimizer, _order(bench), epochs=1), updates


def _lost(losses: list[float]) -> bool:
    recent = losses[-_NOT_FINITE_IN_A_ROW:]
    return len(recent) == _NOT_FINITE_IN_A_ROW and not any(map(math.isfinite, recent))
