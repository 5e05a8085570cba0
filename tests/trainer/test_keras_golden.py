"""Augmentation, head and optimizers against numbers that Keras computed."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.optim import Optimizer

from cxr_trainer.data.augment import Transform, apply, batch_seed, draw
from cxr_trainer.fit.optimizers import Adam, RMSprop, build_optimizer, set_rate
from cxr_trainer.model.head import AffineHead, Penalties, fold
from cxr_trainer.recipe import AugmentSection
from cxr_trainer.schedule import Decay


def _transform(**values: float) -> Transform:
    def one(name: str, default: float) -> torch.Tensor:
        return torch.tensor([float(values.get(name, default))])

    return Transform(
        rotation=one("theta", 0),
        shear=one("shear", 0),
        # Keras's first coordinate (tx, zx) runs along the columns.
        shift_columns=one("tx", 0),
        shift_rows=one("ty", 0),
        zoom_columns=one("zx", 1),
        zoom_rows=one("zy", 1),
        brightness=one("brightness", 1),
        flip=torch.tensor([bool(values.get("flip_horizontal", False))]),
    )


def test_affine_transforms_equal_keras(golden: Path) -> None:
    cases = json.loads((golden / "keras_affine.json").read_text())["cases"]
    arrays = np.load(golden / "keras_affine.npz")
    image = torch.tensor(arrays["image"])[None, None]
    assert len(cases) == 10
    for number, case in enumerate(cases):
        ours = apply(_transform(**case), image, brighten=False)[0, 0].numpy()
        np.testing.assert_allclose(ours, arrays[f"out{number}"], atol=2e-3, err_msg=str(case))


@pytest.mark.parametrize("factor", [0.4, 1.0, 1.5])
def test_brightness_equals_keras(golden: Path, factor: float) -> None:
    arrays = np.load(golden / "keras_brightness.npz")
    ours = apply(_transform(brightness=factor), torch.tensor(arrays["image"])[None, None])
    # A grey level may fall on the other side of a whole number by float32 rounding of the resampling.
    difference = np.abs(ours[0, 0].numpy() - arrays[f"f{factor}"])
    assert difference.max() <= 1.0
    assert (difference > 0).mean() < 0.02


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32), films=st.integers(1, 5))
def test_draws_stay_in_their_ranges_and_repeat(seed: int, films: int) -> None:
    section = AugmentSection()
    first, again = (
        draw(section, films=films, size=(40, 40), generator=torch.Generator().manual_seed(seed)) for _ in range(2)
    )
    assert all(torch.equal(getattr(first, name), getattr(again, name)) for name in Transform.__slots__)
    assert first.rotation.abs().max() <= 7
    assert first.shift_rows.abs().max() <= 4
    assert (first.zoom_columns - 1).abs().max() <= 0.1 + 1e-6
    assert 0.4 <= float(first.brightness.min()) <= float(first.brightness.max()) <= 1.5


def test_seeds_differ_by_every_part() -> None:
    seeds = {batch_seed(a, b, c) for a in range(4) for b in range(4) for c in range(50)}
    assert len(seeds) == 4 * 4 * 50


def _golden_head(golden: Path) -> tuple[AffineHead, Any]:
    arrays = np.load(golden / "keras_head.npz")
    head = AffineHead(16, units=(25, 10, 5, 2), dropout=0.0, bn_momentum=0.99)
    weights = [torch.tensor(arrays[f"w{i}"]) for i in range(26)]
    for layer in range(4):
        kernel, bias, gamma, beta, mean, variance = weights[6 * layer : 6 * layer + 6]
        dense, norm = head.dense[layer], head.norm[layer]
        assert isinstance(dense, nn.Linear)
        assert isinstance(norm, nn.BatchNorm1d)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        for own, given_ in zip(
            (dense.weight, dense.bias, norm.weight, norm.bias, norm.running_mean, norm.running_var),
            (kernel.T, bias, gamma, beta, mean, variance),
            strict=True,
        ):
            own.data.copy_(given_)
    head.logit.weight.data.copy_(weights[24].T)
    head.logit.bias.data.copy_(weights[25])
    return head, arrays


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_head_and_its_penalties_equal_keras(golden: Path, mode: str) -> None:
    head, arrays = _golden_head(golden)
    head.train(mode == "train")
    output = head(torch.tensor(arrays["x"]))
    np.testing.assert_allclose(torch.sigmoid(output.logit).detach(), arrays[f"prob_{mode}"].ravel(), atol=2e-5)
    losses = [loss.detach().item() for loss in head.penalties(output, Penalties())]
    # Keras returns the activity losses of all layers first, then kernel and bias of each.
    in_keras_order = losses[2::3] + [loss for i, loss in enumerate(losses) if i % 3 != 2]
    np.testing.assert_allclose(in_keras_order, arrays[f"losses_{mode}"], rtol=1e-5, atol=1e-7)


def test_moving_variance_averages_the_biased_batch_variance() -> None:
    """Keras takes the batch's variance as it is; torch would multiply it by n / (n - 1)."""
    head = AffineHead(3, units=(2,), dropout=0.0, bn_momentum=0.75)
    x = torch.tensor([[1.0, 2.0, 3.0], [0.0, -1.0, 5.0], [2.0, 2.0, 2.0]])
    head.train()(x)
    activity = x.numpy() @ head.dense[0].weight.detach().numpy().T + head.dense[0].bias.detach().numpy()
    norm = head.norm[0]
    np.testing.assert_allclose(norm.running_var, 0.75 + 0.25 * activity.var(axis=0), rtol=1e-5)
    np.testing.assert_allclose(norm.running_mean, 0.25 * activity.mean(axis=0), rtol=1e-4, atol=1e-6)


