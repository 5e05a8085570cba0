"""Initial weights: files of every layout, the hubs' caches, and what is said where they do not fit."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torchvision.models import alexnet, densenet121

from cxr_trainer.errors import WeightsError
from cxr_trainer.model.network import Network, initialised
from cxr_trainer.model.weights import load_weights
from cxr_trainer.recipe import ModelSection

QUARTER = ModelSection(weights="none", width=0.25)


def _network(architecture: Any) -> Network:
    return initialised(ModelSection(architecture=architecture, weights="none"), bn_momentum=0.9, seed=0).eval()


def _same_backbone(network: Network, donor: dict[str, Tensor]) -> bool:
    return all(
        torch.equal(value, donor[name])
        for name, value in network.backbone.state_dict().items()
        if not name.endswith("num_batches_tracked")
    )


def test_a_state_dict_and_a_run_go_in(tmp_path: Path) -> None:
    donor = initialised(QUARTER, bn_momentum=0.9, seed=1)
    torch.save(donor.backbone.state_dict(), tmp_path / "timm.pt")
    torch.save(
        {"epoch": 3, "state_dict": {f"module.{k}": v for k, v in donor.state_dict().items()}}, tmp_path / "parallel.pt"
    )
    save_file(donor.state_dict(), tmp_path / "best.safetensors")
    for name in ("timm.pt", "parallel.pt", "best.safetensors"):
        network = Network(QUARTER, bn_momentum=0.9)
        head = network.head.logit.weight.clone()
        load_weights(network, weights=str(tmp_path / name), architecture="mobilenetv1")
        assert _same_backbone(network, donor.backbone.state_dict()), name
        assert torch.equal(network.head.logit.weight, head), "the head keeps its random weights"


def _old_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Before torchvision 0.2 a DenseNet's layers had norm.1 for norm1, and no count of batches."""
    return {
        re.sub(r"(denselayer.*)(norm|conv)([12])", r"\1\2.\3", name): value
        for name, value in state.items()
        if not name.endswith("num_batches_tracked")
    }


@pytest.mark.parametrize(
    ("architecture", "donor", "rename"),
    [
        ("alexnet", lambda: alexnet(weights=None), dict),
        ("densenet121", lambda: densenet121(weights=None), dict),
        ("densenet121", lambda: densenet121(weights=None), _old_names),
        ("densenet121", lambda: timm.create_model("densenet121"), dict),
    ],
    ids=["torchvision-alexnet", "torchvision-densenet", "old-densenet", "timm-densenet"],
)
def test_layouts_of_torchvision_and_timm_go_in(
    tmp_path: Path, architecture: Any, donor: Callable[[], Any], rename: Callable[[Any], dict[str, Tensor]]
) -> None:
    state = donor().state_dict()
    torch.save(rename(state), tmp_path / "weights.pth")
    network = _network(architecture)
    load_weights(network, weights=str(tmp_path / "weights.pth"), architecture=architecture)
    assert _same_backbone(network, state)


def test_wrong_layouts_are_named_with_their_first_tensor(tmp_path: Path) -> None:
    wide = initialised(ModelSection(weights="none", width=0.5), bn_momentum=0.9, seed=1).backbone.state_dict()
    full = initialised(QUARTER, bn_momentum=0.9, seed=1).backbone.state_dict()
    shallow = ModelSection(weights="none", width=0.25, shallow=True)
    densenet = densenet121(weights=None).state_dict()
    timms = r"in timm's layout of mobilenetv1_100 or Keras's"
    for section, state, words in (
        (QUARTER, densenet, rf"conv_stem\.weight is missing .* {timms}"),
        (QUARTER, wide, rf"conv_stem\.weight has the shape \(16, 3, 3, 3\) instead of \(8, 3, 3, 3\) .* {timms}"),
        (shallow, full, r"blocks\.3\.1\.conv_dw\.weight is unknown .* layers it has not"),
        (ModelSection(architecture="densenet121"), full, r"features\.conv0\.weight is missing .* in torchvision's or"),
        (ModelSection(architecture="alexnet"), densenet, r"features\.0\.weight is missing .* in torchvision's layout"),
    ):
        torch.save(state, tmp_path / "state.pt")
        with pytest.raises(WeightsError, match=rf"do not fit {section.architecture}: {words}"):
            load_weights(
                Network(section, bn_momentum=0.9),
                weights=str(tmp_path / "state.pt"),
                architecture=section.architecture,
            )


