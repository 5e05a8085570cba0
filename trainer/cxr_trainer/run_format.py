"""The JSON files of a run directory, as pydantic models: their published description, held against real runs by tests.

The files are written from plain dictionaries (`fit.outcome`, `range_test`); a program that reads them may use these
models, or the JSON Schema that they give.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from cxr_shared.bundle import OperatingPoint
from cxr_shared.findings import Target
from cxr_trainer.recipe import PaperFacts, SplitKind, StageName, Suggester

Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True, allow_inf_nan=False)


class Figure(_Document):
    """A figure with its 95 % interval."""

    value: float | None
    """Null where the films do not allow it, and `reason` says why."""
    low: float | None
    """Lower end; null where there is no interval."""
    high: float | None
    """Upper end."""
    reason: str | None = None
    """Why value or interval are missing; the key is absent where nothing is."""


class AtThreshold(_Document):
    """Counts and rates at one operating point. A film is called positive at or above the threshold."""

    true_positives: Count
    """Films with the finding that are called positive."""
    false_positives: Count
    """Films without it that are."""
    false_negatives: Count
    """Films with the finding that are called negative."""
    true_negatives: Count
    """Films without it that are."""
    sensitivity: Figure
    """Share of films with the finding that are called positive."""
    specificity: Figure
    """Share of films without it that are called negative."""
    ppv: Figure
    """Share of the films called positive that have the finding, at the part's own prevalence only."""
    npv: Figure
    """Share of the films called negative that do not have it, at the part's own prevalence only."""
    accuracy: Figure
    """Share of films called rightly."""


class PartFigures(_Document):
    """Figures of one part of the split."""

    films: Count
    """Films of the part."""
    patients: Count
    """Their patients, of whom intervals are made."""
    positives: Count
    """Films with the finding."""
    prevalence: Share
    """Share of films with the finding."""
    accuracy: Figure
    """Share of films called rightly at probability 0.5, as in the paper."""
    auc: Figure
    """Area under the ROC curve."""
    auprc: Figure
    """Area under the precision-recall curve (average precision)."""
    brier: Figure
    """Mean squared difference of probability and label."""
    ece: Figure
    """Expected calibration error."""
    cross_entropy: float
    """Mean cross-entropy, natural logarithm."""
    operating_points: dict[str, AtThreshold]
    """By the point's name; empty in `stages`."""


class SplitFacts(_Document):
    """The split and its leak."""

    kind: SplitKind
    """How films were split."""
    sha256: str
    """Hash of image, patient, part and label of every film."""
    leak: str
    """Patients on both sides, in words."""
    test_films_of_trained_patients: Count
    """Test films of patients who also have a film in train or validation."""
    test_patients_trained_on: Count
    """Patients of those films."""


class CohortFacts(_Document):
    """The films of the run."""

    counts: dict[Literal["train", "validation", "test"], dict[Literal["positive", "negative"], Count]]
    """Films by part and label."""
    notes: tuple[str, ...]
    """Where the cohort departs from the recipe's, in words."""
    refused: Count
    """Films of the cohort that could not be read."""


class BestEpoch(_Document):
    """Which model is the run's: that of the lowest validation cross-entropy."""

    stage: StageName
    """Its stage."""
    epoch: Annotated[int, Field(ge=1)]
    """Its epoch within the stage, from 1."""


class ShortcutRow(_Document):
    """AUC of the model, and of a logistic regression that knows metadata and no film, on the same test films."""

    films: Count
    """Test films of the row."""
    patients: Count
    """Their patients."""
    positives: Count
    """Films with the finding."""
    model: Figure
    """AUC of the model."""
    metadata_only: Figure
    """AUC of the metadata."""


class ShortcutGroup(ShortcutRow):
    """One group of test films."""

    by: Literal["view", "sex", "age"]
    """What the films are grouped by."""
    group: str
    """Its value, or the age band in years."""


class ShortcutOverall(ShortcutRow):
    """All test films."""

    difference: Figure
    """AUC of the model minus that of the metadata, on the same resamples."""


class Shortcuts(_Document):
    """Whether the model may be reading how a film was taken."""

    part: Literal["test"]
    """The part that the figures are of."""
    metadata: tuple[str, ...]
    """Columns that the regression knows."""
    reading: str
    """How to read the table."""
    overall: ShortcutOverall
    """All test films."""
    groups: tuple[ShortcutGroup, ...]
    """By view, sex and age."""


class Bounds(_Document):
    """What the range test suggested."""

    max_lr: float | None
    """Upper bound of the cycles; null where none was suggested."""
    base_lr: float | None
    """Lower bound."""
    diverged: bool
    """Whether the loss passed the bound that ends the test."""


class Methods(_Document):
    """How the figures were made."""

    intervals: str
    """The bootstrap."""
    replicates: Count
    """Its resamples."""
    level: Share
    """Level of the intervals."""
    all_alike: str
    """What stands in for the bootstrap where all resamples agree."""
    ece: str
    """Bins of the calibration error."""


class Metrics(_Document):
    """``metrics.json``: figures of the run's best model. It is written last, so it marks a run as complete."""

    target: Target
    """What the model answers."""
    split: SplitFacts
    """Who was trained on and who was tested on."""
    cohort: CohortFacts
    """Which films."""
    best: BestEpoch
    """Which epoch's model this is."""
    parts: dict[Literal["train", "validation", "test"], PartFigures]
    """The best model's figures."""
    operating_points: tuple[OperatingPoint, ...]
    """Thresholds, chosen on validation films."""
    stages: dict[Literal["decay", "clr"], dict[Literal["train", "validation", "test"], PartFigures]]
    """Figures of the last model of each stage that trains."""
    shortcuts: Shortcuts
    """View, sex, age and metadata alone."""
    methods: Methods
    """How the figures were made."""
    map_peak: float
    """Logits that maps of films with the finding usually reach, on validation films."""
    range_test: Bounds | None
    """Null where the run had none."""
    pixel_path_version: Annotated[int, Field(ge=1)]
    """Version of the code that made the pixels."""
    paper: PaperFacts
    """What the paper printed for this target."""
    device: str
    """Device, threads and precision."""
    versions: dict[str, str]
    """Packages and their versions."""


class SuggestedRate(_Document):
    """What one suggester reads off the curve."""

    rate: float | None
    """The rate; null where it finds none."""
    refusal: str
    """Why it finds none; empty where it finds one."""


class RangeTest(_Document):
    """``range_test.json``: the learning-rate finder's curve and what was read off it."""

    rates: tuple[float, ...]
    """Rate of each update."""
    losses: tuple[float | None, ...]
    """Loss of each update; null where it was no number."""
    smoothed: tuple[float | None, ...]
    """Running median of the losses."""
    max_lr: float | None
    """The chosen suggester's rate; null where there is none."""
    base_lr: float | None
    """A quarter of it."""
    diverged: bool
    """Whether the loss passed the bound that ends the test."""
    refusal: str
    """Why there is no `max_lr`; empty where there is one."""
    suggester: Suggester
    """Whose rate `max_lr` is."""
    suggestions: dict[Suggester, SuggestedRate]
    """What each suggester says."""


def json_schema(document: type[BaseModel]) -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a file of a run directory, as it is written."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | document.model_json_schema(mode="validation")
