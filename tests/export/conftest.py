"""A finished run with random weights, made without training: export cares for what a run holds, not how it came."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from once import made_once
from torchvision.models import DenseNet

from cxr_export.fold import FoldedNetwork
from cxr_export.graph import Graph, export_graph
from cxr_export.write import write_bundle
from cxr_shared.files import write_json
from cxr_shared.findings import Target
from cxr_shared.opencv import cv2
from cxr_trainer.fit.run import Run
from cxr_trainer.model.network import Network, cpu_state, initialised
from cxr_trainer.recipe_files import load_recipe

SIZE = 64
FILMS_AT_HAND = 120
HEADER = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position"


def _settle(network: Network, *, size: int = SIZE) -> Network:
    """Give every BN layer moving statistics that are not the initial zeros and ones, the same each time."""
    generator = torch.Generator().manual_seed(1)
    network.train()
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)  # dropout's
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


def draw_film(generator: np.random.Generator) -> np.ndarray:
    """Two dark fields on a grey ground, of varied size, exposure and noise."""
    rows, columns = np.mgrid[0:64, 0:64] / 63
    film = generator.uniform(140, 180) + 30 * rows
    for centre in (0.3, 0.7):
        width, height = generator.uniform(0.1, 0.15), generator.uniform(0.25, 0.33)
        film -= 100 * np.exp(
            -(((columns - centre) / width) ** 2) - ((rows - generator.uniform(0.45, 0.55)) / height) ** 2
        )
    return np.clip(film + generator.normal(0, 4, film.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def warm_exporter() -> None:
    """What torch's exporter does once in a process takes seconds, which are no test's own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(torch.nn.ReLU(), (torch.zeros(1),), dynamo=True, verbose=False)


@pytest.fixture
def small_densenet(monkeypatch: pytest.MonkeyPatch, warm_exporter: None) -> None:
    """Wherever DenseNet-121 is built, build one of two dense blocks with two narrow layers each.

    All that its folding, export and quantization meet is in it: concatenations, batch normalisation before
    convolutions, a transition, the last normalisation; the 121 layers take ten times as long.
    """

    def build(*, weights: None, num_classes: int = 1000) -> DenseNet:
        return DenseNet(8, (2, 2), num_init_features=16, bn_size=2, num_classes=num_classes)

    monkeypatch.setattr("torchvision.models.densenet121", build)


@pytest.fixture(scope="session")
def settled(warm_exporter: None):
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


@pytest.fixture(scope="session")
def nih(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("nih")
    generator, rows = np.random.default_rng(0), [HEADER]
    for number in range(FILMS_AT_HAND):
        name = f"{number // 2:08d}_{number % 2:03d}.png"
        cv2.imwrite(str(root / name), draw_film(generator))
        rows.append(f"{name},{('No Finding', 'Mass')[number % 2]},0,{number // 2},50,M,PA")
    (root / "Data_Entry_2017.csv").write_text("\n".join(rows) + "\n")
    return root


@pytest.fixture(scope="session")
def at_hand(nih: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run whose films are there: half trained, a quarter validated, a quarter tested."""
    run = make_run(tmp_path_factory.mktemp("runs"), Target.ANOMALY, seed=4)
    write_json(run.folder / "state" / "session.json", {**run.session(), "data": str(nih)})
    parts = np.repeat(["train", "validation", "test"], [FILMS_AT_HAND // 2, FILMS_AT_HAND // 4, FILMS_AT_HAND // 4])
    names = [f"{number // 2:08d}_{number % 2:03d}.png" for number in range(FILMS_AT_HAND)]
    split = {
        "image": names,
        "patient": [name[:8] for name in names],
        "part": parts,
        "label": [0, 1] * (FILMS_AT_HAND // 2),
    }
    pd.DataFrame({**split, "label": [0, 1] * (FILMS_AT_HAND // 2)}).to_parquet(run.folder / "split.parquet")
    recipe = run.recipe()
    weights = recipe.model.model_copy(update={"weights": "/home/someone/weights/mobilenet.safetensors"})
    run.write_recipe(recipe.model_copy(update={"model": weights}))
    return run


@pytest.fixture(scope="session")
def film_drawer():
    return draw_film


@pytest.fixture(scope="session")
def exported(run: Run, at_hand: Run, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A bundle of two models, one of them with its films at hand, and what was reported."""

    def write(folder: Path) -> None:
        lines: list[str] = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CXR_CACHE", str(folder / "cache"))
            write_bundle([run, at_hand], folder / "chest.cxr", report=lines.append)
        (folder / "report.txt").write_text("\n".join(lines))

    folder = made_once(tmp_path_factory, "exported", write)
    return folder / "chest.cxr", (folder / "report.txt").read_text().splitlines()


@pytest.fixture(scope="session")
def network(run: Run) -> Network:
    """The trained network of `run`."""
    loaded = Network(run.recipe().model, bn_momentum=0.99)
    loaded.load_state_dict(run.read_tensors("best"))
    return loaded.eval()


@pytest.fixture(scope="session")
def folded(network: Network, run: Run) -> FoldedNetwork:
    return FoldedNetwork(network, run.read_tensors("normal_map")["map"], size=SIZE)


@pytest.fixture(scope="session")
def graph(folded: FoldedNetwork) -> Graph:
    return export_graph(folded, size=SIZE)
