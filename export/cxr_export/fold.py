"""The exported form of a network: nothing is left of it but convolutions, activations and pools.

In eval mode the head is affine in the pooled features, ``logit = w·mean(F) + b``. Averaging is linear too, so
``map = w·F + b`` at every position has exactly that logit as its mean: the heat map is no approximation. From the
map its average over normal films is taken away and that average's mean put back, which leaves the mean alone.

Batch normalisations are folded into the convolutions before them, and normalisation and the three equal channels into
the first (`cxr_export.batch_norm`, `cxr_export.stem`), all in float64.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from cxr_export.batch_norm import fold_batch_norms
from cxr_export.gate import GateDistance
from cxr_export.out_of_place import set_out_of_place
from cxr_export.stem import GreyStem
from cxr_trainer.model.heat_map import map_terms
from cxr_trainer.model.network import Network


class FoldedNetwork(nn.Module):
    """uint8 (N, S, S) → logit float32 (N,), map float32 (N, h, w) in logit units, ``mean(map) = logit``.

    Parameters
    ----------
    network
        A trained network; it is copied.
    normal_map
        (h, w) float32: the mean map of normal films.
    size
        S.
    gate
        Where given, the film gate's distance, float32 (N,), is a third output.
    """

    def __init__(self, network: Network, normal_map: Tensor, *, size: int, gate: GateDistance | None = None) -> None:
        super().__init__()
        self.backbone = copy.deepcopy(network.backbone).cpu().double().eval()
        with torch.no_grad():
            fold_batch_norms(self.backbone)
            self._merge_channels(network, size)
        set_out_of_place(self.backbone)
        self.backbone.float()
        weight, offset = map_terms(network.head, normal_map)
        self.register_buffer("weight", weight.reshape(1, -1, 1, 1))
        self.register_buffer("offset", offset.unsqueeze(0))
        self.gate = gate
        self.eval()

    def _merge_channels(self, network: Network, size: int) -> None:
        name, first = next(each for each in self.backbone.named_modules() if isinstance(each[1], nn.Conv2d))
        divisor, offset = network.get_buffer("divisor").cpu(), network.get_buffer("offset").cpu()
        self.backbone.set_submodule(name, GreyStem(first, divisor=divisor, offset=offset, size=size))

    def features(self, film: Tensor) -> Tensor:
        """Last feature map, float32 (N, features, h, w)."""
        result: Tensor = self.backbone.forward_features(film.unsqueeze(1).to(torch.float32))
        return result

    def forward(self, film: Tensor) -> tuple[Tensor, ...]:
        """Return logit, map and, with a gate, the distance."""
        features = self.features(film)
        heat = nn.functional.conv2d(features, self.get_buffer("weight")).squeeze(1) + self.get_buffer("offset")
        logit = heat.mean(dim=(1, 2))
        return (logit, heat) if self.gate is None else (logit, heat, self.gate(features.mean(dim=(2, 3))))
