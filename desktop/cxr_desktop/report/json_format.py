"""The worklist's JSON file as pydantic models: its published description, which tests hold against real files.

`cxr_desktop.report.json_file` writes the file; a program that reads it may use these models, or the JSON Schema.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Milliseconds = Annotated[float, Field(ge=0)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
LaneName = Literal["urgent", "abnormal", "disagreement", "refused", "below thresholds", "normal"]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True, allow_inf_nan=False)


class BundleName(_Document):
    """The bundle that scored the films."""

    name: str
    """Its name."""
    sha256: Sha256
    """SHA-256 of its file."""


class ProviderName(_Document):
    """What computed the scores."""

    name: str
    """Such as `CPU` or `CUDA`."""
    reason: str
    """Why this one."""
    plan: str
    """Precision and layout of the models, such as `int8, side by side`."""


class Counts(_Document):
    """Films in numbers."""

    found: Count
    """Files that were looked at."""
    above: Count
    """Films on which some model is at or above its operating point."""
    below: Count
    """Films on which none is."""
    refused: Count
    """Files that no model has judged."""


class ScoreEntry(_Document):
    """One target's answer for one film."""

    logit: float
    """The model's logit, which is the mean of its heat map."""
    probability: Share
    """The logit, calibrated."""
    threshold: Share
    """The operating point, a calibrated probability."""
    threshold_logit: float | None
    """The same in the units of the logit; null for a threshold of 0 or 1."""
    positive: bool
    """Whether the probability is at or above the threshold."""


class PeakEntry(_Document):
    """Where a heat map is highest."""

    x: float
    """Film pixels from the left edge."""
    y: float
    """Film pixels from the top edge."""
    logit: float
    """The map's value there."""


class GateEntry(_Document):
    """What the bundle's film gate measured."""

    distance: float
    """Of the film from those that the models know."""
    threshold: float
    """A film farther than this is not scored."""


class RefusalEntry(_Document):
    """Why a file was not scored."""

    kind: str
    """A stable word, such as `lateral-view`, `undecodable` or `not-a-chest-film`."""
    message: str
    """A sentence without patient data."""


class TimingsEntry(_Document):
    """Milliseconds; 0 where it was not done."""

    read: Milliseconds
    """To read the file."""
    infer: Milliseconds
    """To score it, its share of the batch."""


class IdentityEntry(_Document):
    """Who and what the film shows, as far as the file says: a key without a value is absent. Patient data."""

    patient_id: str | None = None
    """DICOM (0010,0020); a pseudonym in a de-identified file."""
    patient_name: str | None = None
    """DICOM (0010,0010)."""
    patient_age: str | None = None
    """DICOM (0010,1010)."""
    patient_sex: str | None = None
    """DICOM (0010,0040)."""
    accession_number: str | None = None
    """DICOM (0008,0050)."""
    study_uid: str | None = None
    """DICOM (0020,000D)."""
    series_uid: str | None = None
    """DICOM (0020,000E)."""
    sop_uid: str | None = None
    """DICOM (0008,0018)."""
    acquired: str | None = None
    """ISO 8601 date or date and time."""


class ReadingEntry(_Document):
    """What a reader said of the film in the window."""

    state: str
    """Such as `Read` or `Not read yet`."""
    opinions: tuple[str, ...]
    """Such as `Pneumothorax: agree`."""
    note: str
    """Free text; empty in a de-identified file."""


class _Film(_Document):
    file: str
    """The file as it was named; a number in a de-identified file."""
    lane: LaneName
    """The worklist's lane."""
    sha256: Sha256 | None
    """Of the file's content; null where it was not read to its end."""
    reason: str
    """Why the film stands where it does, in words."""
    identity: IdentityEntry
    """Whose film it is."""
    timings_ms: TimingsEntry
    """How long it took."""
    gate: GateEntry | None = None
    """Absent where the bundle has no film gate, or the film did not come to it."""
    reading: ReadingEntry | None = None
    """Absent unless the window wrote the file."""


class ScoredFilm(_Film):
    """A film that was scored."""

    state: Literal["scored"]
    """Tells it from a refused one."""
    urgency: Share
    """0 where no target reaches its threshold; see `cxr_desktop.inference.urgency`."""
    disagreement: str | None
    """How the anomaly model and the findings' models disagree; null where they agree."""
    scores: dict[str, ScoreEntry]
    """By target, such as `pleural-thickening`."""
    peak: dict[str, PeakEntry]
    """By target."""
    rows: Annotated[int, Field(ge=1)]
    """Height of the film in pixels."""
    columns: Annotated[int, Field(ge=1)]
    """Width of the film in pixels."""
    view: Literal["PA", "AP", "unknown"]
    """Projection, as the file says."""
    transfer_syntax: str
    """DICOM transfer syntax UID, or `PNG` or `JPEG`."""
    spacing_mm: tuple[float, float] | None
    """Millimetres a pixel, down and across; null where the file does not say."""


class RefusedFilm(_Film):
    """A file that no model has judged. What is known of the picture stands there where it could be read."""

    state: Literal["refused"]
    """Tells it from a scored one."""
    urgency: None
    """Always null: nothing was scored."""
    refusal: RefusalEntry
    """Why."""
    rows: Annotated[int, Field(ge=1)] | None = None
    """Height in pixels."""
    columns: Annotated[int, Field(ge=1)] | None = None
    """Width in pixels."""
    view: Literal["PA", "AP", "unknown", "lateral"] | None = None
    """Projection, as the file says."""
    transfer_syntax: str | None = None
    """DICOM transfer syntax UID, or `PNG` or `JPEG`."""
    spacing_mm: tuple[float, float] | None = None
    """Millimetres a pixel, down and across."""


class WorklistFile(_Document):
    """The whole file, the most urgent film first."""

    model_config = ConfigDict(title="cxr-worklist/2")

    schema_: Annotated[Literal["cxr-worklist/2"], Field(alias="schema")]
    """Name and version of the format. Within a version fields may be added, never changed or removed."""
    notice: str
    """The bundle's notice: research use only."""
    bundle: BundleName
    """What scored the films."""
    provider: ProviderName
    """What computed the scores."""
    pixel_path_version: Annotated[int, Field(ge=1)]
    """Version of the code that made the models' input."""
    complete: bool
    """False where the run was stopped: films may be missing."""
    deidentified: bool
    """Whether identifiers are pseudonyms, file names numbers, and dates left out."""
    counts: Counts
    """Films in numbers."""
    lanes: dict[LaneName, Count]
    """Films in each lane."""
    films: tuple[Annotated[ScoredFilm | RefusedFilm, Field(discriminator="state")], ...]
    """One entry for each film or refused file."""


def json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of the worklist's JSON file, as it is written."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | WorklistFile.model_json_schema()
