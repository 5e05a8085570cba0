"""INT8 by onnxruntime's static quantization, calibrated on validation films.

Activations are uint8, weights int8 for each output channel, in QDQ form. Weights keep to 7 bits: processors without
VNNI add pairs of products in 16 bits, which two full 8-bit products overflow (onnxruntime: ``reduce_range``), and then
the answer would depend on the machine: on one with AVX2 alone, the model below was 5 times farther off with 8 bits
(mean difference 0.37 in place of 0.07) and no faster.

The film enters as the uint8 tensor that it is, with scale 1 and the grey level of the padding as its zero point, so
nothing is converted; that is as fast as a first convolution in float32, no faster. MobileNet's level is 127.5 and the
zero point 128: the half level goes into the bias, and is left at padded places alone, where it is 0.004 of the input's
range. The last convolution, to the map, and its mean stay in float32, so that the map's mean is the logit as closely as
at full precision; the mean map that quantization adds to calibration films is taken away there.

How the ranges of activations are chosen hardly matters once channels are equalized and weights rounded well. On a
MobileNet of 224² trained on NIH films (116 validation and test films, logits' deviation 3.1) the mean difference of the
logits was 0.54 with onnxruntime's quantization alone. Equalized and rounded it is 0.072 with ranges from minimum and
maximum, 0.072 with those of 99.999 and 99.99 % of values, 0.074 with 99.9 %, and 0.072 with the entropy's, which are
the first ones again; on phantoms 0.066, 0.061, 0.062, 0.062 and 0.066. Histograms need the films' activations in
memory, minimum and maximum do not, so it is these.
"""

from __future__ import annotations

import contextlib
import logging
import math
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantType, create_calibrator
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

from cxr_export.editing import EditableModel, FloatFilms, serialized
from cxr_export.equalize import equalize
from cxr_export.parity import run_onnx
from cxr_export.rounding import apply, round_weights

_OPERATORS: Final = ["AveragePool", "Clip", "Concat", "Conv", "MaxPool", "Relu"]
_OFFSET: Final = "offset"  # FoldedNetwork's buffer: what is added to the map
_BATCH: Final = 8
_JUDGED: Final = 16


class Quantizer:
    """Quantizes one model, all of it or but for some convolutions; its films are looked at once.

    Parameters
    ----------
    data
        ONNX bytes in float32, as `cxr_export.graph.export_graph` writes them.
    films
        uint8 (n, S, S), n ≥ 1: validation films, never test films.

    Attributes
    ----------
    convolutions
        Names of those that can be quantized, from the film on.
    """

    def __init__(self, data: bytes, films: npt.NDArray[np.uint8]) -> None:
        self._films = films
        self._maps = run_onnx(data, films)[1]
        model = onnx.load_model_from_string(data)
        self._zero_point = open_input(model)
        self._edited = EditableModel(onnx.shape_inference.infer_shapes(model))
        fed = films.astype(np.float32) - self._zero_point
        equalize(self._edited, fed)
        self._ranges = _ranges(self._edited.model, fed)
        self._rounded = round_weights(self._edited, fed)
        self.convolutions = tuple(node.name for node in self._edited.convolutions[:-1])

    def quantized(self, *, keep: Collection[str] = ()) -> bytes:
        """ONNX bytes with all convolutions but `keep` in INT8.

        Raises
        ------
        onnx.checker.ValidationError
            The quantizer wrote an invalid graph.
        """
        return self._levelled(self._graph(keep))

    def most_harmful(self) -> tuple[str, ...]:
        """All convolutions, those first whose quantization alone changes the logits most unevenly.

        An even change is taken away with the map's (see `quantized`).
        """
        some = self._films[:_JUDGED]
        exact = self._maps[:_JUDGED].mean(axis=(1, 2), dtype=np.float64)
        harm = {}
        for name in self.convolutions:
            alone = self._graph([each for each in self.convolutions if each != name])
            harm[name] = float(np.std(run_onnx(serialized(alone), some)[0] - exact))
        return tuple(sorted(self.convolutions, key=lambda name: -harm[name]))

    def _graph(self, keep: Collection[str]) -> onnx.ModelProto:
        edited = self._edited.copy()
        apply(edited, {name: each for name, each in self._rounded.items() if name not in keep})
        film = edited.convolutions[0].input[0]
        last = edited.convolutions[-1].name
        level = {"scale": np.array(1.0, np.float32), "zero_point": np.array(self._zero_point, np.uint8)}
        with _quiet():
            quantizer: Any = QDQQuantizer(
                edited.model,
                per_channel=True,
                reduce_range=True,
                weight_qType=QuantType.QInt8,
                activation_qType=QuantType.QUInt8,
                tensors_range=self._ranges,
                nodes_to_quantize=[],
                nodes_to_exclude=[last, *keep],
                op_types_to_quantize=_OPERATORS,
                extra_options={"TensorQuantOverrides": {film: [level]}},
            )
            quantizer.quantize_model()
        quantizer.model.topological_sort()
        return _close_input(quantizer.model.model, film, self._zero_point)

    def _levelled(self, model: onnx.ModelProto) -> bytes:
        """Take from the map what quantization adds to it on the average."""
        _, maps = run_onnx(serialized(model), self._films)
        offset = next(tensor for tensor in model.graph.initializer if tensor.name == _OFFSET)
        added = (maps.astype(np.float64) - self._maps).mean(axis=0, keepdims=True)
        offset.CopyFrom(numpy_helper.from_array((numpy_helper.to_array(offset) - added).astype(np.float32), _OFFSET))
        onnx.checker.check_model(model, full_check=True)
        return serialized(model)


