"""A run's curves for TensorBoard: ``tensorboard --logdir runs``."""

from __future__ import annotations

from pathlib import Path

from cxr_trainer.data.batches import BatchOrder
from cxr_trainer.fit.events import EpochFinished, Event, RunFinished, Updated
from cxr_trainer.fit.stages import EVALUATE
from cxr_trainer.recipe import Recipe


class TensorBoardLog:
    """Writes rate, loss, accuracy and AUC of the training stages, at the number of updates made so far in the run.

    Parameters
    ----------
    folder
        Where TensorBoard's event files go.
    starts
        Updates of the run before each stage begins (`stage_starts`).
    since
        Updates made before this session; what an interrupted one wrote beyond them is taken back.
    """

    def __init__(self, folder: Path, *, starts: dict[str, int], since: int) -> None:
        from tensorboardX import SummaryWriter

        self._starts = starts
        self._writer = SummaryWriter(str(folder), purge_step=since + 1)

    def emit(self, event: Event) -> None:
        """Write one event's scalars."""
        match event:
            case Updated(stage=stage) if stage != "range_test":
                self._add("rate", event.rate, stage, event.update)
                self._add("loss/update", event.loss, stage, event.update)
            case EpochFinished(stage=stage):
                for name in ("loss", "accuracy"):
                    self._add(f"{name}/train", getattr(event, name), stage, event.update)
                for name in ("loss", "accuracy", "auc"):
                    self._add(f"{name}/validation", getattr(event, f"validation_{name}"), stage, event.update)
                self._writer.flush()
            case RunFinished():
                self._writer.close()

    def _add(self, name: str, value: float, stage: str, update: int) -> None:
        self._writer.add_scalar(name, value, self._starts[stage] + update)


def stage_starts(recipe: Recipe, *, films: int) -> dict[str, int]:
    """Updates that a run of `recipe` on `films` training films makes before each of its stages, and before the end."""
    starts: dict[str, int] = {}
    updates = 0
    for stage in recipe.stages:
        starts[stage] = updates
        if stage in recipe.trained_stages:
            section = recipe.decay if stage == "decay" else recipe.clr
            updates += section.epochs * BatchOrder(films, section.batch_size, recipe.seed).batches
    return {**starts, EVALUATE: updates}
