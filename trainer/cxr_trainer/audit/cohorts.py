"""Tables 2 and 3, and the patients that each split would share: measured with the trainer's own code."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from cxr_shared.findings import FINDINGS, Target
from cxr_trainer.audit.paper import (
    PNEUMOTHORAX_CLR_BATCHES,
    TABLE_2,
    TABLE_3,
    Compared,
    compare,
)
from cxr_trainer.data.catalog import Catalog
from cxr_trainer.data.cohort import Cohort, build_cohort
from cxr_trainer.data.split import OFFICIAL_LISTS, measure_leak, split_cohort
from cxr_trainer.errors import CohortError
from cxr_trainer.recipe import Recipe, SplitKind, SplitSection
from cxr_trainer.recipe_files import load_recipe

TARGETS: Final = (*sorted(FINDINGS, key=list(TABLE_2).index), Target.ANOMALY)
"""All 15, in the order of the paper's tables."""


@dataclass(frozen=True, slots=True)
class CohortRow:
    """Tables 2 and 3 for a target.

    Attributes
    ----------
    target
        Slug of the target.
    films
        By column of Table 2: positives, negatives, total, train, test.
    batches
        By column of Table 3 (batch, train, test), for the decay stage; the table leaves the one-class model out.
    problem
        Why there is no cohort, and so no figure, or why it cannot be split, and so the last ones are absent.
    """

    target: str
    films: dict[str, Compared]
    batches: dict[str, Compared]
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class LeakRow:
    """What a split of a target's cohort shares between test and training (train and validation).

    `problem` says why it cannot be split so; its counts are then 0.
    """

    target: str
    split: str
    films: int
    test_films: int = 0
    test_patients: int = 0
    shared_films: int = 0
    shared_patients: int = 0
    problem: str | None = None


def cohort_rows(catalog: Catalog) -> list[CohortRow]:
    """Tables 2 and 3, a row for each target, with the cohorts and the ``paper`` split of the packaged recipes."""
    return [_cohort_row(catalog, load_recipe(target)) for target in TARGETS]


def pneumothorax_clr_batches(rows: Iterable[CohortRow]) -> Compared | None:
    """Batches an epoch of Pneumothorax's CLR stage; None where it has no cohort."""
    recipe = load_recipe(Target.PNEUMOTHORAX)
    row = next(each for each in rows if each.target == recipe.target.slug)
    if "train" not in row.films:
        return None
    return compare(math.ceil(row.films["train"].found / recipe.clr.batch_size), PNEUMOTHORAX_CLR_BATCHES)


def leak_rows(catalog: Catalog) -> list[LeakRow]:
    """What each kind of split shares, for each target; ``official`` where NIH's list files are there."""
    kinds: list[SplitKind] = ["paper", "patient"]
    if all((catalog.root / name).is_file() for name in OFFICIAL_LISTS):
        kinds.append("official")
    rows = []
    for target in TARGETS:
        recipe = load_recipe(target)
        try:
            cohort = build_cohort(catalog, target, recipe.cohort, seed=recipe.split.seed)
        except CohortError as error:
            rows += [LeakRow(target.slug, kind, 0, problem=str(error)) for kind in kinds]
            continue
        rows += [_leak_row(catalog, recipe, cohort, kind) for kind in kinds]
    return rows


def _cohort_row(catalog: Catalog, recipe: Recipe) -> CohortRow:
    target, problem = recipe.target, None
    try:
        cohort = build_cohort(catalog, target, recipe.cohort, seed=recipe.split.seed)
    except CohortError as error:
        return CohortRow(target.slug, {}, {}, str(error))
    found = {"positives": cohort.positives, "negatives": cohort.negatives, "total": len(cohort.films)}
    batches: dict[str, int] = {}
    try:
        split = split_cohort(cohort.films, SplitSection(kind="paper"), root=catalog.root)
    except CohortError as error:
        problem = str(error)
    else:
        sides = {"test": int((split["part"] == "test").sum())}
        sides = {"train": len(split) - sides["test"], **sides}
        found |= sides
        batch = recipe.decay.batch_size
        batches = {"batch": batch, **{name: math.ceil(films / batch) for name, films in sides.items()}}
    printed_batches = TABLE_3[target]._asdict() if target in TABLE_3 else {}
    return CohortRow(target.slug, _beside(found, TABLE_2[target]._asdict()), _beside(batches, printed_batches), problem)


def _beside(found: Mapping[str, int], paper: Mapping[str, int]) -> dict[str, Compared]:
    return {name: compare(count, paper[name]) for name, count in found.items() if name in paper}


def _leak_row(catalog: Catalog, recipe: Recipe, cohort: Cohort, kind: SplitKind) -> LeakRow:
    films = len(cohort.films)
    section = recipe.split.model_copy(update={"kind": kind})
    try:
        leak = measure_leak(split_cohort(cohort.films, section, root=catalog.root))
    except CohortError as error:
        return LeakRow(recipe.target.slug, kind, films, problem=str(error))
    return LeakRow(
        recipe.target.slug,
        kind,
        films,
        leak.test_films,
        leak.test_patients,
        leak.shared_films,
        leak.shared_patients,
    )
