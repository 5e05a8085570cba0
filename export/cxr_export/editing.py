"""An ONNX model in hand: its convolutions, weights by name, and what flows between its nodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from cxr_export.session import open_session

_BATCH = 8
Floats = npt.NDArray[np.float64]
FloatFilms = npt.NDArray[np.float32]


class EditableModel:
    """A float32 model whose weights are read and replaced by name.

    Parameters
    ----------
    model
        It is changed in place. Convolutions without a bias get one of zeros.

    Attributes
    ----------
    model
        As given.
    convolutions
        Convolution nodes in the order in which they run.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
        self._tensors = {tensor.name: tensor for tensor in model.graph.initializer}
        for node in self.convolutions:
            if len(node.input) == 2:
                node.input.append(f"{node.name}.bias")
                bias = np.zeros(self._tensors[node.input[1]].dims[0], np.float32)
                model.graph.initializer.append(numpy_helper.from_array(bias, node.input[2]))
                self._tensors[node.input[2]] = model.graph.initializer[-1]

    def copy(self) -> EditableModel:
        """Copy that shares nothing with this one."""
        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        return EditableModel(model)

    def weights(self, name: str) -> Floats:
        """An initializer in float64."""
        return numpy_helper.to_array(self._tensors[name]).astype(np.float64)

    def replace(self, name: str, values: npt.ArrayLike) -> None:
        """Replace an initializer by float32 values of the same shape."""
        self._tensors[name].CopyFrom(numpy_helper.from_array(np.asarray(values, np.float32), name))

    def producer(self, name: str) -> onnx.NodeProto | None:
        """The node whose output a tensor is; None for inputs and initializers."""
        return next((node for node in self.model.graph.node if name in node.output), None)

    def read_once(self, name: str) -> bool:
        """Whether a single node reads a tensor."""
        return Counter(each for node in self.model.graph.node for each in node.input)[name] == 1

    def flow(self, names: Sequence[str], films: FloatFilms) -> Iterator[dict[str, npt.NDArray[np.float32]]]:
        """Tensors by their names, for one batch of `films` after the other."""
        watched = onnx.ModelProto()
        watched.CopyFrom(self.model)
        for name in names:
            watched.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
        session: Any = open_session(watched.SerializeToString())
        for start in range(0, len(films), _BATCH):
            found = session.run(list(names), {"film": films[start : start + _BATCH]})
            yield dict(zip(names, found, strict=True))


def serialized(model: onnx.ModelProto) -> bytes:
    """Bytes of a model, the same for the same model."""
    return bytes(model.SerializeToString(deterministic=True))


def attribute(node: onnx.NodeProto, name: str, default: Sequence[int]) -> tuple[int, ...]:
    """A node's list of integers."""
    return next((tuple(each.ints) for each in node.attribute if each.name == name), tuple(default))
