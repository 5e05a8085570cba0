"""Which films a model is trained and tested on (paper §§2 and 8)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cxr_shared.findings import FINDINGS, Target
from cxr_trainer.data.catalog import Catalog
from cxr_trainer.errors import CohortError
from cxr_trainer.recipe import CohortSection


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """Films of one target.

    Attributes
    ----------
    films
        Rows of the catalog, sorted by image, with a column ``label``: 1 for the finding or anomaly, else 0.
    notes
        Sentences for the reader, such as how far the paper's cohort was scaled down.
    """

    films: pd.DataFrame
    notes: tuple[str, ...]

    @property
    def positives(self) -> int:
        """Films with label 1."""
        return int(self.films["label"].sum())

    @property
    def negatives(self) -> int:
        """Films with label 0."""
        return len(self.films) - self.positives


def build_cohort(catalog: Catalog, target: Target, section: CohortSection, *, seed: int) -> Cohort:
    """Choose the films of `target`: Table 2's counts, or as many as there are, in Table 2's proportion.

    Raises
    ------
    CohortError
        The catalog has no film of one of the two sides.
    """
    generator = np.random.default_rng([seed, list(Target).index(target)])
    if target is Target.ANOMALY:
        return _one_class(catalog, section, generator)
    return _binary(catalog, target, section, generator)


def _binary(catalog: Catalog, target: Target, section: CohortSection, generator: np.random.Generator) -> Cohort:
    positive, negative = catalog.with_finding(target), catalog.normal()
    _require(positive, f"labelled {target.value}", catalog)
    _require(negative, "labelled 'No Finding'", catalog)
    wanted_positive = section.positives or len(positive)
    wanted_negative = section.negatives or wanted_positive
    scale = min(1.0, len(positive) / wanted_positive, len(negative) / wanted_negative)
    chosen_positive = _sample(positive, _scaled(wanted_positive, scale), generator)
    chosen_negative = _sample(negative, _scaled(wanted_negative, scale), generator)
    cohort = _join(chosen_positive, chosen_negative)
    return Cohort(cohort, _scale_note(cohort, positives=wanted_positive, negatives=wanted_negative))


def _one_class(catalog: Catalog, section: CohortSection, generator: np.random.Generator) -> Cohort:
    wanted_normal, per_finding = section.normal or 2800, section.per_finding or 200
    wanted_anomalies = per_finding * len(FINDINGS)
    normal = catalog.normal()
    _require(normal, "labelled 'No Finding'", catalog)
    _require(catalog.films.drop(normal.index), "with any finding", catalog)
    ratio = wanted_normal / wanted_anomalies
    anomalies = _anomalies(catalog, per_finding, most=int(len(normal) / ratio), generator=generator)
    normals = min(len(normal), wanted_normal, max(1, round(ratio * len(anomalies))))
    cohort = _join(anomalies, _sample(normal, normals, generator))
    notes = _scale_note(cohort, positives=wanted_anomalies, negatives=wanted_normal)
    if notes:
        counts = [(each.value, int(cohort[each.value].sum())) for each in FINDINGS]
        labels = ", ".join(f"{name} {count}" for name, count in counts if count)
        notes = (*notes, f"Labels among its anomalies (a film may have several): {labels}.")
    return Cohort(cohort, notes)


def _anomalies(catalog: Catalog, per_finding: int, *, most: int, generator: np.random.Generator) -> pd.DataFrame:
    """Films of each finding, as equal in number as the set allows: at most `per_finding` each and `most` in all.

    The rarest finding chooses first, and no film is taken twice.
    """
    films = {finding: catalog.with_finding(finding).index.to_numpy(copy=True) for finding in FINDINGS}
    order = sorted(FINDINGS, key=lambda finding: (len(films[finding]), finding.value))
    shuffled = {finding: generator.permutation(films[finding]) for finding in order}

    def take(each: int) -> list[int]:
        taken: dict[int, None] = {}
        for finding in order:
            free = [int(row) for row in shuffled[finding] if int(row) not in taken]
            taken |= dict.fromkeys(free[:each])
        return list(taken)

    low, high = 1, per_finding
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if len(take(middle)) <= most else (low, middle - 1)
    return catalog.films.loc[sorted(take(low)[: max(1, most)])]


def _scaled(count: int, scale: float) -> int:
    return max(1, int(count * min(1.0, scale) + 1e-9))


def _sample(films: pd.DataFrame, count: int, generator: np.random.Generator) -> pd.DataFrame:
    return films.iloc[np.sort(generator.permutation(len(films))[:count])]


def _join(positive: pd.DataFrame, negative: pd.DataFrame) -> pd.DataFrame:
    both = pd.concat([positive.assign(label=1), negative.assign(label=0)])
    return both.sort_values("image", ignore_index=True)


def _require(films: pd.DataFrame, what: str, catalog: Catalog) -> None:
    if films.empty:
        missing = f", {len(catalog.missing):,} listed films missing" if catalog.missing else ""
        raise CohortError(
            f"No film {what} is in {catalog.root} ({len(catalog.films):,} films{missing}). Add such films or choose "
            "another finding."
        )


def _scale_note(cohort: pd.DataFrame, *, positives: int, negatives: int) -> tuple[str, ...]:
    """Sentence that says how far the paper's cohort was scaled down, if it was."""
    chosen = int(cohort["label"].sum())
    if (chosen, len(cohort) - chosen) == (positives, negatives):
        return ()
    sentence = (
        f"The paper's cohort of {positives:,} + {negatives:,} films (positive + negative) is scaled down to "
        f"{chosen:,} + {len(cohort) - chosen:,} by what the folder holds."
    )
    return (sentence,)
