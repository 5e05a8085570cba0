"""ReLU6 in place: the same values and gradients as torch's, bit for bit."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from cxr_trainer.model.activation import ReLU6
from cxr_trainer.model.network import Network
from cxr_trainer.recipe import ModelSection


@pytest.mark.parametrize("shape", [(2, 3, 5, 5), (4, 8, 6, 6)])
def test_values_and_gradients_are_torchs(shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(shape, generator=generator) * 5
    start.view(-1)[:4] = torch.tensor([0.0, 6.0, -0.0, 6.5])
    gradient = torch.randn(shape, generator=generator)
    outcomes = []
    for activation in (ReLU6(inplace=True), nn.ReLU6(), nn.ReLU6(inplace=True)):
        x = start.clone().requires_grad_()
        y = activation(x * 1.0)
        y.backward(gradient)
        outcomes.append((y.detach(), x.grad))
    for y, grad in outcomes[1:]:
        assert torch.equal(outcomes[0][0], y)
        assert torch.equal(outcomes[0][1], grad)


def test_a_network_trains_to_the_bit_as_with_torchs() -> None:
    torch.manual_seed(0)
    own = Network(ModelSection(weights="none", width=0.25, dropout=0.0), bn_momentum=0.9).train()
    usual = copy.deepcopy(own)
    for module in usual.modules():
        if isinstance(getattr(module, "act", None), ReLU6):
            module.act = nn.ReLU6(inplace=True)
    films = torch.randint(0, 256, (4, 1, 64, 64), dtype=torch.uint8)
    for network in (own, usual):
        network(films).logit.square().sum().backward()
    for ours, theirs in zip(own.parameters(), usual.parameters(), strict=True):
        assert torch.equal(ours.grad, theirs.grad)
    assert all(torch.equal(a, b) for a, b in zip(own.buffers(), usual.buffers(), strict=True))


def test_without_gradients_the_input_of_an_evaluation_is_left_alone() -> None:
    activation, x = ReLU6().eval(), torch.tensor([-1.0, 7.0])
    assert activation(x).tolist() == [0.0, 6.0]
    assert x.tolist() == [-1.0, 7.0]
