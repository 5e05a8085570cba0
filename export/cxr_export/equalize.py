"""Channels brought to one range before a whole tensor gets one scale.

An activation tensor is quantized with one scale, so a channel that never exceeds a tenth of the tensor's range keeps
three of its eight bits fewer. Between two convolutions a channel may be scaled up in the first and down in the second,
and the model stays what it was (Nagel et al. 2019, "Data-free quantization", §4.1). Where the second is depthwise both
scales vanish in those of its per-channel weights, and the whole range is used; where it mixes channels its weights
would become more uneven, and the square root is the even compromise.

A clip at 6 stays above all that calibration films show; beyond that INT8 saturates anyway.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import onnx

from cxr_export.editing import EditableModel, FloatFilms, Floats

_ACTIVATIONS: Final = frozenset({"Clip", "Relu"})
_LARGEST: Final = 1000.0


class _Pair(NamedTuple):
    before: onnx.NodeProto
    between: str
    after: onnx.NodeProto


def equalize(edited: EditableModel, films: FloatFilms) -> None:
    """Scale, in place, the channels between each convolution and the next that alone reads it.

    Parameters
    ----------
    edited
        The model.
    films
        What it is fed: calibration films, float32 (n, S, S).
    """
    pairs = _pairs(edited)
    tops = _tops(edited, [pair.between for pair in pairs], films)
    for pair in pairs:
        top = tops[pair.between]
        scale = np.clip(np.divide(top.max(), top, out=np.ones_like(top), where=top > 0), 1.0, _LARGEST)
        _, weight, bias = pair.before.input
        following = edited.weights(pair.after.input[1])
        depthwise = following.shape[1] == 1
        scale = scale if depthwise else np.sqrt(scale)
        edited.replace(weight, edited.weights(weight) * scale[:, None, None, None])
        edited.replace(bias, edited.weights(bias) * scale)
        inner = scale[:, None, None, None] if depthwise else scale[None, :, None, None]
        edited.replace(pair.after.input[1], following / inner)


def _pairs(edited: EditableModel) -> list[_Pair]:
    """Convolutions with nothing but an activation between, the last one aside: it is not quantized."""
    found = []
    for after in edited.convolutions[:-1]:
        activation = edited.producer(after.input[0])
        if activation is None or activation.op_type not in _ACTIVATIONS:
            continue
        before = edited.producer(activation.input[0])
        alone = edited.read_once(activation.input[0]) and edited.read_once(activation.output[0])
        if before is not None and before.op_type == "Conv" and alone:
            found.append(_Pair(before, activation.output[0], after))
    return found


def _tops(edited: EditableModel, names: list[str], films: FloatFilms) -> dict[str, Floats]:
    """Largest value of each channel of each tensor."""
    tops: dict[str, Floats] = {}
    for tensors in edited.flow(names, films):
        for name, values in tensors.items():
            top = values.max(axis=(0, 2, 3)).astype(np.float64)
            tops[name] = np.maximum(tops.get(name, top), top)
    return tops
