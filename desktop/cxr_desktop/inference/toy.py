"""A bundle made on the spot, so that the program can prove itself without a trained one.

Its models measure brightness and nothing else; their scores mean nothing.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from cxr_shared.bundle import (
    Bundle,
    Calibration,
    Gate,
    InputSpec,
    Interval,
    Manifest,
    ModelEntry,
    ModelFile,
    OperatingPoint,
    Parity,
    TestMetrics,
    open_bundle,
    write_bundle,
)
from cxr_shared.files import sha256_bytes
from cxr_shared.findings import Target
from cxr_shared.notice import NOT_FOR_CLINICAL_USE
from cxr_shared.pixels import PIXEL_PATH_VERSION

CELL: Final = 32
_OPSET: Final = 17
_THREE: Final = {Target.ANOMALY: (4.0, -1.0), Target.PNEUMOTHORAX: (-6.0, 4.0), Target.EFFUSION: (3.0, -2.0)}
_NO_HASH: Final = "0" * 64
_GATE_NODES: Final[list[Any]] = [
    ("ReduceMean", ["grey"], ["mean"], {"axes": [1, 2], "keepdims": 0}),
    ("Div", ["mean", "white"], ["brightness"], {}),
    ("Sub", ["one", "brightness"], ["distance"], {}),
]
"""Operator, inputs, outputs and attributes of ``distance = 1 - mean / 255``."""


def write_toy_bundle(
    path: Path,
    targets: Mapping[Target, tuple[float, float]],
    *,
    size: int = 224,
    keep_aspect: bool = False,
    threshold: float = 0.5,
    calibration: Calibration | None = None,
    darkest: float | None = None,
) -> None:
    """Write a bundle of brightness meters.

    Parameters
    ----------
    path
        The ``.cxr`` file.
    targets
        For each target the gain and offset of ``map = gain · (mean grey of a 32×32 cell, 0..1) + offset``.
    size, keep_aspect
        The input; `size` is a multiple of 32.
    threshold
        Every target's operating point.
    calibration
        Every target's; by default none.
    darkest
        Where given, the first target's model is a gate too: its distance is 1 less the film's mean grey (0..1), and
        a film whose mean grey is below `darkest` is refused.

    Raises
    ------
    OutputError
        The file could not be written.
    """
    gated = next(iter(targets)) if darkest is not None else None
    models = {
        f"{target.slug}.onnx": _model(*affine, size=size, gate=target is gated) for target, affine in targets.items()
    }
    manifest = Manifest(
        name="toy",
        pixel_path_version=PIXEL_PATH_VERSION,
        input=InputSpec(size=size, keep_aspect=keep_aspect),
        models=tuple(
            _entry(target, models[f"{target.slug}.onnx"], size=size, threshold=threshold).model_copy(
                update={"calibration": calibration or Calibration()}
            )
            for target in targets
        ),
        gate=None if gated is None or darkest is None else _gate(gated, darkest),
        producer={"name": "cxr-desktop"},
        notice=f"A toy without medical meaning. {NOT_FOR_CLINICAL_USE}.",
    )
    write_bundle(path, manifest, models)


@contextlib.contextmanager
def bundle_or_toy(bundle: Bundle | None) -> Iterator[Bundle]:
    """Give the bundle, or make a toy for as long as the block runs."""
    if bundle is not None:
        yield bundle
        return
    with tempfile.TemporaryDirectory(prefix="cxr-toy-") as folder:
        toy = Path(folder, "toy.cxr")
        write_toy_bundle(toy, _THREE)
        yield open_bundle(toy)


def _gate(target: Target, darkest: float) -> Gate:
    return Gate(target=target, threshold=1.0 - darkest, films=1, method="one less the mean grey")


def _entry(target: Target, model: bytes, *, size: int, threshold: float) -> ModelEntry:
    chance = Interval(value=0.5, low=0.0, high=1.0)
    return ModelEntry(
        target=target,
        files=(
            ModelFile(
                file=f"{target.slug}.onnx",
                sha256=sha256_bytes(model),
                opset=_OPSET,
                parity=Parity(films=1, max_logit_difference=0.0, max_map_mean_difference=0.0),
            ),
        ),
        map_shape=(size // CELL, size // CELL),
        operating_points=(OperatingPoint(name="balanced", threshold=threshold, sensitivity=0.5, specificity=0.5),),
        metrics=TestMetrics(auc=chance, accuracy=chance, films=1, patients=1),
        split_kind="patient",
        split_sha256=_NO_HASH,
        run="toy",
        recipe={},
    )


def _model(gain: float, offset: float, *, size: int, gate: bool) -> bytes:
    from onnx import TensorProto, checker, helper, numpy_helper

    cells = size // CELL
    constants: dict[str, npt.NDArray[Any]] = {
        "gain": np.array(gain / 255, np.float32),
        "offset": np.array(offset, np.float32),
        "channel": np.array([1], np.int64),
        "white": np.array(255.0, np.float32),
        "one": np.array(1.0, np.float32),
    }
    nodes = [
        helper.make_node("Cast", ["film"], ["grey"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["grey", "channel"], ["image"]),
        helper.make_node("AveragePool", ["image"], ["pooled"], kernel_shape=[CELL, CELL], strides=[CELL, CELL]),
        helper.make_node("Squeeze", ["pooled", "channel"], ["cells"]),
        helper.make_node("Mul", ["cells", "gain"], ["scaled"]),
        helper.make_node("Add", ["scaled", "offset"], ["map"]),
        helper.make_node("ReduceMean", ["map"], ["logit"], axes=[1, 2], keepdims=0),
    ]
    outputs = [
        helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["N"]),
        helper.make_tensor_value_info("map", TensorProto.FLOAT, ["N", cells, cells]),
    ]
    if gate:
        nodes += [helper.make_node(*node, **more) for *node, more in _GATE_NODES]
        outputs.append(helper.make_tensor_value_info("distance", TensorProto.FLOAT, ["N"]))
    graph = helper.make_graph(
        nodes,
        "toy",
        [helper.make_tensor_value_info("film", TensorProto.UINT8, ["N", size, size])],
        outputs,
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=8)
    checker.check_model(model)
    return bytes(model.SerializeToString())
