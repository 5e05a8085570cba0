"""What a heat map is read against, worked out film by film."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from cxr_trainer.data.prepare import prepare_films
from cxr_trainer.evaluate.normal_map import map_peak, normal_map
from cxr_trainer.fit.device import choose_compute
from cxr_trainer.fit.events import Fanout, NoLog
from cxr_trainer.fit.loop import Bench
from cxr_trainer.fit.setup import make_bench
from cxr_trainer.model.head import fold
from cxr_trainer.recipe import Recipe


@pytest.fixture
def bench(tiny_nih: Path, tiny_recipe: Recipe) -> Bench:
    """Films and a fresh network."""
    films, compute = prepare_films(tiny_nih, tiny_recipe), choose_compute("cpu")
    torch.manual_seed(0)
    return make_bench(
        tiny_recipe, films, compute, sink=Fanout([]), log=NoLog(), checkpoint_path=Path(), stop=lambda: False
    )


def test_normal_map_and_peak_are_those_of_the_maps(bench: Bench) -> None:
    """Normal films' maps average to the normal map, and positive films' rise to the peak."""
    weight, bias = fold(bench.network.eval().head)
    maps, labels = [], bench.validation.labels.numpy()
    for index in range(len(bench.validation)):
        pixels, _ = bench.validation.batch(np.array([index]))
        with torch.inference_mode():
            features = bench.network.features(pixels)[0].double()
        maps.append((torch.tensordot(weight.double(), features, dims=1) + bias).numpy())
    normal = np.mean([each for each, label in zip(maps, labels, strict=True) if label == 0], axis=0)
    peaks = [(each - normal + normal.mean()).max() for each, label in zip(maps, labels, strict=True) if label == 1]
    found = normal_map(bench.network, bench.validation)
    assert found.numpy() == pytest.approx(normal, abs=1e-4)
    assert map_peak(bench.network, bench.validation, found) == pytest.approx(np.median(peaks), abs=1e-4)
