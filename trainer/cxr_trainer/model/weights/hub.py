"""ImageNet weights of timm's and torchvision's hubs."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from cxr_trainer.errors import WeightsError
from cxr_trainer.recipe import Architecture

_TIMM_NAME = "mobilenetv1_100"
_TIMM_FILE = "model.safetensors"


def fetch(architecture: Architecture) -> dict[str, Tensor]:
    """Fetch a hub's ImageNet weights, or take them from its cache.

    Raises
    ------
    WeightsError
        The hub cannot be reached, or the file in its cache is damaged.
    """
    return _from_timm() if architecture == "mobilenetv1" else _from_torchvision(architecture)


def _from_timm() -> dict[str, Tensor]:
    import timm
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url, try_to_load_from_cache

    config: Any = timm.get_pretrained_cfg(_TIMM_NAME)
    repository = str(config.hf_hub_id)
    try:
        cached = try_to_load_from_cache(repository, _TIMM_FILE)
        if not isinstance(cached, str):
            get_hf_file_metadata(
                hf_hub_url(repository, _TIMM_FILE)
            )  # fails at once offline, where a download would try for long
            cached = hf_hub_download(repository, _TIMM_FILE)
        return dict(load_file(cached))
    except Exception as error:
        raise WeightsError(
            f"The ImageNet weights of mobilenetv1 could not be fetched from the hub ({type(error).__name__}). "
            f"Go online once, or fetch {_TIMM_FILE} from https://huggingface.co/{repository} elsewhere and "
            "give it as --weights FILE, or give --weights none to start at random."
        ) from error


def _from_torchvision(architecture: Architecture) -> dict[str, Tensor]:
    weights = _torchvision_weights(architecture)
    cached = Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name
    was_cached = cached.is_file()
    try:
        with contextlib.redirect_stdout(sys.stderr):  # torch says there what it fetches; events own the output
            return dict(weights.get_state_dict(progress=False, check_hash=True, weights_only=True))
    except Exception as error:
        if was_cached:
            raise WeightsError(
                f"The ImageNet weights of {architecture} in {cached} cannot be read ({type(error).__name__}). "
                "Delete that file and go online once, or put a whole copy of it there."
            ) from error
        raise WeightsError(
            f"The ImageNet weights of {architecture} could not be fetched from {weights.url} "
            f"({type(error).__name__}). Go online once, or fetch that file elsewhere and put it at {cached} or give it "
            "as --weights FILE, or give --weights none to start at random."
        ) from error


def _torchvision_weights(architecture: Architecture) -> Any:  # noqa: ANN401  (torchvision is untyped)
    from torchvision.models import AlexNet_Weights, DenseNet121_Weights

    return {"alexnet": AlexNet_Weights, "densenet121": DenseNet121_Weights}[architecture].IMAGENET1K_V1
