from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cxr_export.errors import ExportRefused
from cxr_export.fold import FoldedNetwork
from cxr_export.gate import (
    FEWEST_FILMS,
    GateDistance,
    GateTerms,
    check_distance,
    distances,
    fit_gate,
    gate_threshold,
)
from cxr_export.gate_films import GateFit, set_gate
from cxr_export.inspect import describe, gate_text
from cxr_export.parity import run_onnx
from cxr_shared.bundle import open_bundle
from cxr_shared.findings import Target
from cxr_trainer.fit.run import Run
from cxr_trainer.model.network import Network


def _features(films: int, *, seed: int, plane: np.ndarray) -> np.ndarray:
    """(films, 40) float32 whose square roots lie near 0.5 + the span of `plane` (3, 40)."""
    generator = np.random.default_rng(seed)
    roots = 0.5 + generator.normal(0, 0.05, (films, 3)) @ plane + generator.normal(0, 0.01, (films, 40))
    return np.square(roots.clip(0)).astype(np.float32)


@pytest.fixture(scope="module")
def plane() -> np.ndarray:
    return np.random.default_rng(9).normal(size=(3, 40))


def test_the_distance_is_what_a_least_squares_fit_of_the_components_leaves() -> None:
    generator = np.random.default_rng(0)
    components = np.linalg.qr(generator.normal(size=(12, 4)))[0].T.astype(np.float32)
    mean, pooled = generator.random(12).astype(np.float32), generator.random((5, 12)).astype(np.float32)
    found = distances(GateTerms(mean, components, scale=0.5), pooled)
    centred = (np.sqrt(pooled) - mean).T
    fitted = components.T @ np.linalg.lstsq(components.T, centred, rcond=None)[0]
    np.testing.assert_allclose(found, np.linalg.norm(centred - fitted, axis=0) / 0.5, rtol=1e-5)


def test_films_of_the_plane_pass_and_others_are_far(plane: np.ndarray) -> None:
    terms = fit_gate(_features(200, seed=1, plane=plane), _features(100, seed=2, plane=plane))
    validation = distances(terms, _features(100, seed=2, plane=plane))
    assert np.median(validation) == pytest.approx(1.0)
    threshold = gate_threshold(validation)
    assert (distances(terms, _features(500, seed=3, plane=plane)) <= threshold).mean() >= 0.99
    elsewhere = np.random.default_rng(8).normal(size=(3, 40))
    assert (distances(terms, _features(500, seed=4, plane=elsewhere)) > threshold).mean() >= 0.95
    assert terms.components.shape == (20, 40), "half as many as there are features"


@given(st.integers(0, 1000), st.floats(0.02, 0.5))
def test_the_threshold_lies_where_hardly_a_film_of_a_lognormal_does(seed: int, spread: float) -> None:
    """3.25 standard deviations above the mean: 1 film in 1,700, give or take what 60 films tell."""
    logs = spread * np.random.default_rng(seed).normal(size=60)
    beyond = np.log(gate_threshold(np.exp(logs)))
    assert beyond == pytest.approx(logs.mean() + 3.25 * np.sqrt(np.square(logs - logs.mean()).sum() / 59))


def test_many_films_with_a_long_tail_raise_the_threshold() -> None:
    tail = np.r_[np.full(985, 1.0), np.full(15, 9.0)]
    assert gate_threshold(tail) == 9.0


@pytest.fixture(scope="module")
def network(at_hand: Run) -> Network:
    loaded = Network(at_hand.recipe().model, bn_momentum=0.99)
    loaded.load_state_dict(at_hand.read_tensors("best"))
    return loaded.eval()


@pytest.fixture(scope="module")
def fit(at_hand: Run, network: Network, tmp_path_factory: pytest.TempPathFactory) -> GateFit:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CXR_CACHE", str(tmp_path_factory.mktemp("cache")))
        found = set_gate(at_hand, network)
    assert found is not None
    return found


def test_a_gate_is_set_on_a_runs_own_films(fit: GateFit) -> None:
    gate = fit.gate
    assert (gate.target, gate.films) == (Target.ANOMALY, 30)
    assert gate.accepted is not None
    assert gate.accepted.value >= 0.95
    assert len(fit.terms.components) == 15, "a quarter of the training films"
    assert "what 15 principal components" in gate.method
    assert "from 30 validation films" in gate_text(gate)


def test_the_graph_gives_the_distance_of_films_and_of_what_is_none(
    fit: GateFit, network: Network, at_hand: Run, exported: tuple[Path, list[str]], film_drawer
) -> None:
    folded = FoldedNetwork(network, at_hand.read_tensors("normal_map")["map"], size=64, gate=GateDistance(fit.terms))
    data = open_bundle(exported[0]).model(Target.ANOMALY)
    generator = np.random.default_rng(77)
    films = np.stack([film_drawer(generator) for _ in range(20)])
    others = [np.zeros((64, 64)), np.full((64, 64), 255), np.indices((64, 64))[0] * 4]
    others += [generator.integers(0, 256, (64, 64)) for _ in range(5)]
    pictures = np.concatenate([films, np.stack(others).astype(np.uint8)])
    with torch.inference_mode():
        distance = folded(torch.from_numpy(pictures))[2].numpy()
    assert check_distance(data, fit.terms, network, pictures, name="Anomaly") < 1e-3
    assert (distance[:20] <= fit.gate.threshold).all()
    assert (distance[20:] > fit.gate.threshold).all()
    with torch.inference_mode():
        logits = network(torch.from_numpy(pictures).unsqueeze(1)).logit.numpy()
    np.testing.assert_allclose(run_onnx(data, pictures)[0], logits, atol=1e-4)
    other = GateTerms(fit.terms.mean + 0.01, fit.terms.components, fit.terms.scale)
    with pytest.raises(ExportRefused, match="not what was fitted"):
        check_distance(data, other, network, pictures[:2], name="Anomaly")


def test_the_first_model_of_a_bundle_carries_the_gate(fit: GateFit, exported: tuple[Path, list[str]]) -> None:
    path, lines = exported
    bundle = open_bundle(path)
    assert bundle.manifest.gate == fit.gate
    outputs = {
        target: [each.name for each in onnx.load_model_from_string(bundle.model(target)).graph.output]
        for target in bundle.targets
    }
    assert outputs == {Target.ANOMALY: ["logit", "map", "distance"], Target.HERNIA: ["logit", "map"]}
    assert sum("Film gate in the model of" in line for line in lines) == 1
    assert "Film gate in the model of Anomaly" in describe(bundle)
    assert "calibrat" in describe(bundle)


def test_films_that_are_away_or_few_set_no_gate(
    at_hand: Run, run: Run, network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))
    assert set_gate(run, network) is None
    split = pd.read_parquet(at_hand.folder / "split.parquet")
    monkeypatch.setattr(
        pd, "read_parquet", lambda *_, **__: split[["image", "part"]].groupby("part").head(FEWEST_FILMS - 1)
    )
    assert set_gate(at_hand, network) is None
    assert "No film gate" in gate_text(None)