class _Reader(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime is untyped
    """Batches for onnxruntime's calibration."""

    def __init__(self, films: FloatFilms) -> None:
        self._batches = iter([films[start : start + _BATCH] for start in range(0, len(films), _BATCH)])

    def get_next(self) -> dict[str, FloatFilms] | None:
        """Return the next batch."""
        batch = next(self._batches, None)
        return None if batch is None else {"film": batch}


def _ranges(model: onnx.ModelProto, films: FloatFilms) -> Any:  # noqa: ANN401
    """Least and largest value of each activation tensor on `films`."""
    with tempfile.TemporaryDirectory() as folder, _quiet():
        path = Path(folder) / "model.onnx"
        onnx.save_model(model, path)
        calibrator: Any = create_calibrator(path, _OPERATORS, augmented_model_path=str(Path(folder) / "watched.onnx"))
        calibrator.collect_data(_Reader(films))
        return calibrator.compute_data()


def open_input(model: onnx.ModelProto) -> int:
    """Let a model take float levels less a whole one, in place of uint8 levels.

    Parameters
    ----------
    model
        In float32, as `cxr_export.graph.export_graph` writes it; it is changed in place.

    Returns
    -------
    int
        The level, which is the zero point of the film as a quantized tensor.
    """
    graph = model.graph
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    stem = next(node for node in graph.node if node.op_type == "Conv")
    shift = next(node for node in graph.node if node.output[0] == stem.input[0])
    cast = next(node for node in graph.node if node.output[0] == shift.input[0])
    assert (cast.op_type, shift.op_type) == ("Cast", "Sub"), "the graph is not one of FoldedNetwork"
    level = float(numpy_helper.to_array(tensors[shift.input[1]]).reshape(()))
    zero_point = math.ceil(level)
    weight, bias = (numpy_helper.to_array(tensors[name]).astype(np.float64) for name in stem.input[1:])
    bias += (zero_point - level) * weight.sum(axis=(1, 2, 3))
    tensors[stem.input[2]].CopyFrom(numpy_helper.from_array(bias.astype(np.float32), stem.input[2]))
    stem.input[0] = cast.input[0]
    graph.node.remove(shift)
    graph.node.remove(cast)
    graph.initializer.remove(tensors[shift.input[1]])
    graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    del graph.value_info[:]
    return zero_point


def _close_input(model: onnx.ModelProto, film: str, zero_point: int) -> onnx.ModelProto:
    """Let a model take the film's own uint8 levels again: what quantized them is left out, or they are dequantized."""
    graph = model.graph
    quantize = next((node for node in graph.node if node.op_type == "QuantizeLinear" and node.input[0] == film), None)
    if quantize is None:
        _dequantize(graph, film, zero_point)
    else:
        for node in graph.node:
            for place, name in enumerate(node.input):
                if name == quantize.output[0]:
                    node.input[place] = film
        graph.node.remove(quantize)
    graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.UINT8
    del graph.value_info[:]
    return model


def _dequantize(graph: onnx.GraphProto, film: str, zero_point: int) -> None:
    """Put a dequantization between a film in uint8 and its reader in float32."""
    reader = next(place for place, node in enumerate(graph.node) if film in node.input)
    scale, zero = f"{film}_scale", f"{film}_zero_point"
    graph.initializer.append(numpy_helper.from_array(np.array(1.0, np.float32), scale))
    graph.initializer.append(numpy_helper.from_array(np.array(zero_point, np.uint8), zero))
    graph.node[reader].input[0] = f"{film}_levels"
    node = onnx.helper.make_node("DequantizeLinear", [film, scale, zero], [f"{film}_levels"], name=f"{film}_dequantize")
    graph.node.insert(reader, node)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the quantizer's advice to preprocess, which the exporter's optimizer has done."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
