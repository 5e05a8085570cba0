"""What is measured: a contender trains for one round of the same films and says how long it took."""

from __future__ import annotations

import contextlib
import importlib.util
from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from cxr_trainer.data.pixel_file import PixelFile
from cxr_trainer.fit.device import DeviceName
from cxr_trainer.recipe import Recipe


@dataclass(frozen=True, slots=True, eq=False)
class Workload:
    """What every contender trains on.

    Attributes
    ----------
    recipe
        Architecture, input size, batch size and augmentation.
    device
        Where to compute.
    paths
        The n films' files, which the stock recipe decodes at every epoch.
    labels
        (n,) float32, 0 or 1, both present.
    rows
        (n,) int64, the films' rows in `pixels`.
    pixels
        The films decoded once.
    folder
        For what a contender writes.
    """

    recipe: Recipe
    device: DeviceName
    paths: tuple[str, ...]
    labels: npt.NDArray[np.float32]
    rows: npt.NDArray[np.int64]
    pixels: PixelFile
    folder: Path


@dataclass(frozen=True, slots=True)
class Round:
    """One round's outcome.

    Attributes
    ----------
    films
        Films trained on.
    seconds
        From the first of them to the end of the last update.
    starvation
        Share of that time, 0..1, in which the next batch was waited for or made ready.
    resident_mb
        The training process's largest resident memory so far, in MB; loader processes not included. None where the
        system does not say.
    device_mb
        The most the card held, in MB; None on a CPU.
    """

    films: int
    seconds: float
    starvation: float
    resident_mb: float | None
    device_mb: float | None

    @property
    def films_per_second(self) -> float:
        """Films trained on in a second."""
        return self.films / self.seconds


class Contender(Protocol):
    """Something that trains."""

    @abstractmethod
    def train(self) -> Round:
        """Train for one epoch's films."""


def synchronize(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def memory_peaks(device: torch.device) -> tuple[float | None, float | None]:
    """`Round.resident_mb` and `Round.device_mb` of this process."""
    card = torch.cuda.max_memory_allocated(device) / 1e6 if device.type == "cuda" else None
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024 / 1e6, card
    if importlib.util.find_spec("resource") is None:  # Windows
        return None, card
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, card  # macOS counts bytes
