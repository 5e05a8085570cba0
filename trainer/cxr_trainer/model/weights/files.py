"""State dicts out of files of several kinds."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from cxr_trainer.errors import WeightsError
from cxr_trainer.model.weights.keras import read_keras
from cxr_trainer.recipe import Architecture

_UNREADABLE = (OSError, SafetensorError, RuntimeError, pickle.UnpicklingError, EOFError, ValueError)


def read_file(path: Path, architecture: Architecture) -> dict[str, Tensor]:
    """Read tensors by name, on the CPU: safetensors, a weights-only state dict, or MobileNet's Keras ``.h5``.

    Raises
    ------
    WeightsError
        There is no such file, it cannot be read, or it is an ``.h5`` for another architecture than MobileNet.
    """
    if not path.is_file():
        raise WeightsError(f"There is no weights file {path}. Give 'imagenet', 'none' or an existing file.")
    if path.suffix in (".h5", ".hdf5"):
        if architecture != "mobilenetv1":
            raise WeightsError(
                f"{path} is a Keras file, and those are read for mobilenetv1 only. Give a PyTorch file for "
                f"{architecture}, or --weights imagenet."
            )
        return read_keras(path)
    try:
        return _tensors(load_file(path) if path.suffix == ".safetensors" else read_pickle(path), path)
    except _UNREADABLE as error:
        raise WeightsError(
            f"Could not read weights from {path}: it is neither safetensors nor a weights-only state dict."
        ) from error


def read_pickle(path: Path) -> Any:  # noqa: ANN401  (any object of plain types and tensors)
    """Read a file of `torch.save` without running any code in it."""
    return torch.load(path, map_location="cpu", weights_only=True)


def _tensors(state: Any, path: Path) -> dict[str, Tensor]:  # noqa: ANN401
    """The state dict itself, or the one that a training script keeps beside its epoch and optimizer."""
    found = state.get("state_dict", state) if isinstance(state, dict) else state
    if not isinstance(found, dict) or not all(isinstance(value, Tensor) for value in found.values()):
        raise WeightsError(
            f"{path} holds no plain state dict of tensors. Save one with torch.save(model.state_dict(), FILE)."
        )
    return found
