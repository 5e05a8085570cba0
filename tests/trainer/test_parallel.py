"""Several processes compute what one would."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from cxr_trainer.fit.events import read_events
from cxr_trainer.fit.run import Run
from cxr_trainer.fit.session import fit
from cxr_trainer.parallel import Ranks, normalise_over_ranks
from cxr_trainer.recipe import Recipe

pytestmark = pytest.mark.slow
Trainer = Callable[..., Any]


@pytest.mark.parametrize(("films", "count"), [(8, 2), (7, 2), (5, 4), (2, 3)])
def test_shares_cover_a_batch_once(films: int, count: int) -> None:
    shares = [Ranks(rank, count).share(films) for rank in range(count)]
    taken = [film for share in shares for film in range(films)[share]]
    assert taken == list(range(films))
    sizes = [share.stop - share.start for share in shares]
    assert max(sizes) - min(sizes) <= 1


def _torchrun(processes: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a module's command line or a script under torchrun on this machine, on the CPU."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run(
        [*command, *arguments], env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def test_updates_over_two_ranks_are_those_of_one(tmp_path: Path) -> None:
    """Losses, weights and moving averages after six updates, in float64, where rounding hides little."""
    script = tmp_path / "updates.py"
    script.write_text(_UPDATES)
    done = _torchrun(2, str(script), str(tmp_path))
    assert done.returncode == 0, done.stderr[-2000:]
    alone, both = (torch.load(tmp_path / f"{count}.pt", weights_only=True) for count in (1, 2))
    assert alone.keys() == both.keys()
    assert alone["losses"][0] != alone["losses"][-1], "it was trained"
    assert float(alone["losses"][0]) == pytest.approx(float(both["losses"][0]), abs=1e-12)
    for name, value in alone.items():  # each update magnifies the rounding of the one before about a hundred times
        assert torch.allclose(value, both[name], rtol=1e-4, atol=1e-4), name


_UPDATES = """
import copy, sys
import torch
from torch import distributed
from cxr_trainer.model.network import initialised
from cxr_trainer.parallel import Ranks, normalise_over_ranks
from cxr_trainer.recipe import ModelSection

distributed.init_process_group("gloo")
rank, out = distributed.get_rank(), sys.argv[1]
start = initialised(ModelSection(weights="none", width=0.25), bn_momentum=0.9, seed=1).double()
for ranks in (Ranks(), Ranks(rank, 2)):
    network = copy.deepcopy(start).train()
    if ranks.count > 1:
        normalise_over_ranks(network.backbone)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)
    losses = []
    for update in range(6):
        torch.manual_seed(update)
        films = torch.rand(7, 3, 64, 64, dtype=torch.float64)
        labels = torch.tensor([0.0, 1, 1, 0, 1, 0, 1], dtype=torch.float64)
        optimizer.zero_grad()
        pooled = network.backbone.forward_features(films[ranks.share(7)]).mean(dim=(2, 3))
        output = network.head(ranks.gather(pooled, 7))
        loss = torch.nn.functional.binary_cross_entropy_with_logits(output.logit, labels)
        loss.backward()
        ranks.sum_gradients(network.backbone)
        optimizer.step()
        losses.append(loss.detach())
    if rank == 0:
        torch.save({"losses": torch.stack(losses), **network.state_dict()}, f"{out}/{ranks.count}.pt")
"""


def test_torchrun_has_the_loss_curve_of_one_process(tiny_nih: Path, tiny_recipe: Recipe, tmp_path: Path) -> None:
    # Small batches at a high rate magnify the rounding of float32's sums, in one process with other threads as well.
    calm = {"decay": {"lr0": 1e-6, "batch_size": 23}, "clr": {"max_lr": 1e-6, "batch_size": 23}}
    sections = {name: getattr(tiny_recipe, name).model_copy(update=fields) for name, fields in calm.items()}
    alone = fit(tiny_recipe.model_copy(update=sections), data=tiny_nih, out=tmp_path / "alone", device="cpu")
    recipe = tmp_path / "recipe.toml"
    recipe.write_bytes(alone.recipe_path.read_bytes())
    command = ["-m", "cxr_trainer", "fit", "--disease", "hernia", "--data", str(tiny_nih), "--device", "cpu"]
    done = _torchrun(2, *command, "--recipe", str(recipe), "--out", str(tmp_path / "both"))
    assert done.returncode == 0, done.stderr[-3000:]
    (folder,) = (tmp_path / "both").iterdir()
    both = Run.open(folder)
    assert both.finished()
    # A processor with bf16 rounds each product to 8 bits, in whatever order the shares of a batch give.
    precision = "bf16" if "bf16" in alone.read_json("metrics.json")["device"] else "float32"
    within = {"bf16": {"rel": 2.0**-8}, "float32": {"abs": 1e-3}}[precision]
    assert _curve(both) == pytest.approx(_curve(alone), **within)
    assert done.stderr.count("fitting Hernia") == 1, "one rank speaks"
    assert both.read_json("metrics.json")["device"].startswith("2 × CPU")


def _curve(run: Run) -> list[float]:
    return [event["loss"] for event in read_events(run.events_path, "EpochFinished")]


@pytest.mark.parametrize(
    "command",
    [
        ("find-lr", "--disease", "hernia"),
        ("compare", "--disease", "hernia", "--optimizers", "sgd,adam"),
        ("bench", "--films", "64"),
    ],
)
def test_what_cannot_share_its_work_refuses_torchrun(
    command: tuple[str, ...], trainer: Trainer, tiny_nih: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    said = trainer(*command, "--data", tiny_nih, "--weights", "none") if command[0] != "bench" else trainer(*command)
    assert said.code == 1
    assert f"{command[0]} runs in one process" in said.err


def test_batch_normalisation_over_ranks_keeps_names_and_values() -> None:
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Sequential(nn.BatchNorm2d(4)))
    before = {name: value.clone() for name, value in module.state_dict().items()}
    normalise_over_ranks(module)
    normalise_over_ranks(module)
    after = module.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)
    module.eval()
    films: Any = torch.rand(2, 1, 8, 8)
    assert module(films).shape == (2, 4, 6, 6), "in eval mode it is what it was"
