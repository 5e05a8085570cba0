"""A whole model: grey levels in, logits out, normalisation inside."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from cxr_trainer.model.backbones import build_backbone, input_scaling, start_local
from cxr_trainer.model.head import AffineHead, HeadOutput
from cxr_trainer.recipe import ModelSection


class Network(nn.Module):
    """Backbone, global average pooling and the paper's head.

    Parameters
    ----------
    section
        The recipe's model section; its `weights` are loaded by `cxr_trainer.model.weights`, not here.
    bn_momentum
        Share of a BN moving average that is kept at an update, in Keras's sense.
    """

    def __init__(self, section: ModelSection, *, bn_momentum: float) -> None:
        super().__init__()
        self.backbone = build_backbone(
            section.architecture,
            width=section.width,
            output_stride=section.output_stride,
            shallow=section.shallow,
        )
        self.head = AffineHead(
            self.backbone.num_features,
            units=section.units,
            dropout=section.dropout,
            bn_momentum=bn_momentum,
        )
        self.set_bn_momentum(bn_momentum)
        for name, values in input_scaling(section.architecture)._asdict().items():
            self.register_buffer(name, torch.tensor(values).reshape(1, -1, 1, 1), persistent=False)

    def set_bn_momentum(self, bn_momentum: float) -> None:
        """Set Keras's momentum on every BN layer."""
        for module in self.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):  # noqa: SLF001  (the common base is private)
                module.momentum = 1.0 - bn_momentum

    def features(self, films: Tensor) -> Tensor:
        """Last feature map (N, features, h, w) of grey levels 0..255, (N, 1, S, S), any dtype."""
        scaled = films.to(torch.float32) / self.get_buffer("divisor") - self.get_buffer("offset")
        result: Tensor = self.backbone.forward_features(scaled.expand(-1, 3, -1, -1))
        return result

    def forward(self, films: Tensor, gather: Callable[[Tensor], Tensor] | None = None) -> HeadOutput:
        """Logits and hidden activities of grey levels 0..255, (N, 1, S, S), any dtype.

        `gather`, where given, makes of these films' pooled features those of the whole batch.
        """
        pooled = self.features(films).float().mean(dim=(2, 3))
        if gather is not None:
            pooled = gather(pooled)
        with torch.autocast(films.device.type, enabled=False):  # the head is small, and its folding exact
            output: HeadOutput = self.head(pooled)
        return output


def initialised(section: ModelSection, *, bn_momentum: float, seed: int) -> Network:
    """Build a network whose random initial weights depend on `seed` alone; the global generator is untouched."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Network(section, bn_momentum=bn_momentum)
        if section.weights == "none" and section.architecture == "mobilenetv1":
            start_local(network.backbone)
        return network


def cpu_state(network: nn.Module) -> dict[str, Tensor]:
    """Copy of every parameter and buffer, contiguous and on the CPU."""
    return {name: value.detach().to("cpu", copy=True).contiguous() for name, value in network.state_dict().items()}


def clone(network: Network) -> Network:
    """Copy that shares no tensor with `network`."""
    copied: Any = copy.deepcopy(network)
    assert isinstance(copied, Network)
    return copied
