"""Every layout answers what the models' own sessions answer; the fastest that agrees is chosen and remembered."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from cxr_desktop.inference import choice
from cxr_desktop.inference.choice import choose_plan, chosen_plan, fastest, plan_for_run, remembered_plan
from cxr_desktop.inference.engine import Engine, InferenceFailedError
from cxr_desktop.inference.kinds import CPU, CUDA
from cxr_desktop.inference.layouts import CannotBuildError, LayoutName, build_layout
from cxr_desktop.inference.layouts.merge import CannotMergeError, merge_branches, merge_stacked
from cxr_desktop.inference.layouts.sessions import shared_models
from cxr_desktop.inference.plan import Plan, default_plan, file_for, plans_for
from cxr_desktop.inference.providers import Provider
from cxr_shared.bundle import (
    Bundle,
    Gate,
    InputSpec,
    Interval,
    Manifest,
    ModelEntry,
    ModelFile,
    OperatingPoint,
    Parity,
    TestMetrics,
    Tolerance,
    open_bundle,
    write_bundle,
)
from cxr_shared.files import sha256_bytes
from cxr_shared.findings import Target
from cxr_shared.pixels import PIXEL_PATH_VERSION

SIZE = 32
TARGETS = (Target.ANOMALY, Target.EFFUSION, Target.MASS, Target.HERNIA)
ON_CPU = Provider(CPU, "as asked", device="a processor")
FILMS = np.random.default_rng(7).integers(0, 256, (3, SIZE, SIZE), np.uint8)
STEP = np.float32(6 / 255)


class Graph:
    """A small network, node by node."""

    def __init__(self, seed: int, precision: str) -> None:
        self.rng = np.random.default_rng(seed)
        self.precision = precision
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, name: str, value: Any, dtype: Any = np.float32) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def node(self, op: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(op, inputs, [output], **attributes))
        return output

    def conv(self, data: str, name: str, shape: tuple[int, ...], **attributes: Any) -> str:
        """Convolution and ReLU6; as INT8 with weights of 7 bits and outputs in 255 steps from 0 to 6."""
        weight = (self.rng.normal(0, 1, shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)
        bias = self.rng.normal(0.3, 0.1, shape[0]).astype(np.float32)
        kind = np.float16 if self.precision == "float16" else np.float32
        inputs = [data, self.weight(f"{name}.weight", weight), self.constant(f"{name}.bias", bias, kind)]
        out = self.node("Conv", inputs, f"{name}.out", kernel_shape=list(shape[2:]), **attributes)
        limits = [self.limit(f"{name}.{each}", each) for each in (0, 6)]
        out = self.node("Clip", [out, *limits], f"{name}.clip")
        return self.rounded(out, name) if self.precision == "int8" else out

    def weight(self, name: str, weight: np.ndarray) -> str:
        if self.precision == "float16":
            return self.constant(name, weight, np.float16)
        if self.precision == "float32":
            return self.constant(name, weight)
        scale = np.abs(weight).max(axis=(1, 2, 3)) / 63
        levels = np.rint(weight / scale[:, None, None, None])
        names = [
            self.constant(f"{name}.levels", levels, np.int8),
            self.constant(f"{name}.scale", scale),
            self.constant(f"{name}.zero", np.zeros(len(scale)), np.int8),
        ]
        return self.node("DequantizeLinear", names, name, axis=0)

    def rounded(self, data: str, name: str) -> str:
        scale = [self.constant(f"{name}.step", STEP), self.constant(f"{name}.origin", 0, np.uint8)]
        levels = self.node("QuantizeLinear", [data, *scale], f"{name}.q")
        return self.node("DequantizeLinear", [levels, *scale], f"{name}.dq")

    def limit(self, name: str, value: float) -> str:
        return self.constant(name, value, np.float16 if self.precision == "float16" else np.float32)


def make_model(
    seed: int, precision: str = "float32", *, channels: int = 8, gate: bool = False, broken: bool = False
) -> bytes:
    """Stem, two depthwise separable blocks and a map, as the exporter writes them; `gate` adds ``distance``."""
    graph = Graph(seed, precision)
    axis = graph.constant("axis", [1], np.int64)
    image = graph.node("Unsqueeze", ["film", axis], "image")
    to = TensorProto.FLOAT16 if precision == "float16" else TensorProto.FLOAT
    data = graph.node("Cast", [image], "grey", to=to)
    data = graph.node("Mul", [data, graph.limit("white", 1 / 255)], "scaled")
    data = graph.rounded(data, "input") if precision == "int8" else data
    data = graph.conv(data, "stem", (channels, 1, 3, 3), strides=[2, 2], pads=[0, 0, 1, 1])
    for block, width in enumerate((channels, 2 * channels)):
        data = graph.conv(data, f"dw{block}", (width, 1, 3, 3), group=width, pads=[1, 1, 1, 1])
        data = graph.conv(data, f"pw{block}", (2 * width, width, 1, 1))
        if block == 0:
            data = graph.node("MaxPool", [data], "pool", kernel_shape=[2, 2], strides=[2, 2])
    data = graph.node("Cast", [data], "features", to=TensorProto.FLOAT)
    weight = graph.constant("map.weight", graph.rng.normal(0, 0.3, (1, 4 * channels, 1, 1)))
    flat = graph.node("Squeeze", [graph.node("Conv", [data, weight], "map.out", kernel_shape=[1, 1]), axis], "flat")
    side = SIZE // 4
    heat = graph.node("Add", [flat, graph.constant("offset", graph.rng.normal(0, 1, (1, side, side)))], "map")
    if broken:
        heat = graph.node("Mul", [heat, graph.constant("nan", np.nan)], "spoilt")
    graph.node("ReduceMean", [heat, graph.constant("places", [1, 2], np.int64)], "logit", keepdims=0)
    outputs = [("logit", ["N"]), ("map", ["N", side, side])]
    if gate:
        graph.node("ReduceMean", [data, graph.constant("all", [1, 2, 3], np.int64)], "distance", keepdims=0)
        outputs.append(("distance", ["N"]))
    made = helper.make_graph(
        graph.nodes,
        "small",
        [helper.make_tensor_value_info("film", TensorProto.UINT8, ["N", SIZE, SIZE])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs],
        graph.constants,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def plain(data: bytes, outputs: tuple[str, ...] = ("logit", "map")) -> list[np.ndarray]:
    """What the file answers by itself."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"]).run(
        list(outputs), {"film": FILMS}
    )


