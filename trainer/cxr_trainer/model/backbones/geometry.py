"""Where the cells of a feature map look, from the strides and paddings of the layers."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from cxr_shared.heat_map import CellGrid

_LAYERS = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)


@dataclass
class _Axis:
    """Centre of what the first cell sees, and the distance to the next, both in input pixels."""

    first: float = 0.5
    step: int = 1

    def enter(self, layer: Any, size: int) -> None:  # noqa: ANN401  (convolutions and pools share these attributes)
        """Go on through a layer whose input has `size` rows."""
        from timm.layers.conv2d_same import Conv2dSame

        kernel, stride, dilation, padding = (
            _one(getattr(layer, name, 1)) for name in ("kernel_size", "stride", "dilation", "padding")
        )
        reach = dilation * (kernel - 1)
        if isinstance(layer, Conv2dSame):  # TensorFlow's rule: what is odd goes to the right
            padding = max((-(-size // stride) - 1) * stride + reach + 1 - size, 0) // 2
        self.first += self.step * (reach / 2 - padding)
        self.step *= stride


def cell_grid(backbone: Any, size: int) -> CellGrid:  # noqa: ANN401  (timm's and torchvision's modules are untyped)
    """Find where the cells of the last feature map look, for an input of `size` × `size` pixels.

    What a cell sees is centred where its window is, border aside; a layer of stride 1 that pads evenly moves nothing.
    So layers are followed in the order in which they run, which holds for branches as long as these do not move
    centres themselves, as DenseNet's do not.
    """
    axis = _Axis()
    shape = copy.deepcopy(backbone).to("meta").eval()
    for layer in shape.modules():
        if isinstance(layer, _LAYERS):
            layer.register_forward_pre_hook(lambda each, given: axis.enter(each, given[0].shape[-1]))
    with torch.no_grad():
        features: Tensor = shape.forward_features(torch.empty(1, 3, size, size, device="meta"))
    cells = features.shape[-1]
    middle = axis.first + axis.step * (cells - 1) / 2
    return CellGrid(shift=middle / size * cells - cells / 2, pitch=axis.step / size * cells)


def _one(value: int | tuple[int, ...]) -> int:
    """Of a square layer's setting."""
    return value if isinstance(value, int) else value[0]
