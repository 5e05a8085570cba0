"""Folding, the ONNX graph, the parity gate and the bundle."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from cxr_export.errors import ExportRefused
from cxr_export.films import CheckFilms
from cxr_export.fold import FoldedNetwork
from cxr_export.graph import Graph, export_graph
from cxr_export.inspect import describe
from cxr_export.parity import Trained, measure_parity, require_equal, run_onnx, run_torch
from cxr_export.write import write_bundle
from cxr_shared.bundle import Parity, Tolerance, open_bundle
from cxr_shared.bundle import write_bundle as write_file
from cxr_shared.errors import BundleError
from cxr_shared.findings import Target
from cxr_trainer.fit.run import Run
from cxr_trainer.model.network import Network, initialised
from cxr_trainer.recipe import Architecture, ModelSection

Settled = Callable[..., Network]


def judge(data: bytes, network: Network, films: np.ndarray) -> Parity:
    patients = np.array([str(i) for i in range(len(films))], object)
    check = CheckFilms(films, None, patients, np.zeros(len(films), bool), "films of the test", films[:0])
    parity = measure_parity(data, Trained(check, run_torch(network, films), {"balanced": 0.0}))
    require_equal(parity, Tolerance(), name="Hernia")
    return parity


def test_folded_network_is_the_network_and_its_maps_mean_is_its_logit(
    network: Network, folded: FoldedNetwork, films: np.ndarray
) -> None:
    with torch.inference_mode():
        logit, heat = folded(torch.from_numpy(films))
        expected = network(torch.from_numpy(films).unsqueeze(1)).logit
    torch.testing.assert_close(logit, expected, atol=1e-4, rtol=1e-5)
    torch.testing.assert_close(heat.mean(dim=(1, 2)), logit, atol=1e-5, rtol=1e-6)
    assert float(expected.std()) > 1e-3, "the inputs must differ in their logits for this test to mean anything"


def test_a_film_like_the_average_normal_one_has_a_flat_map(network: Network, films: np.ndarray) -> None:
    film = torch.from_numpy(films[:1])
    with torch.inference_mode():
        _, heat = FoldedNetwork(network, torch.zeros(2, 2), size=64)(film)
        logit, flat = FoldedNetwork(network, heat[0], size=64)(film)
    assert float(heat.std()) > 1e-4
    torch.testing.assert_close(flat, logit.reshape(1, 1, 1).expand(1, 2, 2), atol=1e-5, rtol=1e-5)


def test_graph_takes_uint8_in_any_batch(graph: Graph, films: np.ndarray) -> None:
    model = onnx.load_model_from_string(graph.data)
    assert [each.name for each in model.graph.input] == ["film"]
    assert [each.name for each in model.graph.output] == ["logit", "map"]
    assert model.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param
    alone = np.concatenate([run_onnx(graph.data, films[i : i + 1])[0] for i in range(3)])
    np.testing.assert_allclose(alone, run_onnx(graph.data, films[:3])[0], atol=1e-4)
    assert graph.map_shape == (2, 2)


def test_graph_holds_no_path_and_no_external_data(graph: Graph) -> None:
    assert b"/cxr_" not in graph.data
    assert b".py" not in graph.data
    model = onnx.load_model_from_string(graph.data)
    assert all(tensor.data_location == onnx.TensorProto.DEFAULT for tensor in model.graph.initializer)


@pytest.mark.slow
def test_parity_passes_for_the_model_and_fails_for_another(graph: Graph, network: Network, films: np.ndarray) -> None:
    parity = judge(graph.data, network, films)
    assert parity.films == 24
    assert parity.max_logit_difference <= 1e-4
    torch.manual_seed(0)
    other = Network(network_section(network), bn_momentum=0.99).eval()
    with pytest.raises(ExportRefused, match="not the trained one"):
        judge(graph.data, other, films)


def _parity_of(architecture: Architecture, settled: Settled, *, size: int) -> Parity:
    section = ModelSection(architecture=architecture, weights="none")
    network = settled(initialised(section, bn_momentum=0.5, seed=0), size=size)
    films = np.random.default_rng(0).integers(0, 256, (6, size, size)).astype(np.uint8)
    films = (films * np.linspace(0.2, 1, 6)[:, None, None]).astype(np.uint8)
    graph = export_graph(FoldedNetwork(network, torch.tensor([[0.5, -1.0], [2.0, 0.0]]), size=size), size=size)
    assert graph.map_shape == (2, 2)
    assert float(run_onnx(graph.data, films)[0].std()) > 1e-3, "the inputs must differ in their logits"
    return judge(graph.data, network, films)


@pytest.mark.parametrize(
    ("architecture", "size"),
    [("alexnet", 96), pytest.param("densenet121", 64, marks=[pytest.mark.slow, pytest.mark.nightly])],
)
def test_parity_passes_for_the_other_backbones(settled: Settled, architecture: Architecture, size: int) -> None:
    assert _parity_of(architecture, settled, size=size).films == 6


def test_parity_passes_for_a_small_densenet(settled: Settled, small_densenet: None) -> None:
    assert _parity_of("densenet121", settled, size=16).films == 6


def network_section(_network: Network):
    return ModelSection(weights="none", width=0.25)


def test_a_subtly_wrong_graph_is_refused(graph: Graph, network: Network, films: np.ndarray) -> None:
    model = onnx.load_model_from_string(graph.data)
    largest = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    values = onnx.numpy_helper.to_array(largest).copy()
    values.flat[: values.size // 20] *= 1.05
    largest.CopyFrom(onnx.numpy_helper.from_array(values, largest.name))
    with pytest.raises(ExportRefused, match="No bundle was written"):
        judge(model.SerializeToString(), network, films)


@pytest.fixture
def bundle_path(exported: tuple[Path, list[str]]) -> Path:
    return exported[0]


def test_bundle_opens_and_describes_itself(bundle_path: Path) -> None:
    bundle = open_bundle(bundle_path)
    assert bundle.targets == (Target.ANOMALY, Target.HERNIA)
    entry = bundle.manifest.entry(Target.HERNIA)
    assert entry.reference.parity.films >= 8
    assert "phantoms" in entry.reference.parity.source
    assert entry.reference.opset == 18
    assert [each.precision for each in entry.files] == ["float32"]
    (fallback,) = entry.fallbacks
    assert fallback.precision == "int8"
    assert "validation films" in fallback.reason
    assert entry.localisation == ()
    assert entry.split_kind == "patient"
    text = describe(bundle)
    assert "NOT FOR CLINICAL USE" in text
    assert "0.900 (0.800 to 0.950)" in text


def test_same_runs_give_the_same_bytes(bundle_path: Path, graph: Graph, tmp_path: Path) -> None:
    bundle = open_bundle(bundle_path)
    assert bundle.model(Target.HERNIA) == graph.data, "two exports of one network"
    again = tmp_path / "chest.cxr"
    write_file(again, bundle.manifest, bundle.files)
    assert again.read_bytes() == bundle_path.read_bytes()


def test_every_flipped_byte_is_caught(bundle_path: Path, tmp_path: Path) -> None:
    """Places all over the file, and many in the container's own headers, which no hash of a model covers."""
    whole = bundle_path.read_bytes()
    generator = np.random.default_rng(0)
    places = np.concatenate([
        generator.integers(0, len(whole), 30),
        generator.integers(0, 400, 20),  # local header and the manifest's start
        len(whole) - 1 - generator.integers(0, 400, 30),  # central directory and end record
    ])  # fmt: skip
    copy = tmp_path / "damaged.cxr"
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(generator.integers(0, 8))
        copy.write_bytes(damaged)
        with pytest.raises(BundleError) as caught:
            open_bundle(copy)
        assert str(copy) in str(caught.value)


