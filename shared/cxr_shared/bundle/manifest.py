"""The bundle's manifest: what is in it, how sure it is, and where it came from.

Reading is forward compatible within one schema version: unknown fields are kept out of the way, not refused.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field, model_validator

from cxr_shared.bundle.parts import (
    Calibration,
    Fallback,
    Gate,
    InputSpec,
    Localisation,
    ModelFile,
    OperatingPoint,
    Part,
    Precision,
    Sha256,
    TestMetrics,
)
from cxr_shared.findings import Target
from cxr_shared.heat_map import CellGrid
from cxr_shared.notice import NOTICE

SCHEMA_VERSION: Final = 2
MANIFEST_NAME: Final = "manifest.json"


class ModelEntry(Part):
    """One model of a bundle, at one or more precisions. The probability is the calibrated logit.

    Attributes
    ----------
    target
        What it answers.
    files
        One for each precision; the first is the float32 one, against which the others were judged.
    fallbacks
        Precisions that were tried and refused.
    map_shape
        Rows and columns of its heat map.
    cell_shift, cell_pitch
        Where the map's cells look (`cxr_shared.heat_map.CellGrid`).
    map_peak
        Logits that the map of a film with the finding rises to, in the median over validation films.
    calibration
        From logit to probability.
    operating_points
        Thresholds on the probability.
    metrics
        Figures on the test films.
    localisation
        How well its maps find boxes, by whose boxes they are.
    split_kind
        How the run's films were split; ``paper`` leaks patients into the test films.
    split_sha256
        Hash of the split.
    cohort
        Films by part and label.
    run
        Name of the run's folder.
    recipe
        The resolved recipe of the run.
    """

    target: Target
    files: tuple[ModelFile, ...] = Field(min_length=1)
    fallbacks: tuple[Fallback, ...] = ()
    map_shape: tuple[int, int]
    cell_shift: Annotated[float, Field(ge=-1, le=1)] = 0.0
    cell_pitch: Annotated[float, Field(gt=0, le=4)] = 1.0
    map_peak: Annotated[float, Field(allow_inf_nan=False)] | None = None
    calibration: Calibration = Calibration()
    operating_points: tuple[OperatingPoint, ...] = Field(min_length=1)
    metrics: TestMetrics
    localisation: tuple[Localisation, ...] = ()
    split_kind: Literal["patient", "paper", "official"]
    split_sha256: Sha256
    cohort: dict[str, dict[str, int]] = Field(default_factory=dict)
    run: str
    recipe: dict[str, Any]

    @model_validator(mode="after")
    def _float32_first(self) -> ModelEntry:
        precisions = [each.precision for each in self.files]
        if precisions[0] != "float32" or len(set(precisions)) != len(precisions):
            raise ValueError("a model's files are one for each precision, float32 first")
        return self

    @property
    def reference(self) -> ModelFile:
        """The float32 file."""
        return self.files[0]

    def at(self, precision: Precision) -> ModelFile | None:
        """Return the file of a precision, or None."""
        return next((each for each in self.files if each.precision == precision), None)

    @property
    def grid(self) -> CellGrid:
        """Where the cells of the map look."""
        return CellGrid(self.cell_shift, self.cell_pitch)

    @property
    def operating_point(self) -> OperatingPoint:
        """The default operating point: the one named ``balanced``, else the first."""
        return next((point for point in self.operating_points if point.name == "balanced"), self.operating_points[0])


def json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of ``manifest.json``, as it is written."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | Manifest.model_json_schema(mode="validation")


class Manifest(Part):
    """The whole of ``manifest.json``.

    Attributes
    ----------
    schema_version
        Of this format. A reader refuses a version that it does not know, and leaves unknown fields of its own aside.
    name
        The bundle's name, for people.
    pixel_path_version
        Version of the code that makes a model's pixels; another version's bundle is refused.
    input
        The pixels that every model takes.
    models
        One for each target.
    gate
        What a picture must resemble to be scored; None in bundles without a film gate.
    producer
        Names and versions of the programs that made it.
    notice
        Shown wherever its scores are.
    """

    schema_version: Annotated[int, Field(ge=1)] = SCHEMA_VERSION
    name: str
    pixel_path_version: int
    input: InputSpec
    models: tuple[ModelEntry, ...] = Field(min_length=1)
    gate: Gate | None = None
    producer: dict[str, str]
    notice: str = NOTICE

    @model_validator(mode="after")
    def _one_entry_each(self) -> Manifest:
        targets, names = [entry.target for entry in self.models], [each.file for each in self.files]
        if len(set(targets)) != len(targets):
            raise ValueError("two models have the same target")
        if len(set(names)) != len(names):
            raise ValueError("two models have the same file")
        if self.gate is not None and self.gate.target not in targets:
            raise ValueError("the gate's model is not in the bundle")
        return self

    @property
    def files(self) -> tuple[ModelFile, ...]:
        """Every ONNX file, in the order in which the bundle holds them."""
        return tuple(each for entry in self.models for each in entry.files)

    def entry(self, target: Target) -> ModelEntry:
        """Return the entry of `target`; KeyError where the bundle has none."""
        for entry in self.models:
            if entry.target is target:
                return entry
        raise KeyError(target)
