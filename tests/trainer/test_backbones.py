"""The backbones: timm's and torchvision's own, how grey levels enter them, and where their cells look."""

from __future__ import annotations

from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn
from torchvision.models import AlexNet_Weights, DenseNet121_Weights, alexnet, densenet121

from cxr_shared.findings import Target
from cxr_trainer.errors import RecipeError
from cxr_trainer.model.backbones import build_backbone, cell_grid, start_local
from cxr_trainer.model.network import Network
from cxr_trainer.recipe import ModelSection
from cxr_trainer.recipe_files import load_recipe


@pytest.fixture
def image() -> Tensor:
    return torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def test_full_width_is_timms_mobilenet(image: Tensor) -> None:
    timms = timm.create_model("mobilenetv1_100", num_classes=0, global_pool="", pad_type="same", bn_eps=1e-3).eval()
    ours = build_backbone("mobilenetv1").eval()
    assert list(ours.state_dict()) == list(timms.state_dict())
    ours.load_state_dict(timms.state_dict())
    with torch.no_grad():
        assert torch.equal(ours.forward_features(image), timms.forward_features(image))


@pytest.mark.parametrize("architecture", ["alexnet", "densenet121"])
def test_features_lead_to_torchvisions_answer(image: Tensor, architecture: Any) -> None:
    """Torchvision's pooling and classifier after our features against the whole of torchvision's network."""
    whole = {"alexnet": alexnet, "densenet121": densenet121}[architecture](weights=None).eval()
    ours = build_backbone(architecture).eval()
    ours.load_state_dict({k: v for k, v in whole.state_dict().items() if k.startswith("features.")})
    with torch.no_grad():
        features = ours.forward_features(image)
        pooled = whole.avgpool(features) if architecture == "alexnet" else features.mean(dim=(2, 3))
        torch.testing.assert_close(whole.classifier(pooled.flatten(1)), whole(image))


@pytest.mark.parametrize(
    ("architecture", "shape"), [("mobilenetv1", (1024, 7, 7)), ("alexnet", (256, 6, 6)), ("densenet121", (1024, 7, 7))]
)
def test_feature_map_of_a_film(architecture: Any, shape: tuple[int, int, int]) -> None:
    backbone = build_backbone(architecture).to("meta")
    features = backbone.forward_features(torch.empty(2, 3, 224, 224, device="meta"))
    assert features.shape == (2, *shape)
    assert backbone.num_features == shape[0]


