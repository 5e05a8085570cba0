"""In-place activations, which torch's ONNX exporter is slow to convert."""

from __future__ import annotations

from torch import nn


def set_out_of_place(network: nn.Module) -> None:
    """Let every activation of a network return a new tensor instead of overwriting its input.

    The exporter converts each in-place operation by a decomposition in Python, which takes more than half of a
    MobileNet's export. The exported operators are the same.
    """
    for module in network.modules():
        if isinstance(getattr(module, "inplace", None), bool):
            module.inplace = False  # type: ignore[assignment]
