"""INT8 and float16 files."""

from __future__ import annotations

import itertools

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from cxr_export.editing import EditableModel
from cxr_export.equalize import equalize
from cxr_export.fold import FoldedNetwork
from cxr_export.graph import export_graph
from cxr_export.half import to_half
from cxr_export.parity import run_onnx
from cxr_export.quantize import Quantizer, open_input
from cxr_export.rounding import apply, round_weights
from cxr_shared.opencv import cv2
from cxr_shared.phantom import render
from cxr_trainer.model.network import initialised
from cxr_trainer.recipe import Architecture, ModelSection

SIZE = 64


@pytest.fixture(scope="module")
def phantoms() -> np.ndarray:
    drawn = [render(seed, findings=[]).pixels for seed in range(4)]
    small = [cv2.resize(each, (SIZE, SIZE), interpolation=cv2.INTER_AREA) for each in drawn]
    return np.stack([np.clip(each * gain, 0, 255) for each in small for gain in (0.6, 1.0, 1.3)]).astype(np.uint8)


@pytest.fixture(scope="module")
def data(settled) -> bytes:
    section = ModelSection(weights="none", width=0.25, shallow=True, output_stride=16)
    network = settled(initialised(section, bn_momentum=0.5, seed=0))
    return export_graph(FoldedNetwork(network, torch.zeros(4, 4), size=SIZE), size=SIZE).data


@pytest.fixture(scope="module")
def quantizer(data: bytes, phantoms: np.ndarray) -> Quantizer:
    return Quantizer(data, phantoms)


@pytest.fixture(scope="module")
def int8(quantizer: Quantizer) -> bytes:
    return quantizer.quantized()


def test_int8_follows_float32_and_its_maps_keep_their_means(data: bytes, int8: bytes, phantoms: np.ndarray) -> None:
    exact, maps = run_onnx(data, phantoms)
    logits, heat = run_onnx(int8, phantoms)
    assert np.abs(heat.mean(axis=(1, 2), dtype=np.float64) - logits).max() <= 1e-5
    assert np.abs(logits - exact).max() < 0.3 * exact.std()
    np.testing.assert_allclose((heat - maps).mean(axis=0), 0.0, atol=1e-4)


def test_int8_takes_the_film_as_it_is_and_has_seven_bit_weights(int8: bytes) -> None:
    graph = onnx.load_model_from_string(int8).graph
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    assert graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert graph.input[0].type.tensor_type.shape.dim[0].dim_param
    assert "Cast" not in {node.op_type for node in graph.node}
    kernels = [each for each in tensors.values() if each.dtype == np.int8 and each.ndim == 4]
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    assert len(kernels) == len(convolutions) - 1
    assert max(int(np.abs(each.astype(int)).max()) for each in kernels) == 64
    last = convolutions[-1]
    assert tensors[last.input[1]].dtype == np.float32
    domains = {node.domain for node in graph.node}
    assert domains <= {"", "ai.onnx"}


def test_the_same_films_give_the_same_bytes(data: bytes, int8: bytes, phantoms: np.ndarray) -> None:
    assert Quantizer(data, phantoms).quantized() == int8


def test_layers_are_kept_in_float_the_first_among_them(
    data: bytes, quantizer: Quantizer, int8: bytes, phantoms: np.ndarray
) -> None:
    exact = run_onnx(data, phantoms)[0]
    order = quantizer.most_harmful()
    assert sorted(order) == sorted(quantizer.convolutions)
    most = quantizer.quantized(keep=quantizer.convolutions[:8])
    assert np.abs(run_onnx(most, phantoms)[0] - exact).mean() < np.abs(run_onnx(int8, phantoms)[0] - exact).mean()
    graph = onnx.load_model_from_string(most).graph
    assert graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.UINT8
    every = quantizer.quantized(keep=quantizer.convolutions)
    np.testing.assert_allclose(run_onnx(every, phantoms)[0], exact, atol=0.02)


def _float_model(data: bytes) -> EditableModel:
    """The model with its film in float32, as the quantizer edits it."""
    model = onnx.load_model_from_string(data)
    assert open_input(model) == 128
    return EditableModel(model)


