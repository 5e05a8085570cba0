"""The exported form of a network: the head folded into one 1×1 convolution over the last feature map.

In eval mode the head is affine in the pooled features, ``logit = w·mean(F) + b``. Averaging is linear too, so
``map = w·F + b`` at every position has exactly that logit as its mean: the heat map is no approximation. From the
map its average over normal films is taken away and that average's mean put back, which leaves the mean alone.
"""

from __future__ import annotations

from torch import Tensor, nn

from cxr_export.gate import GateDistance
from cxr_trainer.model.heat_map import map_terms
from cxr_trainer.model.network import Network


class FoldedNetwork(nn.Module):
    """uint8 (N, S, S) → logit float32 (N,), map float32 (N, h, w) in logit units, ``mean(map) = logit``.

    Parameters
    ----------
    network
        A trained network; it is put into eval mode on the CPU and shared, not copied.
    normal_map
        (h, w) float32: the mean map of normal films.
    gate
        Where given, the film gate's distance, float32 (N,), is a third output.
    """

    def __init__(self, network: Network, normal_map: Tensor, *, gate: GateDistance | None = None) -> None:
        super().__init__()
        self.network = network.eval().cpu()
        weight, offset = map_terms(network.head, normal_map)
        self.register_buffer("weight", weight.reshape(1, -1, 1, 1))
        self.register_buffer("offset", offset.unsqueeze(0))
        self.gate = gate

    def forward(self, film: Tensor) -> tuple[Tensor, ...]:
        """Return logit, map and, with a gate, the distance."""
        features = self.network.features(film.unsqueeze(1))
        heat = nn.functional.conv2d(features, self.get_buffer("weight")).squeeze(1) + self.get_buffer("offset")
        logit = heat.mean(dim=(1, 2))
        return (logit, heat) if self.gate is None else (logit, heat, self.gate(features.mean(dim=(2, 3))))
