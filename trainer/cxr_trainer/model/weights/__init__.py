"""Initial weights of a backbone: a hub, a file, or none."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from cxr_trainer.errors import WeightsError
from cxr_trainer.model.network import Network
from cxr_trainer.model.weights.files import read_file
from cxr_trainer.model.weights.hub import fetch
from cxr_trainer.model.weights.names import torch_names
from cxr_trainer.recipe import Architecture

_LAYOUTS: dict[Architecture, str] = {
    "mobilenetv1": "timm's layout of mobilenetv1_100 or Keras's of MobileNet v1, made with the same model.width and "
    "model.shallow",
    "alexnet": "torchvision's layout of alexnet",
    "densenet121": "torchvision's or timm's layout of densenet121",
}


def load_weights(network: Network, *, weights: str, architecture: Architecture) -> None:
    """Give the network's backbone its initial weights; the head keeps its random ones.

    Parameters
    ----------
    network
        Changed in place.
    weights
        ``none``; ``imagenet``: timm's hub, for AlexNet and DenseNet torchvision's, from its cache where it was fetched
        before; or a file: safetensors or a weights-only PyTorch state dict, in the layout of timm, of torchvision or
        of a run (``best.safetensors``), or MobileNet's Keras ``.h5``.
    architecture
        The recipe's name of the backbone.

    Raises
    ------
    WeightsError
        The hub cannot be reached, the file cannot be read, or its layout is not this backbone's.
    """
    if weights == "none":
        return
    state = fetch(architecture) if weights == "imagenet" else read_file(Path(weights), architecture)
    _load(network, state, weights=weights, architecture=architecture)


def _load(network: Network, state: dict[str, Tensor], *, weights: str, architecture: Architecture) -> None:
    wanted = network.backbone.state_dict()
    given = torch_names(state, first=next(iter(wanted)))
    absent = [name for name in wanted if name not in given and not name.endswith("num_batches_tracked")]
    wrong = [name for name in wanted if name in given and given[name].shape != wanted[name].shape]
    modules = {name.partition(".")[0] for name in wanted}
    surplus = [name for name in given if name not in wanted and name.partition(".")[0] in modules]
    if absent or wrong or surplus:
        if absent:
            first = f"{absent[0]} is missing"
        elif wrong:
            shapes = tuple(given[wrong[0]].shape), tuple(wanted[wrong[0]].shape)
            first = f"{wrong[0]} has the shape {shapes[0]} instead of {shapes[1]}"
        else:
            first = f"{surplus[0]} is unknown"
        raise WeightsError(
            f"The weights '{weights}' do not fit {architecture}: {first} ({len(absent)} tensors are missing, "
            f"{len(wrong)} have another shape and {len(surplus)} are of layers it has not). "
            f"Give a file in {_LAYOUTS[architecture]}."
        )
    network.backbone.load_state_dict({name: given.get(name, wanted[name]) for name in wanted})
