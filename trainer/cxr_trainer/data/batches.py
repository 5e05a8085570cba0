"""Batches of a cohort: which films an update sees, and their pixels on the device."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from cxr_trainer.data.augment import batch_seed
from cxr_trainer.data.pixel_file import PixelFile

_COPIED_AT_ONCE = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Films:
    """Pixels and labels of one part of a split.

    Attributes
    ----------
    pixels
        (rows, S, S) uint8: the cache, or on a GPU this part's own films, resident on the card.
    rows
        (n,) int64: row of each film in `pixels`.
    labels
        (n,) float32, 0 or 1, on the device.
    """

    pixels: PixelFile | npt.NDArray[np.uint8] | Tensor
    rows: npt.NDArray[np.int64]
    labels: Tensor

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def size(self) -> int:
        """Side of a film in pixels."""
        return int(self.pixels.shape[-1])

    def label(self, indices: npt.NDArray[np.int64]) -> Tensor:
        """Return the labels, float32 (n,), of films `indices`, on the device."""
        return self.labels[torch.from_numpy(indices).to(self.labels.device)]

    def batch(self, indices: npt.NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Return the pixels, uint8 (n, 1, S, S), and labels, float32 (n,), of films `indices`, on the device."""
        labels = self.label(indices)
        rows = self.rows[indices]
        if isinstance(self.pixels, Tensor):
            return self.pixels[torch.from_numpy(rows).to(self.pixels.device)].unsqueeze(1), labels
        return torch.from_numpy(np.ascontiguousarray(self.pixels[rows])).unsqueeze(1), labels


def part_films(split: pd.DataFrame, pixels: PixelFile, *, part: str, device: torch.device) -> Films:
    """Take one part of a split whose ``row`` column points into the cache's `pixels`.

    On a GPU the part's films are copied onto the card once: 18,847 films of 224² take 0.95 GB.
    """
    chosen = split[split["part"] == part]
    rows = chosen["row"].to_numpy(dtype=np.int64)
    labels = torch.tensor(chosen["label"].to_numpy(dtype=np.float32), device=device)
    if device.type == "cpu":
        return Films(pixels, rows, labels)
    resident = torch.empty((len(rows), *pixels.shape[1:]), dtype=torch.uint8, device=device)
    for start in range(0, len(rows), _COPIED_AT_ONCE):
        part_of = slice(start, start + _COPIED_AT_ONCE)
        resident[part_of] = torch.from_numpy(pixels[rows[part_of]]).to(device)
    return Films(resident, np.arange(len(rows), dtype=np.int64), labels)


@dataclass(frozen=True, slots=True)
class BatchOrder:
    """A new order of the films at each epoch, from the seed and the update number alone.

    Attributes
    ----------
    films
        Number of films.
    batch_size
        Films an update; the last of an epoch has what is left, as in Keras, but a single film left over joins
        the batch before it, since batch normalisation cannot train on one.
    seed
        Decides the orders.
    """

    films: int
    batch_size: int
    seed: int

    @property
    def batches(self) -> int:
        """Updates an epoch: ceil(films / batch_size), one less where a single film would be left over."""
        whole, left = divmod(self.films, self.batch_size)
        return max(1, whole + (left > 1))

    def indices(self, update: int) -> npt.NDArray[np.int64]:
        """Films of `update`; within an epoch each film occurs once."""
        epoch, position = divmod(update, self.batches)
        order = np.random.default_rng([self.seed, epoch]).permutation(self.films)
        last = position == self.batches - 1
        return order[position * self.batch_size : None if last else (position + 1) * self.batch_size]


__all__ = ["BatchOrder", "Films", "batch_seed", "part_films"]
