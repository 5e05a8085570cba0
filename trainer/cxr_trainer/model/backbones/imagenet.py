"""AlexNet and DenseNet-121 of torchvision, down to their last feature map."""

from __future__ import annotations

from torch import Tensor, nn


class FeatureNet(nn.Module):
    """The `features` of a torchvision classifier, under torchvision's names.

    Parameters
    ----------
    features
        (N, 3, S, S) → (N, num_features, h, w).
    num_features
        Channels of the last feature map.
    last
        What torchvision applies between its `features` and the pooling.
    """

    def __init__(self, features: nn.Module, *, num_features: int, last: nn.Module | None = None) -> None:
        super().__init__()
        self.features = features
        self.num_features = num_features
        self._last = last or nn.Identity()

    def forward_features(self, x: Tensor) -> Tensor:
        """Last feature map."""
        result: Tensor = self._last(self.features(x))
        return result


def build_alexnet() -> FeatureNet:
    """AlexNet (Krizhevsky 2014, as torchvision has it) before its pooling and its three dense layers.

    The paper's head takes their place: averaged, each cell's features count alike, and the map stays exact.
    """
    from torchvision.models import alexnet

    return FeatureNet(alexnet(weights=None).features, num_features=256)


def build_densenet121() -> FeatureNet:
    """DenseNet-121 (Huang et al. 2017) with its last batch normalisation and the ReLU after it."""
    from torchvision.models import densenet121

    network = densenet121(weights=None)
    return FeatureNet(network.features, num_features=network.classifier.in_features, last=nn.ReLU())
