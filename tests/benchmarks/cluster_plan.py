"""Hours, machines and storage for training all 15 targets on NIH's 112,120 films, from a rate measured on one machine.

    python tests/benchmarks/cluster_plan.py [--rate FILMS_PER_SECOND] [--machines 1 5 15] [--price PER_MACHINE_HOUR]

Without --rate, `cxr-trainer bench` measures this machine's: films a second through an update, end to end. A machine
of another kind, with a GPU above all, has to be measured on itself: run that command there and give its figure.

Two plans: the cohorts that the packaged recipes take from the whole set, which are the paper's; and every film for
every target, an upper bound. Epochs and updates are the recipes'. A validation film is counted like a trained one,
though it needs a forward pass alone, and a film of the range test twice, since its loss is taken again after each
update.
Every run takes a whole machine. They begin in the order in which the command submits them.
"""

from __future__ import annotations

import heapq
import json
import math
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import cyclopts

from cxr_shared.findings import FINDINGS, Target
from cxr_trainer.fit.finder import updates_of_range_test
from cxr_trainer.model.network import initialised
from cxr_trainer.recipe import Recipe
from cxr_trainer.recipe_files import load_recipe

NIH_FILMS = 112_120
OPTIMIZER_COPIES = {"sgd": 1, "rmsprop": 2, "adam": 2}


@dataclass(frozen=True, slots=True)
class Run:
    """What one run asks for: films through an update, checkpoints at the ends of epochs, and bytes of one."""

    films: int
    epochs: int
    checkpoint_bytes: int
    kept_bytes: int


def main(
    *,
    rate: float | None = None,
    machines: Sequence[int] = (1, 5, 15),
    price: float | None = None,
    bench_films: int = 96,
) -> None:
    """Print both plans as Markdown."""
    if rate is None:
        rate = _measured(bench_films)
    print(f"\nAt {rate:.1f} films a second and machine:\n")
    print("| plan | films through an update | machines | machine-hours | until all are done | kept | uploaded |")
    print("|---|---|---|---|---|---|---|")
    recipes = [load_recipe(target) for target in Target]
    for name, cohort in (("the recipes' cohorts", None), ("every film for every target", NIH_FILMS)):
        runs = [_run(recipe, cohort or _films_of(recipe)) for recipe in recipes]
        for count in machines:
            print(_row(name, runs, rate, count, price))
    print(
        f"\nFilm cache: {NIH_FILMS * recipes[0].input.size ** 2 / 1e9:.2f} GB on each machine that trains on all "
        "films, read once and never uploaded. NIH's PNGs must be readable from each machine while it fills its cache."
    )


def _row(name: str, runs: list[Run], rate: float, machines: int, price: float | None) -> str:
    hours = [run.films / rate / 3600 for run in runs]
    kept, sent = (sum(values) / 1e9 for values in zip(*((r.kept_bytes, _sent(r, rate)) for r in runs), strict=True))
    cost = "" if price is None else f" ({price * sum(hours):,.0f} at {price:g} an hour)"
    cells = (
        name, f"{sum(run.films for run in runs):,}", str(machines), f"{sum(hours):,.1f}{cost}",
        _duration(_makespan(hours, machines)), f"{kept:.1f} GB", f"{sent:,.0f} GB",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _sent(run: Run, rate: float) -> int:
    """Bytes uploaded to an object store: a checkpoint at each epoch's end, and each minute of what takes longer."""
    return run.checkpoint_bytes * (run.epochs + int(run.films / rate / 60)) + run.kept_bytes


def _makespan(hours: list[float], machines: int) -> float:
    """Hours until the last run ends, each begun on the machine that is free first."""
    free = [0.0] * machines
    for each in hours:
        heapq.heappush(free, heapq.heappop(free) + each)
    return max(free)


def _duration(hours: float) -> str:
    return f"{hours / 24:,.1f} days" if hours >= 48 else f"{hours:.1f} h"


def _films_of(recipe: Recipe) -> int:
    """Films of the cohort, where the set has as many as the recipe asks for."""
    cohort = recipe.cohort
    if recipe.target is Target.ANOMALY:
        return (cohort.normal or 0) + (cohort.per_finding or 0) * len(FINDINGS)
    positives = cohort.positives or 0
    return positives + (cohort.negatives or positives)


def _run(recipe: Recipe, films: int) -> Run:
    training = films * (1 - recipe.split.test_fraction)
    held_out = round(training * recipe.split.validation_fraction)
    train, seen, epochs = round(training) - held_out, 0, 0
    for stage in recipe.stages:
        section = recipe.decay if stage == "decay" else recipe.clr
        if stage == "range_test":
            batches = math.ceil(train / section.batch_size)
            seen += 2 * updates_of_range_test(recipe, batches) * section.batch_size
            continue
        epochs += section.epochs
        seen += section.epochs * (train + held_out)
    network = initialised(recipe.model.model_copy(update={"weights": "none"}), bn_momentum=0.99, seed=0)
    weights = sum(value.numel() * value.element_size() for value in network.state_dict().values())
    checkpoint = weights * (2 + OPTIMIZER_COPIES[recipe.decay.optimizer])
    return Run(seen, epochs, checkpoint, 3 * weights + checkpoint)


def _measured(films: int) -> float:
    """Films a second of our training, end to end, on this machine."""
    command = [sys.executable, "-m", "cxr_trainer", "bench", "--architectures", "mobilenetv1", "--json"]
    done = subprocess.run([*command, "--films", str(films)], check=True, capture_output=True, text=True)
    document = json.loads(done.stdout)
    (architecture,) = document["architectures"]
    ours = architecture["ours"]
    print(
        f"Measured on {document['device']}: {ours['films_per_second']:.1f} films/s ({ours['slowest']:.1f} to "
        f"{ours['fastest']:.1f}), {document['films']} films of {document['size']}², batches of "
        f"{document['batch_size']}, {document['rounds']} rounds"
    )
    return float(ours["films_per_second"])


if __name__ == "__main__":
    cyclopts.run(main)
