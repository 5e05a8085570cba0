"""What a label file says by itself: label strings, Table 1, and who was filmed how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pandas as pd

from cxr_shared.findings import FINDINGS, NO_FINDING
from cxr_trainer.audit.paper import FILMS, LABEL_STRINGS, PATIENTS, TABLE_1, Compared, compare
from cxr_trainer.data.ages import OLDEST, read_ages

_BANDS: Final = {"0–17": 0, "18–39": 18, "40–59": 40, "60–79": 60, "80 and over": 80}
_VIEWS: Final = ("PA", "AP")
_SEXES: Final = ("M", "F")
TOP: Final = 15
"""Label strings of Figure 1."""


@dataclass(frozen=True, slots=True)
class Labels:
    """Counts of a label file's films.

    Attributes
    ----------
    films, patients, label_strings
        Distinct images, patients and label strings, beside the paper's.
    table_1
        By label: films labelled so alone, and so at all.
    top
        The commonest label strings with their films, Figure 1.
    findings
        Films by label after one-hot encoding, commonest first, Figure 2.
    """

    films: Compared
    patients: Compared
    label_strings: Compared
    table_1: dict[str, tuple[Compared, Compared]]
    top: dict[str, int]
    findings: dict[str, int]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows that the trainer refuses or that need a look.

    Attributes
    ----------
    total
        All rows.
    repeated
        Rows of an image that an earlier row lists, equal to that one in every column.
    contradicting
        Rows of an image that an earlier row lists with other content.
    repeated_images
        The images of both.
    unknown_labels
        Names that are none of NIH's labels, with their rows.
    """

    total: int
    repeated: int
    contradicting: int
    repeated_images: tuple[str, ...]
    unknown_labels: dict[str, int]


@dataclass(frozen=True, slots=True)
class MakeUp:
    """Who was filmed how, in films unless it says patients.

    Attributes
    ----------
    views, sexes, age_bands
        Films by value; ages that are not known stand under ``unknown``.
    ages_in_years_suffix, ages_below_a_year_unit
        Ages written as ``058Y``, and with a unit of months, weeks or days.
    ages_implausible, ages_unreadable
        Ages above 120 years, as 411, and those that are no age; both count as unknown.
    films_of_a_patient
        Median and maximum.
    patients_of_two_sexes
        Patients whose films differ in sex.
    """

    views: dict[str, int]
    sexes: dict[str, int]
    age_bands: dict[str, int]
    ages_in_years_suffix: int
    ages_below_a_year_unit: int
    ages_implausible: int
    ages_unreadable: int
    films_of_a_patient: tuple[float, int]
    patients_of_two_sexes: int


def count_labels(films: pd.DataFrame) -> Labels:
    """Count the labels of `films`, a row for each image with the columns of `read_labels`."""
    strings = films["labels"].value_counts()
    after = {each.value: int(films[each.value].sum()) for each in FINDINGS}
    after[NO_FINDING] = int(strings.get(NO_FINDING, 0))
    return Labels(
        films=compare(len(films), FILMS),
        patients=compare(films["patient"].nunique(), PATIENTS),
        label_strings=compare(len(strings), LABEL_STRINGS),
        table_1={
            name: (compare(int(strings.get(name, 0)), alone), compare(after[name], at_all))
            for name, (alone, at_all) in TABLE_1.items()
        },
        top=_commonest({str(name): int(count) for name, count in strings.items()}, TOP),
        findings=_commonest(after, len(after)),
    )


def count_rows(rows: pd.DataFrame) -> Rows:
    """Count faulty rows of `read_rows`."""
    again = rows["image"].duplicated()
    equal = rows.duplicated()
    texts = rows.loc[rows["unknown"], "labels"].str.split("|").explode().str.strip()
    known = {NO_FINDING.lower(), *(each.value.lower() for each in FINDINGS)}
    unknown = texts[~texts.str.lower().isin(known)].value_counts()
    return Rows(
        total=len(rows),
        repeated=int((again & equal).sum()),
        contradicting=int((again & ~equal).sum()),
        repeated_images=tuple(sorted(set(rows.loc[again, "image"]))),
        unknown_labels={str(name): int(count) for name, count in unknown.items()},
    )


def make_up(films: pd.DataFrame) -> MakeUp:
    """Describe views, sexes and ages of `films`, a row for each image, with ``age_text``."""
    ages = read_ages(films["age_text"])
    edges = [*_BANDS.values(), float("inf")]
    bands = pd.cut(ages["years"], edges, right=False, labels=list(_BANDS)).value_counts()
    counts = films["patient"].value_counts()
    sexes = films[films["sex"].isin(_SEXES)].groupby("patient")["sex"].nunique()
    return MakeUp(
        views=_by_value(films["view"], _VIEWS),
        sexes=_by_value(films["sex"], _SEXES),
        age_bands={**{band: int(bands[band]) for band in _BANDS}, "unknown": int(ages["years"].isna().sum())},
        ages_in_years_suffix=int((ages["unit"] == "Y").sum()),
        ages_below_a_year_unit=int(ages["unit"].isin(list("MWD")).sum()),
        ages_implausible=int((ages["stated"] > OLDEST).sum()),
        ages_unreadable=int(ages["stated"].isna().sum()),
        films_of_a_patient=(float(counts.median()), int(counts.max())) if len(counts) else (0.0, 0),
        patients_of_two_sexes=int((sexes > 1).sum()),
    )


def _commonest(counts: dict[str, int], most: int) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:most])


def _by_value(values: pd.Series[str], expected: tuple[str, ...]) -> dict[str, int]:
    counts = values.str.strip().replace("", "unknown").value_counts()
    others = [str(name) for name in counts.index if name not in expected]
    return {name: int(counts.get(name, 0)) for name in (*expected, *others)}
