"""`cxr-trainer bench`."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import numpy as np
from rich.console import Console

from cxr_shared.errors import UnknownName
from cxr_shared.findings import FINDINGS, Target
from cxr_shared.phantom import write_phantoms
from cxr_trainer.bench.contender import Workload
from cxr_trainer.bench.measure import Name, compare, memory_bandwidth, threads
from cxr_trainer.bench.table import LEGEND, Machine, document, epoch_sentence, machine_sentence, tabulate
from cxr_trainer.data.cache import cache_films
from cxr_trainer.data.catalog import read_catalog
from cxr_trainer.errors import BenchError
from cxr_trainer.fit.device import DeviceName, choose_compute, require_one_process
from cxr_trainer.recipe import ModelSection, Recipe
from cxr_trainer.recipe_files import load_recipe

ARCHITECTURES: tuple[str, ...] = get_args(ModelSection.model_fields["architecture"].annotation)
"""Every backbone that a recipe can name."""


def run_bench(  # noqa: PLR0913  (each an option of the command)
    data: Path | None,
    *,
    films: int,
    batch_size: int,
    rounds: int,
    size: int,
    device: DeviceName,
    architectures: Sequence[str],
    json_document: bool,
) -> int:
    """Measure every architecture in turn and print tables, or one JSON document."""
    require_one_process("bench")
    chosen = [_architecture(name) for name in architectures] or list(ARCHITECTURES)
    if rounds < 1 or batch_size < 2 or films < 2 * batch_size:
        raise BenchError("Give at least 1 round, batches of 2 films or more, and films for at least two batches.")
    console, shown = Console(stderr=True), Console(quiet=json_document)
    with tempfile.TemporaryDirectory(prefix="cxr-bench-") as temporary, console.status("reading films") as status:
        folder = Path(temporary)
        recipes = [_recipe(name, size=size, batch_size=batch_size) for name in chosen]
        load = _workload(data, folder, recipe=recipes[0], device=device, films=films)
        machine = _machine(load, rounds=rounds)
        for sentence in (machine_sentence(machine), LEGEND):
            shown.print(sentence, highlight=False, soft_wrap=True)

        def report(architecture: str, name: Name, number: int) -> None:
            part = f"round {number} of {rounds}" if number else "warming up"
            status.update(f"{architecture}: {name}, {part}")

        comparisons = []
        for recipe in recipes:
            each = Workload(recipe, device, load.paths, load.labels, load.rows, load.pixels, folder)
            comparisons.append(compare(each, rounds=rounds, report=report))
            shown.print(tabulate(comparisons[-1]))
            shown.print(epoch_sentence(comparisons[-1]), highlight=False, soft_wrap=True)
    if json_document:
        print(json.dumps(document(machine, comparisons), indent=2, ensure_ascii=False))
    return 0


def _architecture(name: str) -> str:
    if name not in ARCHITECTURES:
        raise UnknownName("architecture", name, ARCHITECTURES)
    return name


def _recipe(architecture: str, *, size: int, batch_size: int) -> Recipe:
    fields = {
        "model.architecture": architecture,
        "model.weights": "none",
        "input.size": size,
        "decay.batch_size": batch_size,
    }
    return load_recipe(Target.ATELECTASIS, overrides=fields)


def _workload(data: Path | None, folder: Path, *, recipe: Recipe, device: DeviceName, films: int) -> Workload:
    """Films of `data`, else phantoms, in the cache; labels in turn, since speed does not depend on them."""
    if data is None:
        data = folder / "phantoms"
        write_phantoms(data, films=films, seed=7, findings=list(FINDINGS))
    catalog = read_catalog(data)
    if len(catalog.films) < films:
        raise BenchError(f"{data} has {len(catalog.films):,} films. Give --films {len(catalog.films)} or fewer.")
    chosen = catalog.films.sample(films, random_state=0)
    own = folder / "cache" if data.parent == folder else None
    cached = cache_films(catalog, chosen, spec=recipe.input, folder=own)
    return Workload(
        recipe=recipe,
        device=device,
        paths=tuple(cached.films["path"]),
        labels=(np.arange(len(cached.films)) % 2).astype(np.float32),
        rows=cached.films["row"].to_numpy(dtype=np.int64),
        pixels=cached.pixels,
        folder=folder,
    )


def _machine(load: Workload, *, rounds: int) -> Machine:
    compute, recipe = choose_compute(load.device), load.recipe
    return Machine(
        device=compute.description,
        precision=compute.precision,
        threads=threads(),
        bandwidth=memory_bandwidth(load.device),
        films=len(load.paths),
        size=recipe.input.size,
        batch_size=recipe.decay.batch_size,
        rounds=rounds,
    )
