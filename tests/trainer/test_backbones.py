"""The backbone: timm's own at width 1, local where it is asked to be, and where its cells look."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch

from cxr_trainer.errors import WeightsError
from cxr_trainer.model.backbones import build_backbone, cell_shift, start_local
from cxr_trainer.model.network import Network, initialised
from cxr_trainer.model.weights import load_weights
from cxr_trainer.recipe import ModelSection


def test_full_width_is_timms_mobilenet() -> None:
    timms = timm.create_model("mobilenetv1_100", num_classes=0, global_pool="", pad_type="same", bn_eps=1e-3).eval()
    ours = build_backbone("mobilenetv1", width=1.0, output_stride=32).eval()
    assert list(ours.state_dict()) == list(timms.state_dict())
    ours.load_state_dict(timms.state_dict())
    x = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(ours.forward_features(x), timms.forward_features(x))


@pytest.mark.parametrize("stride", [8, 16, 32])
def test_output_stride_is_the_maps(stride: int) -> None:
    backbone = build_backbone("mobilenetv1", width=0.25, output_stride=stride).eval()
    with torch.no_grad():
        assert backbone.forward_features(torch.zeros(1, 3, 64, 64)).shape[2:] == (64 // stride, 64 // stride)


@pytest.mark.parametrize("stride", [8, 16, 32])
def test_cell_shift_is_where_the_gradient_of_a_cell_is_centred(stride: int) -> None:
    """Measured on a linear network whose kernels are all equal and positive: the centre of mass of what a cell sees."""
    backbone = build_backbone("mobilenetv1", width=0.25, output_stride=stride).eval()
    with torch.no_grad():
        for parameter in backbone.parameters():
            parameter.fill_(0.01 if parameter.ndim == 4 else 1.0)
        for module in backbone.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.fill_(1.0)
                module.bias.fill_(0.5)  # inside ReLU6's linear part
    size = 768
    film = torch.zeros(1, 3, size, size, requires_grad=True)
    features = backbone.forward_features(film)
    cell = size // stride // 2
    features[0, :, cell, cell].sum().backward()
    assert film.grad is not None
    weight = film.grad[0].abs().sum(dim=0)
    places = torch.arange(size, dtype=torch.float32) + 0.5
    centre = float((weight.sum(dim=0) * places).sum() / weight.sum())
    assert centre / stride - (cell + 0.5) == pytest.approx(cell_shift(backbone), abs=0.02)


def test_random_weights_start_local() -> None:
    backbone = build_backbone("mobilenetv1", width=0.25, output_stride=8)
    start_local(backbone)
    kernel = next(m for m in backbone.modules() if isinstance(m, torch.nn.Conv2d) and m.groups > 1).weight
    assert float(kernel[:, 0, 1, 1].detach().mean()) == pytest.approx(1.0, abs=0.1)
    assert float(kernel[:, 0, 0, 0].detach().abs().mean()) < 0.2


def test_shallow_leaves_out_five_blocks_and_refuses_their_weights(tmp_path: Path) -> None:
    full = build_backbone("mobilenetv1", width=0.25, output_stride=8)
    shallow = build_backbone("mobilenetv1", width=0.25, output_stride=8, shallow=True)
    assert [len(stage) for stage in full.blocks] == [1, 2, 2, 6, 2]
    assert [len(stage) for stage in shallow.blocks] == [1, 2, 2, 1, 2]
    torch.save(full.state_dict(), tmp_path / "full.pt")
    network = Network(ModelSection(weights="none", width=0.25, shallow=True), bn_momentum=0.9)
    with pytest.raises(WeightsError, match="layers it has not"):
        load_weights(network, weights=str(tmp_path / "full.pt"), architecture="mobilenetv1")


def test_weights_from_a_file_a_run_and_wrong_ones(tmp_path: Path) -> None:
    section = ModelSection(weights="none", width=0.25)
    donor = initialised(section, bn_momentum=0.9, seed=1)
    torch.save(donor.backbone.state_dict(), tmp_path / "timm.pt")
    torch.save(donor.state_dict(), tmp_path / "own.pt")
    for name in ("timm.pt", "own.pt"):
        network = Network(section, bn_momentum=0.9)
        load_weights(network, weights=str(tmp_path / name), architecture="mobilenetv1")
        assert torch.equal(network.backbone.conv_stem.weight, donor.backbone.conv_stem.weight)
    torch.save({"a": torch.zeros(1)}, tmp_path / "other.pt")
    (tmp_path / "text.safetensors").write_text("no weights")
    torch.save(Network, tmp_path / "code.pt")
    network = Network(section, bn_momentum=0.9)
    for name, words in (
        ("other.pt", "do not fit"),
        ("text.safetensors", "Could not read"),
        ("code.pt", "Could not read"),
        ("absent.pt", "no weights file"),
    ):
        with pytest.raises(WeightsError, match=words):
            load_weights(network, weights=str(tmp_path / name), architecture="mobilenetv1")


def test_hub_offline_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(WeightsError, match=r"--weights FILE .* --weights none"):
        load_weights(Network(ModelSection(), bn_momentum=0.9), weights="imagenet", architecture="mobilenetv1")
