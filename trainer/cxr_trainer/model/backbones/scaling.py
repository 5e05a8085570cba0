"""How grey levels enter a backbone: as its ImageNet weights were trained."""

from __future__ import annotations

from typing import NamedTuple

from cxr_trainer.recipe import Architecture


class Scaling(NamedTuple):
    """``level / divisor − offset`` for each channel, of grey levels 0..255; one entry stands for all three."""

    divisor: tuple[float, ...]
    offset: tuple[float, ...]


_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)
# Keras's mode 'tf': 0..255 to -1..1.
_MOBILENET = Scaling((127.5,), (1.0,))
# torchvision's, which is Keras's mode 'torch'.
_TORCHVISION = Scaling(
    tuple(255.0 * std for std in _IMAGENET_STD),
    tuple(mean / std for mean, std in zip(_IMAGENET_MEAN, _IMAGENET_STD, strict=True)),
)


def input_scaling(architecture: Architecture) -> Scaling:
    """Return the scaling of an architecture's input."""
    return _MOBILENET if architecture == "mobilenetv1" else _TORCHVISION
