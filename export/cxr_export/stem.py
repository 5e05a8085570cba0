"""The first convolution over grey levels: normalisation and three equal channels folded into one.

Each of the three channels is ``level / d_c - o_c`` of the same film, so away from the border the convolution is one
over the film itself: its weights are ``W = sum_c w_c / d_c``. At the border the backbone pads with zeros *after*
normalisation, which is the grey level ``o_c · d_c``. MobileNet's is 127.5 for every channel: with that level taken away
first, zero padding means what it meant, and the merged convolution is exact. torchvision's differ by channel, and no
level stands for all three; what one level leaves is known for each place of the border and does not depend on the film,
so it is added back there.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

_ROUNDING = 1e-9


class GreyStem(nn.Module):
    """Grey levels 0..255, float32 (N, 1, S, S) → what `convolution` gives for the three scaled channels.

    Parameters
    ----------
    convolution
        Of three channels, in float64; it is copied.
    divisor, offset
        (1, 1 or 3, 1, 1): a channel is ``level / divisor - offset``.
    size
        S.

    Attributes
    ----------
    level
        The grey level that the padding stands for.
    """

    def __init__(self, convolution: nn.Conv2d, *, divisor: Tensor, offset: Tensor, size: int) -> None:
        super().__init__()
        divisor, offset = (each.double().expand(1, 3, 1, 1) for each in (divisor, offset))
        levels = (divisor * offset).flatten()
        alike = bool((levels == levels[0]).all())
        self.level = float(levels[0] if alike else levels.mean().round())
        flat = self.level / divisor - offset
        self.convolution = _merged(convolution, divisor=divisor, flat=flat)
        border = _border(convolution, flat=flat, size=size) if not alike else None
        self.register_buffer("border", border)

    def forward(self, levels: Tensor) -> Tensor:
        """Convolve."""
        result: Tensor = self.convolution(levels - self.level)
        return result if self.border is None else result + self.get_buffer("border")


def _merged(convolution: nn.Conv2d, *, divisor: Tensor, flat: Tensor) -> nn.Conv2d:
    """The convolution of one channel that has its weights scaled and summed, and what a flat film gives as bias."""
    merged = copy.deepcopy(convolution)
    merged.in_channels = 1
    merged.weight = nn.Parameter((convolution.weight / divisor).sum(dim=1, keepdim=True).detach())
    interior = (convolution.weight * flat).sum(dim=(1, 2, 3))
    own = torch.zeros_like(interior) if convolution.bias is None else convolution.bias
    merged.bias = nn.Parameter((own + interior).detach())
    return merged


def _border(convolution: nn.Conv2d, *, flat: Tensor, size: int) -> Tensor:
    """(1, channels, h, w): what padding takes from a film of the flat level; zero inside."""
    with torch.no_grad():
        given = convolution(flat.expand(1, 3, size, size))
        missing = given - given[:, :, given.shape[2] // 2, given.shape[3] // 2, None, None]
    return torch.where(missing.abs() < _ROUNDING, 0.0, missing)
