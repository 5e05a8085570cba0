"""The map of an average normal film: what every film has in common, and so no evidence about any.

Borders, padding and the usual anatomy give each place of the map its own level. Taking the average normal film's map
away, and its mean back, leaves the mean, and so the logit, exactly as it was.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from cxr_trainer.data.batches import Films
from cxr_trainer.model.head import fold
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
    network.eval()
    weight, bias = fold(network.head)
    weight = weight.to(films.labels.device, torch.float32)
    normal = np.flatnonzero(films.labels.cpu().numpy() == 0).astype(np.int64)
    total: Tensor | None = None
    with torch.inference_mode():
        for start in range(0, len(normal), _BATCH):
            pixels, _ = films.batch(normal[start : start + _BATCH])
            maps = torch.einsum("nchw,c->hw", network.features(pixels).float(), weight).double()
            total = maps if total is None else total + maps
    assert total is not None
    return (total / len(normal) + float(bias)).float().cpu()
