"""The update loop of one stage."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional
from torch.optim import Optimizer

from cxr_trainer.data.augment import apply, draw
from cxr_trainer.data.batches import BatchOrder, Films, batch_seed
from cxr_trainer.errors import TrainingDiverged
from cxr_trainer.evaluate.metrics import auc
from cxr_trainer.evaluate.predict import predict
from cxr_trainer.fit.checkpoint import BestModel, Checkpoint, EpochSums, save_checkpoint
from cxr_trainer.fit.device import Compute
from cxr_trainer.fit.events import EpochFinished, EventLog, NoLog, Sink, Updated
from cxr_trainer.fit.optimizers import set_rate
from cxr_trainer.model.head import Penalties
from cxr_trainer.model.network import Network, cpu_state
from cxr_trainer.recipe import Recipe
from cxr_trainer.schedule import Schedule

STAGE_NUMBERS: Final = {"decay": 1, "range_test": 2, "clr": 3}
"""Mixed into every seed, so that stages see other augmentations and dropout."""
_CHECKPOINT_SECONDS: Final = 60.0
_REPORT_EVERY: Final = 10


class Stopped(Exception):
    """A run stopped on request, its checkpoint written."""


@dataclass(frozen=True, slots=True, eq=False)
class Bench:
    """What every stage of a run works with."""

    recipe: Recipe
    compute: Compute
    network: Network
    train: Films
    validation: Films
    sink: Sink
    log: EventLog | NoLog
    checkpoint_path: Path
    stop: Callable[[], bool]

    @property
    def leads(self) -> bool:
        """Whether this process writes the run directory."""
        return self.compute.ranks.leads


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """One training stage: its schedule, its optimizer, its length."""

    name: str
    schedule: Schedule
    optimizer: Optimizer
    order: BatchOrder
    epochs: int

    @property
    def updates(self) -> int:
        """Updates of the whole stage."""
        return self.epochs * self.order.batches


class Batch(NamedTuple):
    """One update's films after augmentation, their labels and dropout's seed.

    `films` is float32 (n, 1, S, S), this rank's share; `labels` (N,) is of the whole batch.
    """

    films: Tensor
    labels: Tensor
    seed: int


class Losses(NamedTuple):
    """Loss with penalties () and cross-entropy (), and how many films are on the right side (), on the device."""

    total: Tensor
    entropy: Tensor
    right: Tensor


def draw_batch(bench: Bench, stage: Stage, update: int) -> Batch:
    """Films of `update`; everything random in it follows from seed, stage and update number."""
    recipe, ranks = bench.recipe, bench.compute.ranks
    indices = stage.order.indices(update)
    own = ranks.share(len(indices))
    pixels, _ = bench.train.batch(indices[own])
    labels = bench.train.label(indices)
    seed = batch_seed(recipe.seed, STAGE_NUMBERS[stage.name], update)
    generator = torch.Generator().manual_seed(seed)
    size = (bench.train.size, bench.train.size)
    transform = draw(recipe.augment, films=len(labels), size=size, generator=generator)
    augmented = apply(transform.part(own), pixels, brighten=recipe.augment.brightness != (1.0, 1.0))
    return Batch(augmented, labels, seed)


def compute_losses(bench: Bench, network: Network, batch: Batch) -> Losses:
    """Forward pass of a batch through `network`, with the head's penalties."""
    torch.manual_seed(batch.seed)  # dropout's generator
    with bench.compute.fabric.autocast():
        output = network(batch.films, gather=partial(bench.compute.ranks.gather, films=len(batch.labels)))
    entropy = functional.binary_cross_entropy_with_logits(output.logit, batch.labels)
    penalties = network.head.penalties(output, penalty_factors(bench.recipe))
    right = ((output.logit.detach() >= 0) == (batch.labels == 1)).sum()
    return Losses(entropy + torch.stack(penalties).sum(), entropy.detach(), right)


def update_once(bench: Bench, stage: Stage, *, network: Network, update: int, batch: Batch) -> Losses:
    """Make one update of `network` with the stage's optimizer and the rate of `update`."""
    set_rate(stage.optimizer, stage.schedule.rate(update))
    stage.optimizer.zero_grad(set_to_none=True)
    losses = compute_losses(bench, network, batch)
    bench.compute.fabric.backward(losses.total)
    bench.compute.ranks.sum_gradients(network.backbone)
    stage.optimizer.step()
    return losses._replace(total=losses.total.detach())


