"""float16 inside, by onnxruntime's converter: for GPUs, which compute it in half the memory and faster."""

from __future__ import annotations

from typing import Any

import onnx
from onnxruntime.quantization.onnx_model import ONNXModel
from onnxruntime.transformers.float16 import convert_float_to_float16

from cxr_export.editing import serialized


def to_half(data: bytes) -> bytes:
    """ONNX bytes with weights and activations in float16, and all that follows the last feature map in float32.

    So the map's mean is the logit as closely as before, and the outputs keep their type. Grey levels less 127.5 are
    exact in float16's 11 bits.

    Parameters
    ----------
    data
        ONNX bytes in float32.

    Raises
    ------
    onnx.checker.ValidationError
        The converter wrote an invalid graph.
    """
    model = onnx.load_model_from_string(data)
    features = [node for node in model.graph.node if node.op_type == "Conv"][-1].input[0]
    tail = _cut(model.graph, features)
    # The converter's own list of nodes to leave alone would round what passes between them.
    converted: Any = convert_float_to_float16(model, keep_io_types=True)
    _join(converted.graph, tail)
    ONNXModel(converted).topological_sort()
    onnx.checker.check_model(converted, full_check=True)
    return serialized(converted)


def _cut(graph: onnx.GraphProto, features: str) -> onnx.GraphProto:
    """Take what follows a tensor out of a graph, which then gives that tensor; returns it with its weights."""
    tail, reached = onnx.GraphProto(), {features}
    for node in graph.node:  # in topological order
        if reached & set(node.input):
            reached |= set(node.output)
            tail.node.append(node)
    tail.output.extend(graph.output)
    for node in tail.node:
        graph.node.remove(node)
    tail.initializer.extend(each for each in graph.initializer if _reads(tail, each.name))
    for tensor in tail.initializer:
        if not _reads(graph, tensor.name):
            graph.initializer.remove(tensor)
    del graph.output[:], graph.value_info[:]
    graph.output.append(onnx.helper.make_tensor_value_info(features, onnx.TensorProto.FLOAT, None))
    return tail


def _join(graph: onnx.GraphProto, tail: onnx.GraphProto) -> None:
    """Put it back."""
    there = {tensor.name for tensor in graph.initializer}
    graph.initializer.extend(tensor for tensor in tail.initializer if tensor.name not in there)
    graph.node.extend(tail.node)
    del graph.output[:], graph.value_info[:]
    graph.output.extend(tail.output)


def _reads(graph: onnx.GraphProto, name: str) -> bool:
    return any(name in node.input for node in graph.node)
