"""From a folded network to ONNX bytes."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from cxr_export.fold import FoldedNetwork

if TYPE_CHECKING:
    import onnx

OPSET = 18


@dataclass(frozen=True, slots=True)
class Graph:
    """ONNX bytes, opset and the map's (h, w)."""

    data: bytes
    opset: int
    map_shape: tuple[int, int]


def export_graph(network: FoldedNetwork, *, size: int) -> Graph:
    """Export through torch's current exporter, batch dynamic, and check the result in full.

    Parameters
    ----------
    network
        On the CPU, in eval mode.
    size
        Side S of the uint8 input.

    Raises
    ------
    onnx.checker.ValidationError
        The exporter wrote an invalid graph.
    """
    import onnx

    example = torch.zeros(2, size, size, dtype=torch.uint8)
    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            network,
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=["film"],
            output_names=["logit", "map"] if network.gate is None else ["logit", "map", "distance"],
            dynamic_shapes=({0: torch.export.Dim("films", min=1)},),
            verbose=False,
        )
        map_shape = tuple(network(example)[1].shape[1:])
    assert program is not None
    program.optimize()
    buffer = io.BytesIO()
    onnx.save_model(_without_traces(program.model_proto), buffer)
    data = buffer.getvalue()
    onnx.checker.check_model(onnx.load_model_from_string(data), full_check=True)
    return Graph(data, OPSET, (int(map_shape[0]), int(map_shape[1])))


def _without_traces(model: onnx.ModelProto) -> onnx.ModelProto:
    """Drop the exporter's notes: they hold paths of this machine, and equal runs must give equal bytes."""
    del model.metadata_props[:]
    model.doc_string = ""
    for part in (model.graph, *model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output):
        part.doc_string = ""
        del part.metadata_props[:]
    for tensor in model.graph.initializer:
        del tensor.metadata_props[:]
    return model


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporter's progress and deprecation notes, which are not about the model."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)
