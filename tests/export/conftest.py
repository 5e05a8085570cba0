"""A finished run with random weights, made without training: export cares for what a run holds, not how it came."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from cxr_shared.files import write_json
from cxr_shared.findings import Target
from cxr_trainer.fit.run import Run
from cxr_trainer.model.network import Network, cpu_state, initialised
from cxr_trainer.recipe_files import load_recipe

SIZE = 64


def _settle(network: Network, *, size: int = SIZE) -> Network:
    """Give every BN layer moving statistics that are not the initial zeros and ones."""
    generator = torch.Generator().manual_seed(1)
    network.train()
    with torch.no_grad():
        for _ in range(3):
            network(torch.randint(0, 256, (8, 1, size, size), dtype=torch.uint8, generator=generator))
    return network.eval()


def make_run(root: Path, target: Target, *, seed: int = 0) -> Run:
    recipe = load_recipe(target, overrides={"input.size": SIZE, "model.weights": "none", "model.width": 0.25})
    run = Run.create(root, recipe, data=root / "no-films-here", device="cpu")
    network = initialised(recipe.model, bn_momentum=0.5, seed=seed)
    _settle(network)
    run.write_tensors("best", cpu_state(network))
    run.write_tensors("normal_map", {"map": torch.tensor([[0.5, -1.0], [2.0, 0.0]])})
    pd.DataFrame({"image": ["a.png"], "patient": ["1"], "part": ["validation"], "label": [1]}).to_parquet(
        run.folder / "split.parquet"
    )
    generator = np.random.default_rng(seed)
    logit, label = generator.normal(0, 3, 80), np.tile([0, 1], 40)
    predictions = {"patient": np.arange(80).astype(str), "part": ["validation"] * 40 + ["test"] * 40}
    pd.DataFrame({**predictions, "label": label, "logit": logit}).to_parquet(run.folder / "predictions.parquet")
    figure = {"value": 0.9, "low": 0.8, "high": 0.95}
    test = {"auc": figure, "accuracy": figure, "films": 20, "patients": 9}
    write_json(
        run.folder / "metrics.json",
        {
            "parts": {"test": test},
            "operating_points": [{"name": "balanced", "threshold": 0.4, "sensitivity": 0.9, "specificity": 0.8}],
            "map_peak": 7.5,
            "split": {"kind": "patient", "sha256": "0" * 64},
        },
    )
    return run


@pytest.fixture(scope="session")
def settled():
    return _settle


@pytest.fixture(scope="session")
def run_maker():
    return make_run


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return make_run(tmp_path_factory.mktemp("runs"), Target.HERNIA)


@pytest.fixture(scope="session")
def films() -> np.ndarray:
    """24 varied inputs: noise, gradients and flats."""
    generator = np.random.default_rng(0)
    noise = generator.integers(0, 256, (12, SIZE, SIZE))
    ramps = np.stack([np.linspace(0, 20 * i, SIZE)[None].repeat(SIZE, 0) for i in range(1, 11)])
    flats = np.stack([np.zeros((SIZE, SIZE)), np.full((SIZE, SIZE), 255)])
    return np.concatenate([noise, ramps, flats]).astype(np.uint8)
