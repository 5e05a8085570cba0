"""The paper's head: dropout, four linear Dense + BN pairs, Dense 1, with Keras's regularisation (paper §4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

KERAS_BN_EPS = 1e-3


@dataclass(frozen=True, slots=True)
class Penalties:
    """Factors of the regularisation losses of each hidden Dense layer, as Keras defines them.

    The kernel pays ``l1·Σ|w| + l2·Σw²``, the bias ``bias_l2·Σb²``, the output ``activity_l2·Σy² / batch``.
    """

    kernel_l1: float = 0.001
    kernel_l2: float = 0.01
    bias_l2: float = 0.01
    activity_l2: float = 0.001


class HeadOutput(NamedTuple):
    """Logits (N,) float32 and the outputs of the hidden Dense layers, for their activity penalty."""

    logit: Tensor
    activities: tuple[Tensor, ...]


class KerasBatchNorm1d(nn.BatchNorm1d):
    """Batch normalisation whose moving variance averages the biased variance, as Keras's does on (N, units)."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  (torch's name)
        """Normalise (N, units) by the batch in training, by the moving averages otherwise."""
        if not self.training:
            return super().forward(input)
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.momentum is not None
        with torch.no_grad():
            variance, mean = torch.var_mean(input, dim=0, correction=0)
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance, self.momentum)
        return nn.functional.batch_norm(input, None, None, self.weight, self.bias, training=True, eps=self.eps)


class AffineHead(nn.Module):
    """Pooled features (N, features) → logits (N,).

    The hidden layers are linear, so in eval mode the head is one affine map of the features.

    Parameters
    ----------
    features
        Width of the pooled features.
    units
        Widths of the hidden Dense layers; (250, 50, 10, 2) in the paper.
    dropout
        Share of pooled features dropped in training.
    bn_momentum
        Keras's BN momentum: the share of a moving average that is kept.
    """

    def __init__(self, features: int, *, units: tuple[int, ...], dropout: float, bn_momentum: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        widths = (features, *units)
        self.dense = nn.ModuleList(nn.Linear(a, b) for a, b in zip(widths, units, strict=False))
        self.norm = nn.ModuleList(
            KerasBatchNorm1d(width, eps=KERAS_BN_EPS, momentum=1.0 - bn_momentum) for width in units
        )
        self.logit = nn.Linear(widths[-1], 1)
        for layer in (*self.dense, self.logit):
            assert isinstance(layer, nn.Linear)
            nn.init.xavier_uniform_(layer.weight)  # Keras's glorot_uniform
            nn.init.zeros_(layer.bias)

    def forward(self, pooled: Tensor) -> HeadOutput:
        """Return logits and hidden activities."""
        value = self.dropout(pooled)
        activities = []
        for dense, norm in zip(self.dense, self.norm, strict=True):
            value = dense(value)
            activities.append(value)
            value = norm(value)
        return HeadOutput(self.logit(value).squeeze(1), tuple(activities))

    def penalties(self, output: HeadOutput, factors: Penalties) -> list[Tensor]:
        """Return Keras's losses: kernel, bias and activity of each hidden Dense layer in turn (scalars)."""
        losses: list[Tensor] = []
        for dense, activity in zip(self.dense, output.activities, strict=True):
            assert isinstance(dense, nn.Linear)
            weight = dense.weight
            kernel = factors.kernel_l1 * weight.abs().sum() + factors.kernel_l2 * weight.square().sum()
            bias = factors.bias_l2 * dense.bias.square().sum()
            losses += [kernel, bias, factors.activity_l2 * activity.square().sum() / len(activity)]
        return losses


def fold(head: AffineHead) -> tuple[Tensor, Tensor]:
    """Fold an eval-mode head into one affine map: ``logit = pooled @ weight + bias``.

    Returns
    -------
    tuple of Tensor
        Weight (features,) and bias (), float64, on the CPU.
    """
    with torch.no_grad():
        weight = torch.eye(_linear(head.dense[0]).in_features, dtype=torch.float64)
        bias = torch.zeros(weight.shape[0], dtype=torch.float64)
        for dense, norm in zip(head.dense, head.norm, strict=True):
            weight, bias = _after_dense(_linear(dense), weight, bias)
            assert isinstance(norm, nn.BatchNorm1d)
            weight, bias = _after_norm(norm, weight, bias)
        weight, bias = _after_dense(head.logit, weight, bias)
    return weight[0], bias[0]


def _after_dense(layer: nn.Linear, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    own = layer.weight.double().cpu()
    return own @ weight, own @ bias + layer.bias.double().cpu()


def _after_norm(norm: nn.BatchNorm1d, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight.double().cpu() / torch.sqrt(norm.running_var.double().cpu() + norm.eps)
    shift = norm.bias.double().cpu() - norm.running_mean.double().cpu() * scale
    return scale[:, None] * weight, scale * bias + shift


def _linear(module: nn.Module) -> nn.Linear:
    assert isinstance(module, nn.Linear)
    return module
