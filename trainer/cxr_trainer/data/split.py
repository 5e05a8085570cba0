"""Train, validation and test sides of a cohort, and the leak between them."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_shared.files import sha256_bytes, write_bytes
from cxr_trainer.errors import CohortError
from cxr_trainer.recipe import SplitSection

PARTS: Final = ("train", "validation", "test")
OFFICIAL_LISTS: Final = {"train_val_list.txt": "train", "test_list.txt": "test"}
"""NIH's list files and the side of a split that each names."""


@dataclass(frozen=True, slots=True)
class Leak:
    """Patients on both sides of a split, counted on the test side.

    Attributes
    ----------
    test_films, test_patients
        All of the test side.
    shared_films, shared_patients
        Those whose patient also has a film in train or validation.
    """

    test_films: int
    test_patients: int
    shared_films: int
    shared_patients: int

    @property
    def sentence(self) -> str:
        """The leak in words."""
        if not self.shared_patients:
            return f"No patient of the {self.test_patients:,} tested was trained on."
        return (
            f"{self.shared_films:,} of {self.test_films:,} test films "
            f"({100 * self.shared_films / self.test_films:.1f} %) are of patients that were trained on: "
            "the test figures are too good."
        )


def split_cohort(films: pd.DataFrame, section: SplitSection, *, root: Path) -> pd.DataFrame:
    """Add a column ``part`` (train, validation or test) to the cohort's films.

    Parameters
    ----------
    films
        The rows of a cohort, with `image`, `patient` and `label`.
    section
        Kind, shares and seed.
    root
        The data folder, for NIH's list files (kind ``official``).

    Raises
    ------
    CohortError
        A part has no film of one side, or NIH's list files are missing.
    """
    if section.kind == "patient":
        part = _by_patient(films["patient"], section)
    elif section.kind == "paper":
        part = _by_film(len(films), section)
    else:
        part = _official(films, section, root)
    split = films.assign(part=part)
    _require_both_sides(split, section)
    return split


def split_notes(split: pd.DataFrame, section: SplitSection) -> tuple[str, ...]:
    """Sentences on where a split departs from the paper's, for the reader."""
    if section.kind != "paper":
        return ()
    share = {part: 100 * float((split["part"] == part).mean()) for part in PARTS}
    sentence = (
        "The paper trains on 80 % of its films and keeps none for choosing the model; here "
        f"{share['train']:.0f} % train it, {share['validation']:.0f} % choose it and its thresholds, and "
        f"{share['test']:.0f} % test it."
    )
    return (sentence,)


def measure_leak(split: pd.DataFrame) -> Leak:
    """Count test films and patients that also stand on the training side."""
    test = split[split["part"] == "test"]
    known = set(split.loc[split["part"] != "test", "patient"])
    shared = test[test["patient"].isin(known)]
    return Leak(len(test), test["patient"].nunique(), len(shared), shared["patient"].nunique())


def write_split(path: Path, split: pd.DataFrame) -> str:
    """Write image, patient, part and label as Parquet, and return `split_hash`."""
    buffer = io.BytesIO()
    split[["image", "patient", "part", "label"]].to_parquet(buffer, index=False)
    write_bytes(path, buffer.getvalue())
    return split_hash(split)


def split_hash(split: pd.DataFrame) -> str:
    """SHA-256 of the split's content, whatever the Parquet version wrote."""
    rows = split[["image", "patient", "part", "label"]].sort_values("image")
    lines = (f"{r.image}\t{r.patient}\t{r.part}\t{r.label}\n" for r in rows.itertuples(index=False))
    return sha256_bytes("".join(lines).encode())


def patient_share(patient: str, seed: int) -> float:
    """A number in 0..1 that depends on the patient and the seed alone, so all 15 targets agree on a side."""
    digest = hashlib.sha256(f"{seed}:{patient}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _by_patient(patients: pd.Series[str], section: SplitSection) -> npt.NDArray[np.str_]:
    shares = {patient: patient_share(patient, section.seed) for patient in patients.unique()}
    share = patients.map(shares).to_numpy(dtype=float)
    validation_to = section.test_fraction + (1.0 - section.test_fraction) * section.validation_fraction
    return np.where(share < section.test_fraction, "test", np.where(share < validation_to, "validation", "train"))


def _by_film(films: int, section: SplitSection) -> npt.NDArray[np.str_]:
    """Random at film level; train = floor(0.8·total) as in Table 2, validation taken out of train."""
    order = np.random.default_rng(section.seed).permutation(films)
    train_side = int(films * (1.0 - section.test_fraction) + 1e-9)
    validation = int(train_side * section.validation_fraction)
    part = np.full(films, "test", dtype="<U10")
    part[order[:train_side]] = "train"
    part[order[:validation]] = "validation"
    return part


def _official(films: pd.DataFrame, section: SplitSection, root: Path) -> npt.NDArray[np.str_]:
    side: dict[str, str] = {}
    for name, part in OFFICIAL_LISTS.items():
        try:
            lines = (root / name).read_text("utf-8").split()
        except OSError as error:
            raise CohortError(
                f"The official split needs NIH's {name} in {root}. Download it or use --split patient."
            ) from error
        side |= dict.fromkeys(lines, part)
    unlisted = films["image"][~films["image"].isin(list(side))]
    if len(unlisted):
        raise CohortError(
            f"{unlisted.iloc[0]} and {len(unlisted) - 1:,} more films are in neither of NIH's lists in {root}."
        )
    held_out = films["patient"].map(lambda p: patient_share(p, section.seed) < section.validation_fraction)
    listed = films["image"].map(side)
    return np.where(listed.eq("train") & held_out, "validation", listed).astype("<U10")


def _require_both_sides(split: pd.DataFrame, section: SplitSection) -> None:
    for part in PARTS:
        labels = split.loc[split["part"] == part, "label"]
        for label, word in ((1, "positive"), (0, "negative")):
            if not (labels == label).any():
                raise CohortError(
                    f"The {section.kind} split leaves no {word} film in {part} ({len(split):,} films of "
                    f"{split['patient'].nunique():,} patients). Add films, or change split.seed or its fractions."
                )
