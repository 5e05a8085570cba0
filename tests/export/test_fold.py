"""Batch normalisation, normalisation and the three channels are gone, and nothing else has changed."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from cxr_export.fold import FoldedNetwork
from cxr_export.graph import Graph
from cxr_export.stem import GreyStem
from cxr_trainer.model.network import Network, initialised
from cxr_trainer.recipe import ModelSection

VARIANTS = [
    ({"architecture": "mobilenetv1", "width": 0.25}, 64),
    ({"architecture": "mobilenetv1", "width": 0.25, "output_stride": 8, "shallow": True}, 65),
    ({"architecture": "alexnet"}, 80),
    ({"architecture": "densenet121"}, 64),
]


@pytest.fixture(params=VARIANTS, ids=lambda each: "-".join(map(str, each[0].values())))
def variant(request, settled) -> tuple[Network, int]:
    fields, size = request.param
    network = settled(initialised(ModelSection(weights="none", **fields), bn_momentum=0.5, seed=0), size=size)
    generator = torch.Generator().manual_seed(2)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.weight.data.uniform_(0.5, 1.5, generator=generator)
            module.bias.data.normal_(0.0, 0.3, generator=generator)
    return network, size


def test_features_are_the_networks_own_to_the_very_border(variant) -> None:
    network, size = variant
    generator = torch.Generator().manual_seed(3)
    films = torch.randint(0, 256, (4, size, size), dtype=torch.uint8, generator=generator)
    films[1], films[2] = 255, 0  # where padding differs most from the film
    folded = FoldedNetwork(network, torch.zeros(1, 1), size=size)
    with torch.inference_mode():
        expected, given = network.features(films.unsqueeze(1)), folded.features(films)
    torch.testing.assert_close(given, expected, atol=3e-4, rtol=1e-4)
    assert float(expected.std()) > 1e-3


def test_only_what_follows_a_concatenation_keeps_its_batch_norm(variant) -> None:
    network, size = variant
    folded = FoldedNetwork(network, torch.zeros(1, 1), size=size)
    left = [name for name, module in folded.named_modules() if isinstance(module, nn.BatchNorm2d)]
    blocks = (6, 12, 24, 16)  # layers of DenseNet-121's dense blocks: each normalises what was concatenated
    assert len(left) == (sum(blocks) + 3 + 1 if network.backbone.num_features == 1024 and size == 64 else 0)
    (stem,) = [module for module in folded.modules() if isinstance(module, GreyStem)]
    assert stem.convolution.weight.shape[1] == 1
    assert any(isinstance(module, nn.BatchNorm2d) for module in network.modules()) or not left, "a copy was folded"


def test_no_activation_overwrites_its_input_and_the_networks_own_still_do(variant) -> None:
    network, size = variant
    folded = FoldedNetwork(network, torch.zeros(1, 1), size=size)
    assert not any(getattr(module, "inplace", False) for module in folded.modules())
    assert any(getattr(module, "inplace", False) for module in network.modules())


def test_mobilenets_stem_needs_no_border_and_torchvisions_does(settled) -> None:
    mobile = initialised(ModelSection(weights="none", width=0.25), bn_momentum=0.5, seed=0)
    alex = initialised(ModelSection(architecture="alexnet", weights="none"), bn_momentum=0.5, seed=0)
    stems = []
    for network in (mobile, alex):
        folded = FoldedNetwork(settled(network), torch.zeros(1, 1), size=64)
        stems += [module for module in folded.modules() if isinstance(module, GreyStem)]
    assert (stems[0].level, stems[0].border) == (127.5, None)
    border = stems[1].border
    assert float(border[0, :, 4:-4, 4:-4].abs().max()) == 0.0
    assert float(border[0, :, 0].abs().max()) > 0.0


def test_the_graph_has_convolutions_and_one_channel(network: Network, graph: Graph) -> None:
    model = onnx.load_model_from_string(graph.data)
    kinds = Counter(node.op_type for node in model.graph.node)
    assert kinds["BatchNormalization"] == 0
    assert kinds["Conv"] == 1 + 2 * 13 + 1
    assert set(kinds) == {"Conv", "Clip", "Unsqueeze", "Cast", "Sub", "Squeeze", "Add", "ReduceMean"}
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    first = next(node for node in model.graph.node if node.op_type == "Conv")
    assert list(weights[first.input[1]].dims) == [8, 1, 3, 3]
    assert np.isclose(onnx.numpy_helper.to_array(weights[first.input[1]]), _summed(network), atol=1e-7).all()


def _summed(network: Network) -> np.ndarray:
    """The stem by hand: the channels' weights summed, scaled by 1/127.5 and by its batch normalisation."""
    stem, norm = network.backbone.conv_stem, network.backbone.bn1
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return (stem.weight.sum(dim=1, keepdim=True) / 127.5 * scale[:, None, None, None]).detach().numpy()
