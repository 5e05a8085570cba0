"""From a data folder and a recipe to the split films of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cxr_shared.film import Refusal
from cxr_trainer.data.cache import CachedFilms, Progress, cache_films
from cxr_trainer.data.catalog import read_catalog
from cxr_trainer.data.cohort import build_cohort
from cxr_trainer.data.pixel_file import PixelFile
from cxr_trainer.data.split import PARTS, Leak, measure_leak, split_cohort, split_hash, split_notes
from cxr_trainer.errors import CohortError
from cxr_trainer.recipe import Recipe


@dataclass(frozen=True, slots=True, eq=False)
class PreparedFilms:
    """The films of a run.

    Attributes
    ----------
    split
        The cohort's films with ``part``, ``label`` and ``row`` (their row in `pixels`).
    pixels
        (rows, S, S) uint8, on disk.
    sha256
        Hash of the split.
    leak
        Patients on both sides.
    notes
        Sentences for the reader.
    refusals
        Films of the cohort that cannot be read.
    """

    split: pd.DataFrame
    pixels: PixelFile
    sha256: str
    leak: Leak
    notes: tuple[str, ...]
    refusals: tuple[Refusal, ...]

    def counts(self) -> dict[str, dict[str, int]]:
        """Positive and negative films of each part."""
        return {
            part: {
                "positive": int((chosen["label"] == 1).sum()),
                "negative": int((chosen["label"] == 0).sum()),
            }
            for part in PARTS
            for chosen in (self.split[self.split["part"] == part],)
        }


def prepare_films(data: Path, recipe: Recipe, *, progress: Progress | None = None) -> PreparedFilms:
    """Read the catalog, choose the cohort, fill the cache, split.

    Raises
    ------
    CatalogError, CohortError, OutputError
        As the steps do.
    """
    catalog = read_catalog(data)
    cohort = build_cohort(catalog, recipe.target, recipe.cohort, seed=recipe.split.seed)
    cached = cache_films(catalog, cohort.films, spec=recipe.input, progress=progress)
    _require_readable(cached)
    split = split_cohort(cached.films, recipe.split, root=data)
    notes = [*catalog.notes, *cohort.notes, *split_notes(split, recipe.split)]
    if catalog.missing:
        notes.append(
            f"{len(catalog.missing):,} films of {catalog.label_file.name} are not in the folder "
            f"(the first: {catalog.missing[0]})."
        )
    if cached.refusals:
        first = cached.refusals[0]
        notes.append(f"{len(cached.refusals):,} films cannot be read (the first: {first.source}: {first.message}).")
    return PreparedFilms(split, cached.pixels, split_hash(split), measure_leak(split), tuple(notes), cached.refusals)


def _require_readable(cached: CachedFilms) -> None:
    if cached.films.empty:
        first = cached.refusals[0]
        raise CohortError(
            f"None of the {len(cached.refusals):,} films of the cohort can be read (the first: {first.source}: "
            f"{first.message})"
        )
