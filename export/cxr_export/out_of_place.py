"""Activations that write into their input, which torch's exporter takes long over."""

from __future__ import annotations

from torch import nn


def set_out_of_place(network: nn.Module) -> None:
    """Let every activation of a network return a new tensor, in place of overwriting its input.

    The exporter makes each operation out of place itself, by running a decomposition of it in Python; this takes more
    than half of the time that a MobileNet needs. The graph is the same.
    """
    for module in network.modules():
        if isinstance(getattr(module, "inplace", None), bool):
            module.inplace = False  # type: ignore[assignment]
