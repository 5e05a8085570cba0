"""Batch normalisations folded into the convolutions before them."""

from __future__ import annotations

from typing import Any

from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights


class _Features(nn.Module):
    """What `fx` traces: the backbone down to its last feature map."""

    def __init__(self, backbone: Any) -> None:  # noqa: ANN401  (timm's and torchvision's modules are untyped)
        super().__init__()
        self.backbone = backbone

    def forward(self, film: Tensor) -> Tensor:
        result: Tensor = self.backbone.forward_features(film)
        return result


class _LayerTracer(fx.Tracer):
    """Stops at every layer: timm's convolutions ask for their input's size, which has no value while tracing."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:  # noqa: ARG002  (torch's names)
        return isinstance(m, nn.BatchNorm2d) or not any(m.children())


def fold_batch_norms(backbone: Any) -> None:  # noqa: ANN401
    """Fold, in place, each batch normalisation whose input is one convolution's output and nobody else's.

    What follows a concatenation, as most of DenseNet's do, has no convolution of its own before it and stays.

    Parameters
    ----------
    backbone
        In eval mode, with `forward_features`; in float64 the folding itself rounds nothing that matters.
    """
    from timm.layers.norm_act import BatchNormAct2d

    for convolution, name in _pairs(backbone):
        norm = backbone.get_submodule(name)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        convolution.weight, convolution.bias = fuse_conv_bn_weights(
            convolution.weight, convolution.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
        )
        rest = nn.Sequential(norm.drop, norm.act) if isinstance(norm, BatchNormAct2d) else nn.Identity()
        backbone.set_submodule(name, rest)


def _pairs(backbone: Any) -> list[tuple[nn.Conv2d, str]]:  # noqa: ANN401
    """Convolutions, and the name of the batch normalisation that alone reads each."""
    root = _Features(backbone)
    modules = dict(root.named_modules())
    found = []
    for node in _LayerTracer().trace(root).nodes:
        if node.op != "call_module" or not isinstance(modules[node.target], nn.BatchNorm2d):
            continue
        before = node.args[0]
        layer = modules.get(before.target) if before.op == "call_module" else None
        if isinstance(layer, nn.Conv2d) and len(before.users) == 1:
            found.append((layer, node.target.removeprefix("backbone.")))
    return found
