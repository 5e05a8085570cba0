"""The state a run resumes from: weights, optimizer, update number, sums of the epoch, best model so far.

Orders, augmentation and dropout depend on the seed and the update number alone, so there is no generator to
save, and a resumed run equals one that was never interrupted.
"""

from __future__ import annotations

import io
import pickle
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cxr_shared.files import write_bytes
from cxr_trainer.errors import RunError

_FORMAT = 1


@dataclass(slots=True)
class EpochSums:
    """Sums over the epoch's updates so far; on a device until they are reported, so that no update waits."""

    loss: float | Tensor = 0.0
    updates: int = 0
    correct: int | Tensor = 0
    films: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class BestModel:
    """The best epoch so far, over both training stages: highest validation AUC, then lowest loss."""

    stage: str
    epoch: int
    auc: float
    loss: float
    state: dict[str, Tensor]

    def beaten_by(self, auc: float, loss: float) -> bool:
        """Whether another epoch's validation figures are better."""
        return (auc, -loss) > (self.auc, -self.loss)


@dataclass(slots=True)
class Checkpoint:
    """Everything needed to go on from an update of a stage."""

    stage: str
    update: int
    network: dict[str, Tensor]
    optimizer: dict[str, Any]
    log_bytes: int
    sums: EpochSums = field(default_factory=EpochSums)
    best: BestModel | None = None


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write `checkpoint` to `path` atomically: after a crash the earlier one is whole."""
    buffer = io.BytesIO()
    fields = {
        "format": _FORMAT,
        **{name: getattr(checkpoint, name) for name in ("stage", "update", "network", "optimizer", "log_bytes")},
        "sums": asdict(checkpoint.sums),
        "best": None if checkpoint.best is None else {n: getattr(checkpoint.best, n) for n in BestModel.__slots__},
    }
    torch.save(fields, buffer)
    write_bytes(path, buffer.getvalue())


def load_checkpoint(path: Path) -> Checkpoint | None:
    """Read a checkpoint, None where there is none.

    Raises
    ------
    RunError
        It is damaged or of another version.
    """
    if not path.exists():
        return None
    try:
        fields = torch.load(path, map_location="cpu", weights_only=True)
        if fields.pop("format") != _FORMAT:
            raise ValueError("it is of another version")
        fields["sums"] = EpochSums(**fields["sums"])
        fields["best"] = None if fields["best"] is None else BestModel(**fields["best"])
        return Checkpoint(**fields)
    except (
        OSError,
        RuntimeError,
        ValueError,
        KeyError,
        TypeError,
        EOFError,
        pickle.UnpicklingError,
    ) as error:
        raise RunError(f"The checkpoint {path} cannot be read ({error}). Fit again.") from error
