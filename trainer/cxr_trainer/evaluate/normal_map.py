"""What a heat map is read against: the map of an average normal film, and how high the maps of positive films rise.

The first is what every film has in common, and so no evidence about any.
Borders, padding and the usual anatomy give each place of the map its own level. Taking the average normal film's map
away, and its mean back, leaves the mean, and so the logit, exactly as it was.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from cxr_trainer.data.batches import Films
from cxr_trainer.model.heat_map import heat_maps
from cxr_trainer.model.network import Network

_BATCH = 32


def normal_map(network: Network, films: Films) -> Tensor:
    """Mean map, float32 (h, w) in logit units on the CPU, of the films of `films` with label 0.

    Parameters
    ----------
    network
        A trained network; it is put into eval mode.
    films
        Validation films, on the network's device, at least one of them normal.
    """
    total: Tensor | None = None
    count = 0
    for maps in _maps(network, films, label=0, normal=torch.zeros(1, 1)):
        batch = maps.double().sum(dim=0)
        total = batch if total is None else total + batch
        count += len(maps)
    assert total is not None
    return (total / count).float()


def map_peak(network: Network, films: Films, normal: Tensor) -> float:
    """Median over the films with label 1 of their map's highest value, in logit units, `normal` taken away.

    Where the colour scale of a viewer may end: an absolute scale of a few logits is full nearly everywhere on the
    film where a model's evidence is strong, and shows nothing where it is weak.

    Parameters
    ----------
    network, films
        As for `normal_map`; at least one film has label 1.
    normal
        (h, w) float32: what `normal_map` gave.
    """
    peaks = [maps.amax(dim=(1, 2)) for maps in _maps(network, films, label=1, normal=normal)]
    return float(torch.cat(peaks).quantile(0.5))


def _maps(network: Network, films: Films, *, label: int, normal: Tensor) -> Iterator[Tensor]:
    """Maps (n, h, w) of the films with `label`, in batches."""
    network.eval()
    chosen = np.flatnonzero(films.labels.cpu().numpy() == label).astype(np.int64)
    for start in range(0, len(chosen), _BATCH):
        pixels, _ = films.batch(chosen[start : start + _BATCH])
        yield heat_maps(network, normal, pixels)
