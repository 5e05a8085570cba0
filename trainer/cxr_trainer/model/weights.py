"""Initial weights of a backbone: timm's hub, a file, or none."""

from __future__ import annotations

import pickle
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from cxr_trainer.errors import WeightsError
from cxr_trainer.model.backbones import hub_name
from cxr_trainer.model.network import Network

_OWN_PREFIX = "backbone."


def load_weights(network: Network, *, weights: str, architecture: str) -> None:
    """Give the network's backbone its initial weights; the head keeps its random ones.

    Parameters
    ----------
    network
        Changed in place.
    weights
        ``none``, ``imagenet`` (timm's hub, from its cache where it was fetched before), or a file: safetensors
        or a weights-only PyTorch state dict, in timm's layout or a run's own (``best.safetensors``).
    architecture
        The recipe's name of the backbone.

    Raises
    ------
    WeightsError
        The hub cannot be reached, the file cannot be read, or its layout is not this backbone's.
    """
    if weights == "none":
        return
    state = _from_hub(architecture) if weights == "imagenet" else _from_file(Path(weights))
    _load(network, state, weights=weights)


def _from_hub(architecture: str) -> dict[str, Tensor]:
    import timm

    try:
        model = timm.create_model(hub_name(architecture), pretrained=True)
    except Exception as error:
        raise WeightsError(
            f"The ImageNet weights of {architecture} could not be fetched from the hub ({type(error).__name__}). "
            "Go online once, or give --weights FILE (safetensors, timm layout), or --weights none to start at random."
        ) from error
    return dict(model.state_dict())


def _from_file(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise WeightsError(f"There is no weights file {path}. Give 'imagenet', 'none' or an existing file.") from error
    except (OSError, SafetensorError, RuntimeError, pickle.UnpicklingError, EOFError, ValueError) as error:
        raise WeightsError(
            f"Could not read weights from {path}: it is neither safetensors nor a weights-only state dict."
        ) from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError(
            f"{path} holds no plain state dict of tensors. Save one with torch.save(model.state_dict())."
        )
    return state


def _load(network: Network, state: dict[str, Tensor], *, weights: str) -> None:
    own = {name.removeprefix(_OWN_PREFIX): value for name, value in state.items() if name.startswith(_OWN_PREFIX)}
    given = own or state
    wanted = network.backbone.state_dict()
    absent = [name for name in wanted if name not in given and not name.endswith("num_batches_tracked")]
    wrong = [name for name in wanted if name in given and given[name].shape != wanted[name].shape]
    modules = {name.partition(".")[0] for name in wanted}
    surplus = [name for name in given if name not in wanted and name.partition(".")[0] in modules]
    if absent or wrong or surplus:
        name = (absent or wrong or surplus)[0]
        raise WeightsError(
            f"The weights '{weights}' do not fit this backbone: {len(absent)} tensors are missing, {len(wrong)} have "
            f"another shape and {len(surplus)} are of layers it has not (first: {name}). Give a file in timm's layout "
            "of the same architecture."
        )
    network.backbone.load_state_dict({name: given.get(name, wanted[name]) for name in wanted})
