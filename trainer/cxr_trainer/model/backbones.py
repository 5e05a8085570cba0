"""Backbones of timm, as the paper used them."""

from __future__ import annotations

from functools import partial
from typing import Any

from timm.models import EfficientNet
from timm.models._efficientnet_builder import decode_arch_def, round_channels  # timm's own way to a width
from torch import nn

from cxr_trainer.model.head import KERAS_BN_EPS

_TIMM_NAMES = {"mobilenetv1": "mobilenetv1_100"}
# MobileNetV1's 13 depthwise separable blocks (Howard et al. 2017, Table 1), in timm's notation.
_MOBILENET_V1 = [
    ["dsa_r1_k3_s1_c64"],
    ["dsa_r2_k3_s2_c128"],
    ["dsa_r2_k3_s2_c256"],
    ["dsa_r6_k3_s2_c512"],
    ["dsa_r2_k3_s2_c1024"],
]


def build_backbone(architecture: str, *, width: float, output_stride: int) -> Any:  # noqa: ANN401  (untyped in timm)
    """Build a timm backbone without classifier, randomly initialised, that pads as Keras does.

    Parameters
    ----------
    architecture
        The recipe's name.
    width
        MobileNet's width multiplier, 1 in the paper.
    output_stride
        Input pixels for each pixel of the last feature map.

    Returns
    -------
    torch.nn.Module
        With `forward_features` (N, 3, S, S) → (N, num_features, S / output_stride, S / output_stride). At width 1
        its state dict is that of timm's ``mobilenetv1_100``.
    """
    del architecture  # one so far; the recipe's schema refuses others
    return EfficientNet(
        block_args=decode_arch_def(_MOBILENET_V1),  # type: ignore[no-untyped-call]
        num_classes=0,
        num_features=0,
        global_pool="",
        stem_size=32,
        round_chs_fn=partial(round_channels, multiplier=width),
        norm_layer=partial(nn.BatchNorm2d, eps=KERAS_BN_EPS),
        act_layer=nn.ReLU6,
        pad_type="same",
        output_stride=output_stride,
    )


def hub_name(architecture: str) -> str:
    """Name of the ImageNet weights on timm's hub."""
    return _TIMM_NAMES[architecture]