@pytest.mark.parametrize("change", [lambda b: b[:-1], lambda b: b + b"\0", lambda b: b"", lambda b: b[: len(b) // 2]])
def test_truncated_and_padded_bundles_are_refused(bundle_path: Path, tmp_path: Path, change) -> None:
    copy = tmp_path / "damaged.cxr"
    copy.write_bytes(change(bundle_path.read_bytes()))
    with pytest.raises(BundleError):
        open_bundle(copy)


def test_runs_that_do_not_fit_together_are_refused(run: Run, run_maker, tmp_path: Path) -> None:
    with pytest.raises(ExportRefused, match="at least one run"):
        write_bundle([], tmp_path / "x.cxr")
    with pytest.raises(ExportRefused, match="Two runs are of Hernia"):
        write_bundle([run, run], tmp_path / "x.cxr")
    unfinished = run_maker(tmp_path, Target.MASS)
    (unfinished.folder / "metrics.json").unlink()
    with pytest.raises(ExportRefused, match="resume"):
        write_bundle([unfinished], tmp_path / "x.cxr")
    assert not (tmp_path / "x.cxr").exists()


def test_a_test_part_that_allows_no_interval_is_one_sentence(run_maker, tmp_path: Path) -> None:
    run = run_maker(tmp_path / "runs", Target.MASS)
    metrics = run.read_json("metrics.json")
    metrics["parts"]["test"]["auc"] = {"value": 0.9, "low": None, "high": None, "reason": "one patient"}
    (run.folder / "metrics.json").write_text(json.dumps(metrics))
    with pytest.raises(ExportRefused, match=r"no interval for its test auc \(one patient\)"):
        write_bundle([run], tmp_path / "no.cxr")
    assert not (tmp_path / "no.cxr").exists()


def test_a_bundle_names_no_folder_of_the_machine(bundle_path: Path, at_hand: Run) -> None:
    assert at_hand.recipe().model.weights == "/home/someone/weights/mobilenet.safetensors"
    manifest = open_bundle(bundle_path).manifest
    assert manifest.entry(Target.ANOMALY).recipe["model"]["weights"] == "mobilenet.safetensors"
    assert "someone" not in manifest.model_dump_json()