def write(path: Path, *, off: float = 2.0, gate: Target | None = None) -> Bundle:
    """A bundle of four models: float32 all, INT8 three (one of them mixed), float16 one."""
    files, entries, chance = {}, [], Interval(value=0.5, low=0.0, high=1.0)
    kept = {Target.ANOMALY: "int8", Target.EFFUSION: "int8", Target.MASS: "mixed", Target.HERNIA: "float16"}
    for seed, target in enumerate(TARGETS):
        parts = []
        for precision in ("float32", kept[target]):
            made = make_model(seed, "int8" if precision == "mixed" else precision, gate=target is gate)
            name = f"{target.slug}-{precision}.onnx"
            files[name] = made
            parts.append(
                ModelFile(
                    file=name,
                    sha256=sha256_bytes(made),
                    opset=18,
                    precision=precision,  # type: ignore[arg-type]
                    tolerance=Tolerance() if precision == "float32" else Tolerance(logit=off, map_mean=1e-3),
                    parity=Parity(films=1, max_logit_difference=0.0, max_map_mean_difference=0.0),
                )
            )
        entries.append(
            ModelEntry(
                target=target,
                files=tuple(parts),
                map_shape=(SIZE // 4, SIZE // 4),
                operating_points=(OperatingPoint(name="balanced", threshold=0.5, sensitivity=0.5, specificity=0.5),),
                metrics=TestMetrics(auc=chance, accuracy=chance, films=1, patients=1),
                split_kind="patient",
                split_sha256="0" * 64,
                run="small",
                recipe={},
            )
        )
    manifest = Manifest(
        name="small",
        pixel_path_version=PIXEL_PATH_VERSION,
        input=InputSpec(size=SIZE),
        models=tuple(entries),
        gate=Gate(target=gate, threshold=9.0, films=1, method="mean feature") if gate else None,
        producer={},
    )
    write_bundle(path, manifest, files)
    return open_bundle(path)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return write(tmp_path_factory.mktemp("small") / "small.cxr")


@pytest.mark.parametrize("precision", ["float32", "int8", "float16"])
@pytest.mark.parametrize("layout", list(LayoutName))
def test_every_layout_answers_what_each_file_answers_alone(small: Bundle, layout: LayoutName, precision: str) -> None:
    plan = Plan(layout, precision)  # type: ignore[arg-type]
    if layout is LayoutName.STACKED and precision != "float32":
        with pytest.raises(CannotBuildError, match="not alike enough"):
            Engine(small, plan=plan)
        return
    outputs = Engine(small, threads=2, plan=plan).score(FILMS)
    assert list(outputs) == list(TARGETS)
    for target, output in outputs.items():
        logits, maps = plain(small.files[file_for(small.manifest.entry(target), plan.precision).file])
        assert output.logits == pytest.approx(logits, abs=1e-5)
        assert output.maps == pytest.approx(maps, abs=1e-5)
        assert output.maps.mean(axis=(1, 2)) == pytest.approx(output.logits, abs=1e-4)


@pytest.mark.parametrize(
    ("models", "threads", "shared"), [(15, 2, 1), (15, 4, 0), (14, 4, 2), (15, 8, 0), (1, 2, 0), (4, 4, 0), (5, 4, 1)]
)
def test_a_last_round_that_idles_half_of_the_threads_is_shared(models: int, threads: int, shared: int) -> None:
    assert shared_models(models, threads) == shared


@pytest.mark.parametrize("threads", [1, 2, 3, 4, 7])
def test_side_by_side_answers_the_same_with_any_threads(small: Bundle, threads: int) -> None:
    plan = Plan(LayoutName.SIDE_BY_SIDE, "int8")
    expected = Engine(small, threads=1, plan=Plan(LayoutName.IN_TURN, "int8")).score(FILMS)
    found = Engine(small, threads=threads, plan=plan).score(FILMS)
    assert list(found) == list(expected)
    for target, output in found.items():
        assert output.maps == pytest.approx(expected[target].maps, abs=1e-5)


@pytest.mark.parametrize("layout", [LayoutName.BRANCHES, LayoutName.SIDE_BY_SIDE])
def test_float16_is_stacked_and_branched_like_float32(layout: LayoutName) -> None:
    models = {target: make_model(seed, "float16") for seed, target in enumerate(TARGETS)}
    made = build_layout(layout, models, _open, threads=2).run(FILMS)
    wide = build_layout(LayoutName.STACKED, models, _open, threads=1).run(FILMS)
    for target, data in models.items():
        logits, maps = plain(data)
        assert made[target].maps == pytest.approx(maps, abs=1e-5)
        assert wide[target].maps == pytest.approx(maps, abs=2e-2)  # half a unit of float16's last place, summed
        assert wide[target].logits == pytest.approx(logits, abs=2e-2)


def test_stacking_makes_one_convolution_of_each_and_shares_the_film(small: Bundle) -> None:
    merged = onnx.load_model_from_string(merge_stacked({target.slug: small.model(target) for target in TARGETS}))
    kinds = [node.op_type for node in merged.graph.node]
    assert (kinds.count("Unsqueeze"), kinds.count("Mul"), kinds.count("Conv")) == (1, 1, 6)
    groups = [helper.get_node_attr_value(node, "group") for node in merged.graph.node if node.op_type == "Conv"]
    assert groups == [1, 4 * 8, 4, 4 * 16, 4, 4]
    onnx.checker.check_model(merged, full_check=True)


@pytest.mark.parametrize("layout", list(LayoutName))
def test_the_gates_distance_comes_with_its_model_alone(tmp_path: Path, layout: LayoutName) -> None:
    gated = write(tmp_path / "gated.cxr", gate=Target.EFFUSION)
    outputs = Engine(gated, threads=1, plan=Plan(layout, "float32")).score(FILMS)
    (expected,) = plain(gated.model(Target.EFFUSION), ("distance",))
    assert outputs[Target.EFFUSION].distances == pytest.approx(expected, abs=1e-5)
    assert [target for target, output in outputs.items() if output.distances is not None] == [Target.EFFUSION]


def test_a_gate_whose_model_gives_no_distance_fails_in_words(small: Bundle) -> None:
    gate = Gate(target=Target.MASS, threshold=1.0, films=1, method="none")
    bundle = dataclasses.replace(small, manifest=small.manifest.model_copy(update={"gate": gate}))
    with pytest.raises(InferenceFailedError, match="mass answered no distance"):
        Engine(bundle, threads=1).score(FILMS)


def test_models_of_another_shape_are_not_stacked() -> None:
    models = {"a": make_model(1), "b": make_model(2, channels=4)}
    with pytest.raises(CannotMergeError, match="not alike enough"):
        merge_stacked(models)
    merged = plain(merge_branches(models), ("a/logit", "b/logit"))
    for found, data in zip(merged, models.values(), strict=True):
        assert found == pytest.approx(plain(data)[0], abs=1e-5)


def test_equal_models_have_nothing_to_stack() -> None:
    with pytest.raises(CannotMergeError, match="not alike enough"):
        merge_stacked({"a": make_model(1), "b": make_model(1)})


def test_one_model_alone_is_not_stacked() -> None:
    with pytest.raises(CannotMergeError, match="one model"):
        merge_stacked({"a": make_model(1)})


def test_models_of_other_opsets_do_not_merge() -> None:
    older = onnx.load_model_from_string(make_model(2))
    older.opset_import[0].version = 17
    with pytest.raises(CannotMergeError, match="opsets"):
        merge_branches({"a": make_model(1), "b": older.SerializeToString()})


@pytest.mark.parametrize("layout", list(LayoutName))
def test_a_model_that_raises_fails_in_words_in_every_layout(small: Bundle, layout: LayoutName) -> None:
    entries = tuple(small.manifest.models)
    spec = InputSpec(size=64)
    manifest = small.manifest.model_copy(update={"input": spec, "models": entries})
    engine = Engine(dataclasses.replace(small, manifest=manifest), threads=2, plan=Plan(layout, "float32"))
    with pytest.raises(InferenceFailedError, match=r"^The model.* failed \("):
        engine.score(np.zeros((1, 64, 64), np.uint8))


def test_nan_is_no_answer(small: Bundle) -> None:
    name = small.manifest.entry(Target.MASS).reference.file
    spoilt = dataclasses.replace(small, files={**small.files, name: make_model(0, broken=True)})
    with pytest.raises(InferenceFailedError, match="mass answered no number"):
        Engine(spoilt, threads=2, plan=Plan(LayoutName.SIDE_BY_SIDE, "float32")).score(FILMS)


def test_plans_go_by_what_the_bundle_holds(small: Bundle, bundle: Bundle) -> None:
    assert default_plan(small) == Plan(LayoutName.SIDE_BY_SIDE, "int8")
    assert default_plan(bundle) == Plan(LayoutName.SIDE_BY_SIDE, "float32")
    assert default_plan(small, CUDA).precision == "float16"
    assert {plan.precision for plan in plans_for(bundle, CPU)} == {"float32"}
    assert Plan(LayoutName.STACKED, "int8") not in plans_for(small, CPU)
    assert file_for(small.manifest.entry(Target.MASS), "int8").precision == "mixed"
    assert file_for(small.manifest.entry(Target.HERNIA), "int8").precision == "float32"


def test_the_fastest_plan_that_agrees_is_remembered(small: Bundle) -> None:
    assert remembered_plan(small, ON_CPU) is None
    measured = choose_plan(small, ON_CPU, threads=1)
    assert {each.plan for each in measured} == set(plans_for(small, CPU))
    assert not [each for each in measured if each.fault]
    times = {each.plan: each.film_ms for each in measured}
    best = chosen_plan(small, ON_CPU, threads=1)
    assert times[best] == min(filter(None, times.values()))
    assert remembered_plan(small, ON_CPU, threads=1) == best
    assert remembered_plan(small, ON_CPU, threads=3) is None
    assert remembered_plan(small, dataclasses.replace(ON_CPU, device="another processor"), threads=1) is None


def test_a_plan_that_disagrees_with_float32_is_never_chosen(tmp_path: Path) -> None:
    strict = write(tmp_path / "strict.cxr", off=1e-7)
    measured = choose_plan(strict, ON_CPU, threads=1)
    faults = {each.plan.precision: each.fault for each in measured}
    assert "logit is" in faults["int8"]
    assert faults["float32"] == ""
    assert chosen_plan(strict, ON_CPU, threads=1).precision == "float32"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"layout": "upside down", "precision": "int8"}', "\0\xff"])
