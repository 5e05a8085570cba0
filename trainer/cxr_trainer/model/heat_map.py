"""The heat map of a network: the contribution of each place to the logit.

In eval mode the head is affine in the pooled features, ``logit = w·mean(F) + b``, so ``w·F + b`` at every place has
exactly that logit as its mean. Taking the average normal film's map N away and putting its mean back leaves the mean
alone: ``map = w·F + b - N + mean(N)``.
"""

from __future__ import annotations

import torch
from torch import Tensor

from cxr_trainer.model.head import AffineHead, fold
from cxr_trainer.model.network import Network


def map_terms(head: AffineHead, normal_map: Tensor) -> tuple[Tensor, Tensor]:
    """``map = weight·F + offset`` of an eval-mode head.

    Parameters
    ----------
    head
        The head.
    normal_map
        (h, w): the mean map of normal films (see `cxr_trainer.evaluate.normal_map`); a (1, 1) zero takes none away.

    Returns
    -------
    tuple of Tensor
        Weight (features,) and offset (h, w), float32, on the CPU.
    """
    weight, bias = fold(head)
    level = normal_map.double().cpu()
    return weight.to(torch.float32), (bias + level.mean() - level).to(torch.float32)


def heat_maps(network: Network, normal_map: Tensor, films: Tensor) -> Tensor:
    """Maps, float32 (n, h, w) in logit units on the CPU, whose means are the films' logits.

    Parameters
    ----------
    network
        A trained network in eval mode.
    normal_map
        As for `map_terms`.
    films
        uint8 (n, 1, S, S), on the network's device.
    """
    weight, offset = map_terms(network.head, normal_map)
    with torch.inference_mode():
        features = network.features(films).float()
        return torch.einsum("nchw,c->nhw", features, weight.to(features.device)).cpu() + offset
