"""MobileNet v1 out of Keras's HDF5 files (``mobilenet_1_0_224_tf_no_top.h5`` and whole models saved as ``.h5``).

Keras keeps each layer's arrays in a group of the layer's name, kernels as (height, width, in, out), depthwise kernels
as (height, width, channels, 1).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cxr_trainer.errors import WeightsError

_BLOCKS = [f"blocks.{stage}.{block}" for stage, blocks in enumerate((1, 2, 2, 6, 2)) for block in range(blocks)]


class _Part(NamedTuple):
    """An array of a Keras layer: its name in torch, and its axes there."""

    name: str
    axes: tuple[int, ...]


_NORM = {
    "gamma": _Part("weight", (0,)),
    "beta": _Part("bias", (0,)),
    "moving_mean": _Part("running_mean", (0,)),
    "moving_variance": _Part("running_var", (0,)),
}
_CONVOLUTION = {"kernel": _Part("weight", (3, 2, 0, 1))}
_DEPTHWISE = {"depthwise_kernel": _Part("weight", (2, 3, 0, 1))}
# Keras 3 calls a depthwise kernel a kernel.
_NAMES_SINCE_KERAS_3 = {"depthwise_kernel": "kernel"}


def read_keras(path: Path) -> dict[str, Tensor]:
    """Read MobileNet v1 into timm's names and torch's order of axes; a classifier on top is left out.

    Raises
    ------
    WeightsError
        h5py is not installed, the file is not HDF5, or its layers are not MobileNet's.
    """
    try:
        import h5py
    except ModuleNotFoundError as error:
        raise WeightsError(
            f"Reading the Keras file {path} needs h5py, which is absent. Run: pip install h5py"
        ) from error
    try:
        with h5py.File(path, "r") as file:
            arrays = _arrays(file.get("model_weights", file))
    except OSError as error:
        raise WeightsError(f"Could not read weights from {path}: it is no whole HDF5 file. Fetch it anew.") from error
    return {
        f"{torch_layer}.{part.name}": _tensor(arrays, (layer, array), part, path)
        for layer, torch_layer, parts in _layers()
        for array, part in parts.items()
    }


def _layers() -> list[tuple[str, str, dict[str, _Part]]]:
    """Keras's name of each layer, timm's, and what it holds."""
    layers = [("conv1", "conv_stem", _CONVOLUTION), ("conv1_bn", "bn1", _NORM)]
    for number, block in enumerate(_BLOCKS, start=1):
        layers += [
            (f"conv_dw_{number}", f"{block}.conv_dw", _DEPTHWISE),
            (f"conv_dw_{number}_bn", f"{block}.bn1", _NORM),
            (f"conv_pw_{number}", f"{block}.conv_pw", _CONVOLUTION),
            (f"conv_pw_{number}_bn", f"{block}.bn2", _NORM),
        ]
    return layers


def _arrays(root: Any) -> dict[str, npt.NDArray[np.float32]]:  # noqa: ANN401  (h5py is untyped)
    """Every array as ``layer/array``; between the two, versions of Keras nest groups differently."""
    found: dict[str, npt.NDArray[np.float32]] = {}

    def visit(name: str, item: Any) -> None:  # noqa: ANN401
        if hasattr(item, "shape"):
            found[f"{name.partition('/')[0]}/{name.rpartition('/')[2].partition(':')[0]}"] = np.asarray(
                item, np.float32
            )

    root.visititems(visit)
    return found


def _tensor(arrays: dict[str, npt.NDArray[np.float32]], place: tuple[str, str], part: _Part, path: Path) -> Tensor:
    layer, name = place
    array = arrays.get(f"{layer}/{name}", arrays.get(f"{layer}/{_NAMES_SINCE_KERAS_3.get(name, name)}"))
    if array is None or array.ndim != len(part.axes):
        how = "is missing" if array is None else f"has the shape {array.shape}"
        raise WeightsError(
            f"The weights '{path}' do not fit mobilenetv1: {layer}/{name} {how}. Give a file in the layout of Keras's "
            "MobileNet v1 (mobilenet_1_0_224_tf_no_top.h5)."
        )
    return torch.from_numpy(array.transpose(part.axes).copy())