@pytest.mark.parametrize("stride", [8, 16, 32])
def test_output_stride_is_the_maps(stride: int) -> None:
    backbone = build_backbone("mobilenetv1", width=0.25, output_stride=stride).eval()
    with torch.no_grad():
        assert backbone.forward_features(torch.zeros(1, 3, 64, 64)).shape[2:] == (64 // stride, 64 // stride)


@pytest.mark.parametrize("architecture", ["mobilenetv1", "alexnet", "densenet121"])
def test_grey_levels_enter_as_the_weights_were_trained(architecture: Any) -> None:
    """The mean and deviation that timm and torchvision publish with their weights."""
    if architecture == "mobilenetv1":
        published = timm.get_pretrained_cfg("mobilenetv1_100")
    else:
        published = {"alexnet": AlexNet_Weights, "densenet121": DenseNet121_Weights}[architecture].DEFAULT.transforms()
    network = Network(ModelSection(architecture=architecture, weights="none"), bn_momentum=0.9).eval()
    film = torch.arange(64 * 64).remainder(256).to(torch.uint8).reshape(1, 1, 64, 64)
    mean, std = (torch.tensor(values).reshape(1, 3, 1, 1) for values in (published.mean, published.std))
    with torch.no_grad():
        expected = network.backbone.forward_features((film / 255 - mean) / std)
        torch.testing.assert_close(network.features(film), expected, rtol=1e-4, atol=1e-5)


def _linear(backbone: nn.Module) -> nn.Module:
    """A network that averages: kernels positive, those of stride 1 near the identity, pools for their mean."""
    with torch.no_grad():
        for module in backbone.modules():
            if isinstance(module, nn.Conv2d):
                middle = module.kernel_size[0] // 2
                module.weight.fill_(0.01 if module.stride == (1, 1) else 1.0)
                module.weight[:, :, middle, middle] = 1.0
                module.weight /= module.weight[0].sum()
                if module.bias is not None:
                    module.bias.zero_()
            for name, child in module.named_children():
                if isinstance(child, nn.MaxPool2d):
                    setattr(module, name, nn.AvgPool2d(child.kernel_size, child.stride, child.padding))
    return backbone.eval()


@pytest.mark.parametrize(
    ("architecture", "size", "variant"),
    [
        ("mobilenetv1", 320, {"width": 0.25, "output_stride": 8}),
        ("mobilenetv1", 320, {"width": 0.25, "output_stride": 16}),
        ("mobilenetv1", 448, {"width": 0.25}),
        # Two strides meet an odd side here, 45 and 23, which Keras pads on both.
        ("mobilenetv1", 360, {"width": 0.25}),
        ("alexnet", 224, {}),
        ("alexnet", 301, {}),
        ("densenet121", 224, {}),
        ("densenet121", 300, {}),
    ],
)
def test_cell_grid_is_where_the_gradients_of_cells_are_centred(
    architecture: Any, size: int, variant: dict[str, Any]
) -> None:
    """Measured: the centre of mass of what the two middle cells of a linear network see."""
    backbone: Any = _linear(build_backbone(architecture, **variant))
    film = torch.ones(1, 3, size, size, requires_grad=True)
    features = backbone.forward_features(film)
    cells, grid = features.shape[-1], cell_grid(backbone, size)
    places = torch.arange(size) + 0.5
    for cell in (cells // 2 - 1, cells // 2):
        (gradient,) = torch.autograd.grad(features[0, :, cell, cell].sum(), film, retain_graph=True)
        weight = gradient[0].sum(dim=(0, 1))
        centre = float((weight * places).sum() / weight.sum())
        expected = size * (0.5 + (grid.shift + (cell + 0.5 - cells / 2) * grid.pitch) / cells)
        assert centre == pytest.approx(expected, abs=0.4)


def test_cell_grid_leaves_the_backbone_as_it_was() -> None:
    backbone = build_backbone("mobilenetv1", width=0.25).train()
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    cell_grid(backbone, 64)
    assert backbone.training
    assert all(torch.equal(before[name], value) for name, value in backbone.state_dict().items())


def test_random_weights_start_local() -> None:
    backbone = build_backbone("mobilenetv1", width=0.25, output_stride=8)
    start_local(backbone)
    kernel = next(m for m in backbone.modules() if isinstance(m, nn.Conv2d) and m.groups > 1).weight
    assert float(kernel[:, 0, 1, 1].detach().mean()) == pytest.approx(1.0, abs=0.1)
    assert float(kernel[:, 0, 0, 0].detach().abs().mean()) < 0.2


def test_shallow_leaves_out_five_blocks() -> None:
    full = build_backbone("mobilenetv1", width=0.25, output_stride=8)
    shallow = build_backbone("mobilenetv1", width=0.25, output_stride=8, shallow=True)
    assert [len(stage) for stage in full.blocks] == [1, 2, 2, 6, 2]
    assert [len(stage) for stage in shallow.blocks] == [1, 2, 2, 1, 2]


@pytest.mark.parametrize(("name", "value"), [("width", 0.5), ("shallow", True), ("output_stride", 16)])
def test_settings_of_mobilenet_are_refused_for_others(name: str, value: float) -> None:
    with pytest.raises(RecipeError, match=rf"model\.{name}.*only mobilenetv1 has this.*densenet121"):
        load_recipe(Target.HERNIA, overrides={f"model.{name}": value, "model.architecture": "densenet121"})


def test_a_film_too_small_for_alexnet_is_refused() -> None:
    sizes = {"model.architecture": "alexnet", "input.size": 63}
    assert load_recipe(Target.HERNIA, overrides=sizes).input.size == 63
    with pytest.raises(RecipeError, match=r"alexnet needs an input\.size of at least 63, and it is 62"):
        load_recipe(Target.HERNIA, overrides={**sizes, "input.size": 62})
    features = build_backbone("alexnet").to("meta").forward_features(torch.empty(1, 3, 63, 63, device="meta"))
    assert features.shape[2:] == (1, 1)
