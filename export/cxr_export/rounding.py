"""Weights rounded to their 7-bit grid so that the convolution's output changes least.

The nearest grid value is best for each weight alone, not for their sum: neighbouring pixels are alike, so the errors of
a kernel's nine weights add up to a shift of the whole channel. Of the 2⁹ ways to round a kernel of one channel up or
down, the one with the least mean squared error of the output on calibration films is found by trying all (the exact
solution of what Nagel et al. 2020, "Up or down? Adaptive rounding", approach by gradients). Kernels that mix channels
are rounded to the nearest. What error remains on the average goes into the bias (Nagel et al. 2019, §4.2).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import onnx

from cxr_export.editing import EditableModel, FloatFilms, Floats, attribute

GRID: Final = 64
"""Largest weight in steps: onnxruntime's range of 7-bit int8, -64 to 64."""
_TRIED_TAPS: Final = 9
_ON_GRID: Final = 1e-4


class Rounded(NamedTuple):
    """A convolution's weights on their grid, in float, and the bias that goes with them."""

    weight: Floats
    bias: Floats


class _Seen(NamedTuple):
    """Of what a convolution reads: mean of each channel (in,) or tap (in, taps); second moments (in, taps, taps)."""

    mean: Floats
    moments: Floats | None


def round_weights(edited: EditableModel, films: FloatFilms) -> dict[str, Rounded]:
    """Round every convolution's weights but the last one's.

    Parameters
    ----------
    edited
        The model; it is not changed.
    films
        What it is fed: calibration films, float32 (n, S, S).

    Returns
    -------
    dict
        By the name of the node.
    """
    seen = _look(edited, films)
    rounded = {}
    for node in edited.convolutions[:-1]:
        weight, bias = (edited.weights(name) for name in node.input[1:])
        top = np.abs(weight).max(axis=(1, 2, 3), keepdims=True)
        step = np.where(top > 0, top / GRID, 1.0)
        exact = (weight / step).reshape(*weight.shape[:2], -1)
        moments = seen[node.name].moments
        whole = np.rint(exact) if moments is None else _best(exact[:, 0], moments)[:, None]
        error = (whole - exact) * step.reshape(-1, 1, 1)
        on_grid = (whole * step.reshape(-1, 1, 1)).reshape(weight.shape)
        rounded[node.name] = Rounded(on_grid, bias - _shift(error, seen[node.name]))
    return rounded


def apply(edited: EditableModel, rounded: Mapping[str, Rounded]) -> None:
    """Put rounded weights and their biases into the model."""
    for node in edited.convolutions:
        if node.name in rounded:
            edited.replace(node.input[1], rounded[node.name].weight)
            edited.replace(node.input[2], rounded[node.name].bias)


def _best(exact: Floats, moments: Floats) -> Floats:
    """Rounding of each kernel (channels, taps), in steps, with the least ``eᵀ·moments·e``."""
    nearest = np.rint(exact)
    fixed = np.abs(exact - nearest) < _ON_GRID
    low, high = np.where(fixed, nearest, np.floor(exact)), np.where(fixed, nearest, np.ceil(exact))
    up = np.array(list(itertools.product((False, True), repeat=exact.shape[1])))
    tried = np.where(up[None], high[:, None], low[:, None])
    error = tried - exact[:, None]
    cost = np.einsum("cak,cak->ca", error @ np.broadcast_to(moments, (len(exact), *moments.shape[1:])), error)
    best: Floats = tried[np.arange(len(exact)), cost.argmin(axis=1)]
    return best


def _shift(error: Floats, seen: _Seen) -> Floats:
    """Mean change of each output channel by an error of the weights (out, in, taps), the border aside."""
    if seen.moments is not None:
        return np.asarray((error[:, 0] * seen.mean).sum(axis=1))
    if error.shape[1] == 1:
        return np.asarray(error.sum(axis=(1, 2)) * seen.mean)
    return np.asarray(error.sum(axis=2) @ seen.mean)


def _look(edited: EditableModel, films: FloatFilms) -> dict[str, _Seen]:
    """What each convolution but the last reads, averaged over films and places."""
    nodes = edited.convolutions[:-1]
    tried = {node.name for node in nodes if _few_taps(edited.weights(node.input[1]))}
    totals: dict[str, tuple[Floats, Floats | float]] = {}
    for tensors in edited.flow(list(dict.fromkeys(node.input[0] for node in nodes)), films):
        for node in nodes:
            values = tensors[node.input[0]]
            mean, moments = _taps(values, node) if node.name in tried else (_means(values), 0.0)
            before = totals.get(node.name, (0.0, 0.0))
            totals[node.name] = (before[0] + len(values) * mean, before[1] + len(values) * moments)
    return {
        name: _Seen(mean / len(films), np.asarray(moments / len(films)) if name in tried else None)
        for name, (mean, moments) in totals.items()
    }


def _few_taps(weight: Floats) -> bool:
    return weight.shape[1] == 1 and int(weight[0].size) <= _TRIED_TAPS


def _means(values: npt.NDArray[np.float32]) -> Floats:
    """(channels,) of (n, channels, h, w)."""
    return np.asarray(values.mean(axis=(0, 2, 3), dtype=np.float64))


def _taps(values: npt.NDArray[np.float32], node: onnx.NodeProto) -> tuple[Floats, Floats]:
    """Mean (channels, taps) and second moments (channels, taps, taps) of what each tap of a kernel reads."""
    top, left, bottom, right = attribute(node, "pads", (0, 0, 0, 0))
    down, across = attribute(node, "strides", (1, 1))
    padded = np.pad(values, ((0, 0), (0, 0), (top, bottom), (left, right)))
    kernel = attribute(node, "kernel_shape", (3, 3))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel, (2, 3))[:, :, ::down, ::across]
    taps = windows.transpose(1, 4, 5, 0, 2, 3).reshape(values.shape[1], kernel[0] * kernel[1], -1)
    moments = (taps @ taps.transpose(0, 2, 1)).astype(np.float64) / taps.shape[2]
    return taps.mean(axis=2, dtype=np.float64), moments