def test_a_damaged_memory_is_as_good_as_none(
    small: Bundle, content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXR_PLANS", str(tmp_path))
    choose_plan(small, ON_CPU, threads=1)
    (memory,) = tmp_path.iterdir()
    memory.write_text(content, encoding="latin-1")
    assert chosen_plan(small, ON_CPU, threads=1) == default_plan(small)
    assert remembered_plan(small, ON_CPU, threads=1) is None


def test_a_remembered_plan_that_the_bundle_has_no_files_for_is_not_used(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXR_PLANS", str(tmp_path))
    choose_plan(bundle, ON_CPU, threads=1)
    (memory,) = tmp_path.iterdir()
    memory.write_text(json.dumps({"layout": "in turn", "precision": "int8"}))
    assert chosen_plan(bundle, ON_CPU, threads=1) == default_plan(bundle)


def test_nothing_remembered_plan_where_it_cannot_be_written(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("CXR_PLANS", str(blocked / "below"))
    assert fastest(choose_plan(bundle, ON_CPU, threads=1)) is not None
    assert chosen_plan(bundle, ON_CPU, threads=1) == default_plan(bundle)


def test_a_search_that_is_stopped_remembers_nothing(bundle: Bundle) -> None:
    assert choose_plan(bundle, ON_CPU, stopped=lambda: True) == ()
    assert remembered_plan(bundle, ON_CPU) is None


def test_only_a_long_run_measures_first(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, ...]] = []
    monkeypatch.setattr(choice, "choose_plan", lambda *given, **_: asked.append(given))
    assert plan_for_run(bundle, ON_CPU, films=3) == default_plan(bundle)
    assert not asked
    plan_for_run(bundle, ON_CPU, films=5000)
    assert len(asked) == 1


def _open(data: bytes, threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
