"""`kill -9` at any moment of a run: resumed, it ends as one that was never interrupted, to the bit.

Each victim is a process of its own that kills itself with SIGKILL at a chosen place; nothing of it is cleaned up.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cxr_trainer.fit import finder, loop
from cxr_trainer.fit.run import Run
from cxr_trainer.fit.session import fit, resume
from cxr_trainer.recipe import Recipe

pytestmark = pytest.mark.slow
COMPARED = (
    "decay.safetensors", "range_test.json", "clr.safetensors", "best.safetensors", "normal_map.safetensors",
    "events.jsonl", "predictions.parquet", "metrics.json", "split.parquet", "recipe.toml", "figures/loss.svg",
)  # fmt: skip
# 46 films in batches of 8 are 6 updates an epoch: 12 of decay, 18 of the range test, 12 of CLR in one cycle.
UPDATES = 42


@dataclass(frozen=True)
class Death:
    """Where a victim dies: before its update `update`, counted over its whole life, or while it renames a file."""

    update: int | None = None
    rename_of: str = ""
    occurrence: int = 1


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _counted(function: Callable[..., Any], at: int, counter: list[int]) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        counter[0] += 1
        if counter[0] > at:
            _die()
        return function(*args, **kwargs)

    return wrapper


def _arm(death: Death) -> None:
    if death.update is not None:
        counter = [0]
        for module in (loop, finder):
            module.update_once = _counted(module.update_once, death.update, counter)  # type: ignore[attr-defined]
        return
    rename, seen = Path.replace, [0]

    def replace(self: Path, target: Path) -> Path:
        if target.name == death.rename_of:
            seen[0] += 1
            if seen[0] == death.occurrence:
                with self.open("r+b") as half:  # as if the machine had stopped in the middle of the write
                    half.truncate(self.stat().st_size // 2)
                _die()
        return rename(self, target)

    Path.replace = replace  # type: ignore[method-assign,assignment]


def _victim(death: Death, out: Path, data: Path, recipe: Recipe) -> None:
    _arm(death)
    runs = [folder for folder in out.iterdir() if (folder / "state" / "checkpoint.pt").exists()]
    if runs:
        resume(Run(runs[0]))
    else:
        fit(recipe, data=data, out=out, device="cpu")


def _kill(death: Death, *, out: Path, data: Path, recipe: Recipe) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["cxr_trainer.fit.session", __name__])
    victim = context.Process(target=_victim, args=(death, out, data, recipe))
    victim.start()
    victim.join(120)
    assert victim.exitcode == -signal.SIGKILL, f"it should have died at {death}, but ended with {victim.exitcode}"


def _files(run: Run) -> dict[str, bytes]:
    return {name: (run.folder / name).read_bytes() for name in COMPARED}


@pytest.fixture
def whole(whole_run: Run) -> dict[str, bytes]:
    return _files(whole_run)


@pytest.mark.parametrize(
    "deaths",
    [
        pytest.param([Death(update=4)], id="in the first epoch"),
        pytest.param([Death(update=21)], id="inside the range test"),
        pytest.param([Death(update=39)], id="in mid-cycle"),
        pytest.param([Death(rename_of="checkpoint.pt", occurrence=3)], id="during a checkpoint write"),
        pytest.param([Death(rename_of="best.safetensors")], id="while writing the best model"),
        pytest.param([Death(rename_of="metrics.json")], id="while marking the run complete"),
        pytest.param([Death(update=n) for n in (11, 2, 5)], id="three times"),
    ],
)
def test_killed_and_resumed_run_equals_the_whole_one(
    deaths: list[Death], whole: dict[str, bytes], tiny_nih: Path, tiny_recipe: Recipe, tmp_path: Path
) -> None:
    for death in deaths:
        _kill(death, out=tmp_path, data=tiny_nih, recipe=tiny_recipe)
    (folder,) = tmp_path.iterdir()
    _assert_equal(resume(Run.open(folder)), whole)


@pytest.mark.parametrize("rounds", [1, pytest.param(10, marks=pytest.mark.nightly)])
def test_killed_at_random_updates(
    rounds: int, whole: dict[str, bytes], tiny_nih: Path, tiny_recipe: Recipe, tmp_path: Path
) -> None:
    generator = random.Random(20261124 + rounds)
    for number in range(rounds):
        out = tmp_path / str(number)
        out.mkdir()
        place = generator.randrange(1, UPDATES)
        _kill(Death(update=place), out=out, data=tiny_nih, recipe=tiny_recipe)
        (folder,) = out.iterdir()
        _assert_equal(resume(Run.open(folder)), whole, place=f"killed before update {place} of {UPDATES}")


def _assert_equal(run: Run, whole: dict[str, bytes], *, place: str = "") -> None:
    ours = _files(run)
    different = [name for name in COMPARED if ours[name] != whole[name]]
    assert different == [], place
    assert not list(run.folder.rglob("*.part")), "half-written files were left"
