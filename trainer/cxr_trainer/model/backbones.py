"""Backbones of timm, as the paper used them."""

from __future__ import annotations

from typing import Any

import timm

from cxr_trainer.model.head import KERAS_BN_EPS

_TIMM_NAMES = {"mobilenetv1": "mobilenetv1_100"}


def build_backbone(architecture: str, *, output_stride: int) -> Any:  # noqa: ANN401  (timm's classes are untyped)
    """Build a timm backbone without classifier, randomly initialised, that pads as Keras does.

    Returns
    -------
    torch.nn.Module
        With `forward_features` (N, 3, S, S) → (N, num_features, S / output_stride, S / output_stride).
    """
    return timm.create_model(
        _TIMM_NAMES[architecture],
        pretrained=False,
        num_classes=0,
        global_pool="",
        pad_type="same",
        bn_eps=KERAS_BN_EPS,
        output_stride=output_stride,
    )


def hub_name(architecture: str) -> str:
    """Name of the ImageNet weights on timm's hub."""
    return _TIMM_NAMES[architecture]
