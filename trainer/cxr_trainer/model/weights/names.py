"""Names of tensors, brought to those of timm and torchvision today."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

# DenseNets saved before torchvision 0.2 name the parts of a layer norm.1, conv.1, norm.2, conv.2.
_OLD_DENSENET = re.compile(r"(\bdenselayer\d+\.(?:norm|conv))\.([12])(?=\.)")


def torch_names(state: Mapping[str, Tensor], *, first: str) -> dict[str, Tensor]:
    """Rename old DenseNets' tensors and leave out what stands before every name, such as ``backbone.`` or ``module.``.

    Parameters
    ----------
    state
        Tensors by name.
    first
        A name that the backbone's own state dict has; where none of `state` ends in it, nothing is left out.
    """
    renamed = {_OLD_DENSENET.sub(r"\1\2", name): tensor for name, tensor in state.items()}
    prefix = next((name.removesuffix(first) for name in renamed if f".{name}".endswith(f".{first}")), "")
    return {name.removeprefix(prefix): tensor for name, tensor in renamed.items() if name.startswith(prefix)}
