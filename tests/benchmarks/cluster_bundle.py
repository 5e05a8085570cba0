"""A bundle of 15 MobileNets with random weights, as large and as slow as a trained one, for `cluster_triage.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch

from cxr_export.fold import FoldedNetwork
from cxr_export.graph import export_graph
from cxr_shared.bundle import (
    InputSpec,
    Interval,
    Manifest,
    ModelEntry,
    ModelFile,
    OperatingPoint,
    Parity,
    TestMetrics,
    write_bundle,
)
from cxr_shared.files import sha256_bytes
from cxr_shared.findings import Target
from cxr_shared.pixels import PIXEL_PATH_VERSION
from cxr_trainer.model.network import Network, initialised
from cxr_trainer.recipe_files import load_recipe

_SIZE: Final = 224


def make_bundle(path: Path) -> Path:
    """Write the bundle unless it is there."""
    if not path.is_file():
        models = {target: _graph(target, seed) for seed, target in enumerate(Target)}
        manifest = Manifest(
            name=path.stem,
            pixel_path_version=PIXEL_PATH_VERSION,
            input=InputSpec(size=_SIZE),
            models=tuple(_entry(target, *found) for target, found in models.items()),
            producer={"name": "cluster_bundle"},
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bundle(path, manifest, {f"{target.slug}.onnx": data for target, (data, _, _) in models.items()})
    return path


def _graph(target: Target, seed: int) -> tuple[bytes, tuple[int, int], int]:
    recipe = load_recipe(target, overrides={"input.size": _SIZE, "model.weights": "none"})
    network = _settled(initialised(recipe.model, bn_momentum=0.5, seed=seed))
    graph = export_graph(FoldedNetwork(network, torch.zeros(7, 7), size=_SIZE), size=_SIZE)
    return graph.data, graph.map_shape, graph.opset


def _settled(network: Network) -> Network:
    """Give the batch norms statistics of their own, so that the logits are finite."""
    generator = torch.Generator().manual_seed(1)
    network.train()
    with torch.no_grad():
        for _ in range(3):
            network(torch.randint(0, 256, (8, 1, _SIZE, _SIZE), dtype=torch.uint8, generator=generator))
    return network.eval()


def _entry(target: Target, data: bytes, map_shape: tuple[int, int], opset: int) -> ModelEntry:
    chance = Interval(value=0.5, low=0.0, high=1.0)
    parity = Parity(films=1, max_logit_difference=0.0, max_map_mean_difference=0.0)
    return ModelEntry(
        target=target,
        files=(ModelFile(file=f"{target.slug}.onnx", sha256=sha256_bytes(data), opset=opset, parity=parity),),
        map_shape=map_shape,
        operating_points=(OperatingPoint(name="balanced", threshold=0.5, sensitivity=0.5, specificity=0.5),),
        metrics=TestMetrics(auc=chance, accuracy=chance, films=1, patients=1),
        split_kind="patient",
        split_sha256="0" * 64,
        run="random",
        recipe={},
    )
