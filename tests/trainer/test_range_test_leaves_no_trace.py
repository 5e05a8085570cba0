"""After a range test everything is as before it: tensors, optimizer slots, BN averages, generators."""

from __future__ import annotations

import hashlib
import math
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cxr_trainer.data.batches import BatchOrder
from cxr_trainer.data.prepare import prepare_films
from cxr_trainer.fit import stages
from cxr_trainer.fit.device import choose_compute
from cxr_trainer.fit.events import EventLog, Fanout
from cxr_trainer.fit.finder import run_range_test
from cxr_trainer.fit.loop import Bench, Stage, Stopped, draw_batch, update_once
from cxr_trainer.fit.optimizers import build_optimizer
from cxr_trainer.fit.session import fit
from cxr_trainer.fit.setup import make_bench, new_network
from cxr_trainer.range_test import RangeTestResult
from cxr_trainer.recipe import Recipe
from cxr_trainer.schedule import Constant


def _hash(value: Any) -> str:
    data = value.detach().cpu().numpy().tobytes() if isinstance(value, torch.Tensor) else repr(value).encode()
    return hashlib.sha256(data).hexdigest()


def _trace(network: torch.nn.Module, optimizer: torch.optim.Optimizer | None = None) -> dict[str, str]:
    """Hash of each thing that a test could leave a trace in."""
    trace = {f"state {name}": _hash(value) for name, value in network.state_dict().items()}
    trace |= {f"gradient {name}": _hash(value.grad) for name, value in network.named_parameters()}
    trace |= {f"mode {name}": _hash(module.training) for name, module in network.named_modules()}
    if optimizer is not None:
        for number, slots in optimizer.state_dict()["state"].items():
            trace |= {f"slot {number} {name}": _hash(value) for name, value in slots.items()}
        trace["groups"] = _hash([{k: v for k, v in g.items() if k != "params"} for g in optimizer.param_groups])
    trace["torch"] = _hash(torch.get_rng_state())
    with np.printoptions(threshold=10_000):
        trace["numpy"] = _hash(np.random.get_state())  # noqa: NPY002  (the global generator is what is watched)
    trace["python"] = _hash(random.getstate())
    if torch.cuda.is_available():
        trace |= {f"cuda {i}": _hash(torch.cuda.get_rng_state(i)) for i in range(torch.cuda.device_count())}
    return trace


def _bench(data: Path, recipe: Recipe, folder: Path, device: Any) -> Bench:
    films, compute = prepare_films(data, recipe), choose_compute(device)
    log = EventLog(folder / "events.jsonl")
    bench = make_bench(
        recipe, films, compute, sink=Fanout([]), log=log, checkpoint_path=folder / "c.pt", stop=lambda: False
    )
    bench.network.load_state_dict(new_network(recipe).state_dict())
    return bench


def _trained(bench: Bench, optimizer: str) -> torch.optim.Optimizer:
    """Three updates of a stage that is under way, so that slots, gradients and BN averages hold something."""
    result = build_optimizer(optimizer, bench.network.parameters(), lr=0.01, momentum=0.9)  # type: ignore[arg-type]
    stage = Stage("decay", Constant(0.01), result, BatchOrder(len(bench.train), 8, 0), epochs=1)
    bench.network.train()
    for update in range(3):
        update_once(bench, stage, network=bench.network, update=update, batch=draw_batch(bench, stage, update))
    return result


class _StopAfter:
    """Asks to stop at the given question."""

    def __init__(self, questions: int) -> None:
        self._left = questions

    def __call__(self) -> bool:
        self._left -= 1
        return self._left < 0


CASES: dict[str, dict[str, Any]] = {
    "to its end": {"start": 1e-6, "end": 1e-3},
    "linear": {"ramp": "linear", "start": 1e-6, "end": 1e-3},
    "diverged": {"start": 1e-3, "end": 1e6},
    "NaN": {"start": 1e30, "end": 1e38},
    "stopped": {},
}
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("case", CASES)
def test_a_range_test_leaves_no_trace_however_it_ends(
    tiny_nih: Path, tiny_recipe: Recipe, tmp_path: Path, case: str, optimizer: str, device: str
) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    section = tiny_recipe.range_test.model_copy(update={"epochs": 2, **CASES[case]})
    clr = tiny_recipe.clr.model_copy(update={"optimizer": optimizer})
    recipe = tiny_recipe.model_copy(update={"range_test": section, "clr": clr})
    bench = _bench(tiny_nih, recipe, tmp_path, device)
    live = _trained(bench, optimizer)
    before = _trace(bench.network, live)
    assert sum(name.startswith("slot") for name in before) >= len(list(bench.network.parameters()))
    if case == "stopped":
        with pytest.raises(Stopped):
            run_range_test(replace(bench, stop=_StopAfter(7)))
    else:
        result = run_range_test(bench)
        assert result.diverged == (case in ("diverged", "NaN"))
        assert any(map(math.isnan, result.losses)) or case != "NaN"
        assert len(result.rates) >= 2, "the copy was trained"
    assert _trace(bench.network, live) == before


def test_the_trace_shows_what_it_should(tiny_nih: Path, tiny_recipe: Recipe, tmp_path: Path) -> None:
    """The test above cannot pass by looking away: one more update changes all that it watches."""
    bench = _bench(tiny_nih, tiny_recipe, tmp_path, "cpu")
    live = _trained(bench, "adam")
    before = _trace(bench.network, live)
    _trained(bench, "adam")
    np.random.random()  # noqa: NPY002
    random.random()
    after = _trace(bench.network, live)
    changed = {name.split()[0] for name in before if before[name] != after[name]}
    assert {"state", "gradient", "numpy", "python"} <= changed
    assert any("running_mean" in name for name in before if before[name] != after[name])
    torch.manual_seed(1)
    assert _trace(bench.network)["torch"] != after["torch"]


@pytest.mark.slow
def test_inside_a_run_neither_the_model_nor_what_follows_depends_on_the_range_test(
    tiny_nih: Path, tiny_recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched: list[bool] = []

    def watching(bench: Bench) -> RangeTestResult:
        before = _trace(bench.network)
        result = run_range_test(bench)
        assert _trace(bench.network) == before
        watched.append(result.diverged)
        return result

    monkeypatch.setattr(stages, "run_range_test", watching)
    short = {stage: getattr(tiny_recipe, stage).model_copy(update={"epochs": 1}) for stage in ("decay", "clr")}
    models = []
    for case in ("to its end", "diverged"):
        section = tiny_recipe.range_test.model_copy(update=CASES[case])
        recipe = tiny_recipe.model_copy(update={**short, "range_test": section})
        run = fit(recipe, data=tiny_nih, out=tmp_path / case, device="cpu")
        models.append((run.folder / "clr.safetensors").read_bytes())
    assert watched == [False, True]
    assert models[0] == models[1]