def test_folded_head_is_the_head(golden: Path) -> None:
    head, arrays = _golden_head(golden)
    weight, bias = fold(head.eval())
    logit = arrays["x"].astype(np.float64) @ weight.numpy() + float(bias)
    np.testing.assert_allclose(1 / (1 + np.exp(-logit)), arrays["prob_eval"].ravel(), atol=2e-6)


def _follow(golden: Path, optimizer: Optimizer, weight: torch.Tensor, expected: list[list[float]]) -> None:
    """Each update's weights under lr0 / (1 + decay·i) against Keras's."""
    numbers = json.loads((golden / "keras_optimizers.json").read_text())
    schedule = Decay(numbers["lr0"], numbers["decay"])
    assert len(expected) == 20
    for update, row in enumerate(expected):
        x, y = torch.tensor(numbers["X"][update]), torch.tensor(numbers["Y"][update])[:, 0]
        set_rate(optimizer, schedule.rate(update))
        optimizer.zero_grad()
        ((x @ weight - y) ** 2).mean().backward()
        optimizer.step()
        np.testing.assert_allclose(weight.detach(), row, rtol=1e-5, atol=1e-6)


@pytest.fixture
def weight(golden: Path) -> torch.Tensor:
    return torch.tensor(json.loads((golden / "keras_optimizers.json").read_text())["W0"], requires_grad=True)


@pytest.mark.parametrize(("name", "key"), [("sgd", "sgd_momentum0.9"), ("adam", "adam"), ("rmsprop", "rmsprop_rho0.9")])
def test_optimizers_equal_keras(golden: Path, weight: torch.Tensor, name: Any, key: str) -> None:
    optimizer = build_optimizer(name, [weight], lr=1.0, momentum=0.9)
    _follow(golden, optimizer, weight, json.loads((golden / "keras_optimizers.json").read_text())[key])


@pytest.mark.parametrize(
    ("key", "build"),
    [
        ("adam_epsilon0.1", partial(Adam, epsilon=0.1)),
        ("rmsprop_rho0.6", partial(RMSprop, rho=0.6)),
        ("rmsprop_epsilon0.1", partial(RMSprop, epsilon=0.1)),
        ("rmsprop_momentum0.9", partial(RMSprop, momentum=0.9, rho=0.8)),
    ],
)
def test_optimizer_settings_equal_keras(golden: Path, weight: torch.Tensor, key: str, build: Any) -> None:
    """An epsilon of 0.1 shows where it stands, which 1e-7 does not."""
    _follow(golden, build([weight], lr=1.0), weight, json.loads((golden / "keras_settings.json").read_text())[key])


@pytest.mark.realdata
def test_fixtures_are_the_numbers_that_keras_gave(golden: Path, real_material: Path) -> None:
    originals = [each for each in (real_material / "golden").iterdir() if each.suffix in (".json", ".npz")]
    assert len(originals) == 6
    for each in originals:
        assert (golden / each.name).read_bytes() == each.read_bytes(), each.name
