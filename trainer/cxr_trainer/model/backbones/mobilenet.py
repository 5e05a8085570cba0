"""MobileNetV1 of timm's parts, padding as Keras does."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import nn

from cxr_trainer.model.activation import ReLU6
from cxr_trainer.model.head import KERAS_BN_EPS

# MobileNetV1's 13 depthwise separable blocks (Howard et al. 2017, Table 1), in timm's notation.
_MOBILENET_V1 = [
    ["dsa_r1_k3_s1_c64"],
    ["dsa_r2_k3_s2_c128"],
    ["dsa_r2_k3_s2_c256"],
    ["dsa_r6_k3_s2_c512"],
    ["dsa_r2_k3_s2_c1024"],
]
# Without its five repeated blocks of 512 channels (the same, Table 5).
_SHALLOW_MOBILENET_V1 = [*_MOBILENET_V1[:3], ["dsa_r1_k3_s2_c512"], *_MOBILENET_V1[4:]]


def build_mobilenet(*, width: float, output_stride: int, shallow: bool) -> Any:  # noqa: ANN401  (timm is untyped)
    """Build MobileNetV1 without classifier, randomly initialised.

    Parameters
    ----------
    width
        MobileNet's width multiplier, 1 in the paper.
    output_stride
        Input pixels for each pixel of the last feature map; below 32 the last strides are left out, without the
        dilation that would make up for them, so that each pixel keeps to its own surroundings.
    shallow
        MobileNet without its five repeated blocks of 512 channels.

    Returns
    -------
    torch.nn.Module
        With `forward_features` (N, 3, S, S) → (N, num_features, S / output_stride, S / output_stride). At width 1
        its state dict is that of timm's ``mobilenetv1_100``.
    """
    from timm.models import EfficientNet
    from timm.models._efficientnet_builder import decode_arch_def, round_channels  # timm's own way to a width

    backbone = EfficientNet(
        block_args=decode_arch_def(_SHALLOW_MOBILENET_V1 if shallow else _MOBILENET_V1),  # type: ignore[no-untyped-call]
        num_classes=0,
        num_features=0,
        global_pool="",
        stem_size=32,
        round_chs_fn=partial(round_channels, multiplier=width),
        norm_layer=partial(nn.BatchNorm2d, eps=KERAS_BN_EPS),
        act_layer=ReLU6,
        pad_type="same",
        output_stride=output_stride,
    )
    for convolution in _depthwise(backbone):
        if convolution.dilation != (1, 1):
            convolution.dilation, convolution.padding = (1, 1), (1, 1)
    return backbone


def start_local(backbone: nn.Module) -> None:
    """Start every depthwise kernel near the identity: what a pixel sees then grows only as training asks for it.

    For random initial weights. Kernels of Keras's initialiser see a third of a small film at once, and the heat map
    of a network trained from them is smeared.
    """
    with torch.no_grad():
        for convolution in _depthwise(backbone):
            convolution.weight.normal_(std=0.1)
            convolution.weight[:, :, 1, 1] += 1.0


def _depthwise(backbone: nn.Module) -> list[nn.Conv2d]:
    return [each for each in backbone.modules() if isinstance(each, nn.Conv2d) and each.groups > 1]