def test_equalized_channels_share_a_range_and_change_nothing(data: bytes, phantoms: np.ndarray) -> None:
    films = phantoms.astype(np.float32) - 128
    before = next(_float_model(data).flow(["logit"], films))["logit"]
    edited = _float_model(data)
    equalize(edited, films)
    np.testing.assert_allclose(next(edited.flow(["logit"], films))["logit"], before, atol=2e-5)
    first, second = edited.convolutions[1].input[0], edited.convolutions[2].input[0]
    tops = [each[first].max(axis=(0, 2, 3)) for each in edited.flow([first, second], films)]
    top = np.max(tops, axis=0)
    np.testing.assert_allclose(top[top > 1e-3], top.max(), rtol=1e-4)


def test_kernels_are_rounded_as_no_other_choice_would_do_better(data: bytes, phantoms: np.ndarray) -> None:
    """Against the stem's output itself, computed for every choice of one kernel by a plain convolution."""
    films = phantoms[:3].astype(np.float32) - 128
    edited = _float_model(data)
    stem = edited.convolutions[0]
    exact = edited.weights(stem.input[1])
    rounded = round_weights(edited, films)[stem.name].weight
    levels = torch.from_numpy(films)[:, None].double()
    padded = nn_pad(levels)
    channel = 0
    step = np.abs(exact[channel]).max() / 64
    low = np.floor(np.round(exact[channel] / step, 6))
    high = np.ceil(np.round(exact[channel] / step, 6))
    choices = np.array(list(itertools.product((0, 1), repeat=9))).reshape(-1, 1, 3, 3)
    kernels = torch.from_numpy(np.where(choices, high, low) * step - exact[channel])
    errors = torch.nn.functional.conv2d(padded, kernels, stride=2).square().mean(dim=(0, 2, 3))
    ours = torch.from_numpy(rounded[channel] - exact[channel])[None]
    assert float(torch.nn.functional.conv2d(padded, ours, stride=2).square().mean()) <= float(errors.min()) * 1.001
    nearest = torch.from_numpy(np.rint(exact[channel] / step) * step - exact[channel])[None]
    assert float(errors.min()) < float(torch.nn.functional.conv2d(padded, nearest, stride=2).square().mean())


def nn_pad(levels: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.pad(levels, (0, 1, 0, 1))


def test_rounding_shifts_no_channel_on_the_average(data: bytes, phantoms: np.ndarray) -> None:
    films = phantoms.astype(np.float32) - 128
    edited = _float_model(data)
    outputs = [edited.convolutions[0].output[0]]
    before = np.concatenate([each[outputs[0]] for each in edited.flow(outputs, films)])
    rounded = round_weights(edited, films)
    apply(edited, {edited.convolutions[0].name: rounded[edited.convolutions[0].name]})
    after = np.concatenate([each[outputs[0]] for each in edited.flow(outputs, films)])
    assert np.abs(after - before).max() > 1e-4
    np.testing.assert_allclose((after - before).mean(axis=(0, 2, 3)), 0.0, atol=1e-5)


def test_float16_is_half_as_large_and_its_maps_keep_their_means(data: bytes, phantoms: np.ndarray) -> None:
    half = to_half(data)
    assert len(half) < 0.6 * len(data)
    graph = onnx.load_model_from_string(half).graph
    assert {each.type.tensor_type.elem_type for each in graph.output} == {onnx.TensorProto.FLOAT}
    exact = run_onnx(data, phantoms)[0]
    logits, heat = run_onnx(half, phantoms)
    assert np.abs(heat.mean(axis=(1, 2), dtype=np.float64) - logits).max() <= 1e-5
    assert 0 < np.abs(logits - exact).max() < 0.02


def _quantize(architecture: Architecture, settled, phantoms: np.ndarray) -> None:
    network = settled(initialised(ModelSection(architecture=architecture, weights="none"), bn_momentum=0.5, seed=0))
    data = export_graph(FoldedNetwork(network, torch.zeros(1, 1), size=SIZE), size=SIZE).data
    logits, heat = run_onnx(Quantizer(data, phantoms).quantized(), phantoms)
    exact = run_onnx(data, phantoms)[0]
    assert np.abs(heat.mean(axis=(1, 2), dtype=np.float64) - logits).max() <= 1e-5
    assert np.corrcoef(logits, exact)[0, 1] > 0.95


@pytest.mark.parametrize(
    "architecture", ["alexnet", pytest.param("densenet121", marks=[pytest.mark.slow, pytest.mark.nightly])]
)
def test_the_other_backbones_can_be_quantized(settled, phantoms: np.ndarray, architecture: Architecture) -> None:
    _quantize(architecture, settled, phantoms)


def test_a_small_densenet_can_be_quantized(settled, phantoms: np.ndarray, small_densenet: None) -> None:
    _quantize("densenet121", settled, phantoms)