def penalty_factors(recipe: Recipe) -> Penalties:
    """The recipe's factors of the head's regularisation."""
    model = recipe.model
    return Penalties(model.kernel_l1, model.kernel_l2, model.bias_l2, model.activity_l2)


def run_stage(bench: Bench, stage: Stage, checkpoint: Checkpoint) -> BestModel:
    """Train from the checkpoint's update to the stage's end, and return the best model so far.

    Raises
    ------
    Stopped
        `bench.stop` said so; the checkpoint holds the update reached.
    TrainingDiverged
        The loss is no longer finite.
    """
    best = checkpoint.best
    sums = checkpoint.sums
    saved_at = time.monotonic()
    update = checkpoint.update
    bench.network.train()
    while update < stage.updates:
        began = time.monotonic()
        batch = draw_batch(bench, stage, update)
        losses = update_once(bench, stage, network=bench.network, update=update, batch=batch)
        update += 1
        ends_epoch = update % stage.order.batches == 0
        _add(sums, losses, len(batch.labels))
        if update % _REPORT_EVERY == 0 or ends_epoch:
            _report(bench, stage, update, losses.total)
        sums.seconds += time.monotonic() - began
        if ends_epoch:
            best = _finish_epoch(bench, stage, update, sums, best)
            sums = EpochSums()
        due = time.monotonic() - saved_at > _CHECKPOINT_SECONDS
        stopping = bench.compute.ranks.any(bench.stop())
        if ends_epoch or due or stopping:
            _save(bench, stage, update, sums, best)
            saved_at = time.monotonic()
        if stopping:
            raise Stopped
    assert best is not None  # a stage has at least one epoch
    return best


def _add(sums: EpochSums, losses: Losses, films: int) -> None:
    sums.loss = sums.loss + losses.total.double()
    sums.correct = sums.correct + losses.right
    sums.updates += 1
    sums.films += films


def _report(bench: Bench, stage: Stage, update: int, loss: Tensor) -> None:
    value = float(loss)
    _require_finite(stage, update, value)
    rate = stage.schedule.rate(update - 1)
    bench.sink.emit(Updated(stage.name, update, stage.updates, rate, value))


def _require_finite(stage: Stage, update: int, loss: float) -> None:
    if math.isfinite(loss):
        return
    name = "decay.lr0" if stage.name == "decay" else "clr.max_lr"
    raise TrainingDiverged(
        f"The loss of stage '{stage.name}' is no longer a number at update {update} of {stage.updates}. "
        f"Lower {name} and fit again."
    )


def _finish_epoch(bench: Bench, stage: Stage, update: int, sums: EpochSums, best: BestModel | None) -> BestModel:
    epoch = update // stage.order.batches
    validation = predict(bench.network, bench.validation, ranks=bench.compute.ranks)
    _require_finite(stage, update, validation.loss)
    validation_auc = auc(validation)
    bench.sink.emit(
        EpochFinished(
            stage=stage.name,
            epoch=epoch,
            update=update,
            rate=stage.schedule.rate(update - 1),
            loss=float(sums.loss) / sums.updates,
            accuracy=float(sums.correct) / sums.films,
            validation_loss=validation.loss,
            validation_accuracy=validation.accuracy,
            validation_auc=validation_auc,
            seconds=round(sums.seconds, 3),
        )
    )
    if best is None or best.beaten_by(validation_auc, validation.loss):
        return BestModel(stage.name, epoch, validation_auc, validation.loss, cpu_state(bench.network))
    return best


def _save(bench: Bench, stage: Stage, update: int, sums: EpochSums, best: BestModel | None) -> None:
    if not bench.leads:
        return
    saved = EpochSums(float(sums.loss), sums.updates, int(sums.correct), sums.films, sums.seconds)
    state, optimizer = cpu_state(bench.network), stage.optimizer.state_dict()
    checkpoint = Checkpoint(stage.name, update, state, optimizer, bench.log.size(), saved, best)
    save_checkpoint(bench.checkpoint_path, checkpoint)
