"""The paper's backbones: MobileNetV1, AlexNet and DenseNet-121, each without its classifier."""

from __future__ import annotations

from typing import Any

from cxr_trainer.model.backbones.geometry import cell_grid
from cxr_trainer.model.backbones.imagenet import build_alexnet, build_densenet121
from cxr_trainer.model.backbones.mobilenet import build_mobilenet, start_local
from cxr_trainer.model.backbones.scaling import Scaling, input_scaling
from cxr_trainer.recipe import Architecture

__all__ = ["Scaling", "build_backbone", "cell_grid", "input_scaling", "start_local"]


def build_backbone(
    architecture: Architecture,
    *,
    width: float = 1.0,
    output_stride: int = 32,
    shallow: bool = False,
) -> Any:  # noqa: ANN401  (timm's and torchvision's modules are untyped)
    """Build a backbone without classifier, randomly initialised.

    Parameters
    ----------
    architecture
        The recipe's name.
    width, output_stride, shallow
        Variants of MobileNet (`build_mobilenet`); the others have none, and the recipe's schema refuses them.

    Returns
    -------
    torch.nn.Module
        With `num_features` and `forward_features`: (N, 3, S, S) scaled as `input_scaling` says → (N, num_features,
        h, w), which at S = 224 is (1024, 7, 7) for MobileNet and DenseNet and (256, 6, 6) for AlexNet.
    """
    if architecture == "mobilenetv1":
        return build_mobilenet(width=width, output_stride=output_stride, shallow=shallow)
    if (width, output_stride, shallow) != (1.0, 32, False):
        raise ValueError(f"{architecture} has no variants of width, output stride or depth")
    return build_alexnet() if architecture == "alexnet" else build_densenet121()