def test_files_that_hold_no_weights_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "text.safetensors").write_text("no weights")
    (tmp_path / "text.h5").write_text("no weights")
    torch.save(Network, tmp_path / "code.pt")
    torch.save([torch.zeros(1)], tmp_path / "list.pt")
    network = Network(QUARTER, bn_momentum=0.9)
    for name, words in (
        ("text.safetensors", "Could not read"),
        ("code.pt", "Could not read"),
        ("list.pt", "no plain state dict"),
        ("absent.pt", "no weights file"),
    ):
        with pytest.raises(WeightsError, match=words):
            load_weights(network, weights=str(tmp_path / name), architecture="mobilenetv1")
    with pytest.raises(WeightsError, match=r"text\.h5 is a Keras file, .* mobilenetv1 only"):
        load_weights(_network("alexnet"), weights=str(tmp_path / "text.h5"), architecture="alexnet")


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Empty caches of both hubs, and no network; the folder of the caches."""

    def unreachable(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", unreachable)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "timm"))
    monkeypatch.setattr(torch.hub, "download_url_to_file", unreachable)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path


@pytest.mark.parametrize(
    ("architecture", "place"),
    [
        ("mobilenetv1", r"model\.safetensors from https://huggingface\.co/timm/mobilenetv1_100\S+ elsewhere"),
        ("alexnet", r"\S+/alexnet-owt-7be5be79\.pth \(OSError\).* put it at \S+/torch/hub/checkpoints/alexnet-owt\S+"),
        ("densenet121", r"\S+/densenet121-a639ec97\.pth \(OSError\).* put it at \S+/checkpoints/densenet121-\S+"),
    ],
)
def test_a_hub_offline_says_what_to_do(
    offline: Path, capsys: pytest.CaptureFixture[str], architecture: Any, place: str
) -> None:
    with pytest.raises(WeightsError, match=rf"{place}.*--weights FILE.*--weights none"):
        load_weights(_network(architecture), weights="imagenet", architecture=architecture)
    assert capsys.readouterr().out == "", "the output is for events"


def test_cached_files_of_the_hubs_need_no_network(offline: Path) -> None:
    mobilenet = _network("mobilenetv1").backbone.state_dict()
    repository = offline / "timm" / f"models--{timm.get_pretrained_cfg('mobilenetv1_100').hf_hub_id.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("0" * 40)
    (repository / "snapshots" / ("0" * 40)).mkdir(parents=True)
    save_file(mobilenet, repository / "snapshots" / ("0" * 40) / "model.safetensors")
    old = alexnet(weights=None).state_dict()
    checkpoints = offline / "torch" / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    torch.save(old, checkpoints / "alexnet-owt-7be5be79.pth")
    for architecture, state in (("mobilenetv1", mobilenet), ("alexnet", old)):
        network = Network(ModelSection(architecture=architecture), bn_momentum=0.9)  # type: ignore[arg-type]
        load_weights(network, weights="imagenet", architecture=architecture)  # type: ignore[arg-type]
        assert _same_backbone(network, state)


def test_a_damaged_file_of_the_cache_is_named(offline: Path) -> None:
    cached = offline / "torch" / "hub" / "checkpoints" / "densenet121-a639ec97.pth"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"half of it")
    with pytest.raises(WeightsError, match=r"densenet121-a639ec97\.pth cannot be read .* Delete that file"):
        load_weights(_network("densenet121"), weights="imagenet", architecture="densenet121")


def _chirp(shape: tuple[int, ...], number: int) -> np.ndarray:
    return np.sin(0.7 * np.arange(np.prod(shape)) ** 2 + 0.31 * number).reshape(shape)


def _keras_arrays() -> dict[str, np.ndarray]:
    """The arrays of a MobileNet of a quarter's width in Keras's order and axes, as for the golden numbers."""
    arrays: dict[str, np.ndarray] = {}
    channels = [8, 16, 32, 32, 64, 64, 128, 128, 128, 128, 128, 128, 256, 256]

    def layer(name: str, array: str, shape: tuple[int, ...], gain: float, centre: float = 0.0) -> None:
        arrays[f"{name}/{array}"] = (centre + gain * _chirp(shape, len(arrays))).astype(np.float32)

    def convolution(name: str, array: str, shape: tuple[int, ...], fan_in: int) -> None:
        layer(name, array, shape, 1.4 * np.sqrt(2 / fan_in))
        width = max(shape[2:]) if array == "depthwise_kernel" else shape[3]
        for part, gain, centre in (
            ("gamma", 0.3, 1.0), ("beta", 0.3, 0.5), ("moving_mean", 0.1, 0.0), ("moving_variance", 0.5, 1.0),
        ):  # fmt: skip
            layer(f"{name}_bn", part, (width,), gain, centre)

    convolution("conv1", "kernel", (3, 3, 3, 8), 27)
    for number, (before, after) in enumerate(pairwise(channels), start=1):
        convolution(f"conv_dw_{number}", "depthwise_kernel", (3, 3, before, 1), 9)
        convolution(f"conv_pw_{number}", "kernel", (1, 1, before, after), before)
    return arrays


def _write_h5(path: Path, arrays: dict[str, np.ndarray], *, style: str) -> None:
    """As Keras 1 and 2 wrote weights (``layer/layer/array:0``), or Keras 3 a whole model as ``.h5``."""
    import h5py

    with h5py.File(path, "w") as file:
        root = file.create_group("model_weights") if style == "keras3" else file
        for name, array in arrays.items():
            layer, part = name.split("/")
            part = part.replace("depthwise_", "") if style == "keras3" else f"{part}:0"
            root.create_dataset(f"{layer}/{layer}/{part}", data=array)
        root.create_dataset("conv_preds/conv_preds/kernel:0", data=np.zeros((1, 1, 256, 10), np.float32))


@pytest.mark.parametrize("style", ["keras2", "keras3"])
def test_keras_h5_gives_the_features_that_keras_computed(golden: Path, tmp_path: Path, style: str) -> None:
    pytest.importorskip("h5py")
    _write_h5(tmp_path / "mobilenet.h5", _keras_arrays(), style=style)
    network = Network(QUARTER, bn_momentum=0.9).eval()
    load_weights(network, weights=str(tmp_path / "mobilenet.h5"), architecture="mobilenetv1")
    film = torch.from_numpy(np.add.outer(np.arange(64) * 7, np.arange(64) * 13) % 256).reshape(1, 1, 64, 64)
    with torch.no_grad():
        features = network.features(film)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(features, np.load(golden / "keras_mobilenet.npz")["features"], rtol=1e-4, atol=1e-4)


def test_keras_files_that_do_not_fit_are_one_sentence(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    arrays = _keras_arrays()
    path = tmp_path / "mobilenet.h5"
    network = Network(QUARTER, bn_momentum=0.9)
    for change, words in (
        ({"conv_dw_3/depthwise_kernel": None}, "conv_dw_3/depthwise_kernel is missing"),
        ({"conv1_bn/gamma": np.ones((8, 1))}, r"conv1_bn/gamma has the shape \(8, 1\)"),
        ({"conv1/kernel": np.ones((3, 3, 3, 32))}, r"conv_stem\.weight has the shape \(32, 3, 3, 3\) instead of \(8"),
    ):
        changed = {name: array for name, array in (arrays | change).items() if array is not None}
        _write_h5(path, changed, style="keras2")
        with pytest.raises(WeightsError, match=rf"mobilenet\.h5' do not fit mobilenetv1: {words}.* Keras's"):
            load_weights(network, weights=str(path), architecture="mobilenetv1")
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(WeightsError, match=r"mobilenet\.h5: it is no whole HDF5 file"):
        load_weights(network, weights=str(path), architecture="mobilenetv1")


def test_keras_h5_without_h5py_names_the_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    (tmp_path / "mobilenet.h5").touch()
    with pytest.raises(WeightsError, match="pip install h5py"):
        load_weights(
            Network(QUARTER, bn_momentum=0.9), weights=str(tmp_path / "mobilenet.h5"), architecture="mobilenetv1"
        )


@pytest.mark.realdata
def test_googles_mobilenet_goes_in(real_material: Path) -> None:
    network = _network("mobilenetv1")
    path = real_material / "weights" / "mobilenetv1_100_imagenet.safetensors"
    load_weights(network, weights=str(path), architecture="mobilenetv1")
    assert _same_backbone(network, load_file(path))
