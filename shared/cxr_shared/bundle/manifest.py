"""The bundle's manifest: what is in it, how sure it is, and where it came from.

Reading is forward compatible within one schema version: unknown fields are kept out of the way, not refused.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cxr_shared.findings import Target
from cxr_shared.heat_map import CellGrid

SCHEMA_VERSION: Final = 1
MANIFEST_NAME: Final = "manifest.json"

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class InputSpec(_Part):
    """The pixels that every model of a bundle takes: uint8 (N, size, size).

    Attributes
    ----------
    size
        Side in pixels.
    keep_aspect
        False stretches the film to a square, as NIH's own PNGs of 1024² were made and as the paper's input
        was; True pads the shorter side with black.
    """

    size: Annotated[int, Field(ge=32, le=1024)] = 224
    keep_aspect: bool = False


class Interval(_Part):
    """A figure with its 95 % interval, `low` ≤ `value` ≤ `high` up to bootstrap noise."""

    value: float
    low: float
    high: float


class OperatingPoint(_Part):
    """A threshold on the probability, chosen on validation films, and what it achieved there."""

    name: str
    threshold: Probability
    sensitivity: Probability
    specificity: Probability


class TestMetrics(_Part):
    """Figures on the test films of the model's own split."""

    __test__ = False  # not a pytest class

    auc: Interval
    accuracy: Interval
    films: Annotated[int, Field(ge=1)]
    patients: Annotated[int, Field(ge=1)]


class Tolerance(_Part):
    """Largest accepted difference in logit units, tested at export."""

    logit: Annotated[float, Field(gt=0)] = 1e-4
    map_mean: Annotated[float, Field(gt=0)] = 1e-4


class Parity(_Part):
    """What the exporter measured between torch and onnxruntime."""

    films: int
    max_logit_difference: float
    max_map_mean_difference: float


class ModelEntry(_Part):
    """One model of a bundle.

    The ONNX file takes ``film`` uint8 (N, size, size) and gives ``logit`` float32 (N,) and ``map`` float32
    (N, h, w) in logit units, with ``mean(map) = logit``. The probability is ``sigmoid(logit)``. Where the map's
    cells look is said by `cell_shift` and `cell_pitch` (`cxr_shared.heat_map.CellGrid`). The map of a film with the
    finding rises to `map_peak` logits, in the median over validation films.
    """

    target: Target
    file: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*\.onnx$")]
    sha256: Sha256
    opset: int
    precision: Literal["float32"] = "float32"
    map_shape: tuple[int, int]
    cell_shift: Annotated[float, Field(ge=-1, le=1)] = 0.0
    cell_pitch: Annotated[float, Field(gt=0, le=4)] = 1.0
    map_peak: Annotated[float, Field(allow_inf_nan=False)] | None = None
    operating_points: tuple[OperatingPoint, ...] = Field(min_length=1)
    metrics: TestMetrics
    split_kind: Literal["patient", "paper", "official"]
    split_sha256: Sha256
    tolerance: Tolerance = Tolerance()
    parity: Parity
    run: str
    recipe: dict[str, Any]

    @property
    def grid(self) -> CellGrid:
        """Where the cells of the map look."""
        return CellGrid(self.cell_shift, self.cell_pitch)

    @property
    def operating_point(self) -> OperatingPoint:
        """The default operating point: the one named ``balanced``, else the first."""
        return next((point for point in self.operating_points if point.name == "balanced"), self.operating_points[0])


class Manifest(_Part):
    """The whole of ``manifest.json``."""

    schema_version: Annotated[int, Field(ge=1)] = SCHEMA_VERSION
    name: str
    pixel_path_version: int
    input: InputSpec
    models: tuple[ModelEntry, ...] = Field(min_length=1)
    producer: dict[str, str]
    notice: str = "Research use only. NOT FOR CLINICAL USE."

    @model_validator(mode="after")
    def _one_entry_each(self) -> Manifest:
        for what in ("target", "file"):
            values = [getattr(entry, what) for entry in self.models]
            if len(set(values)) != len(values):
                raise ValueError(f"two models have the same {what}")
        return self

    def entry(self, target: Target) -> ModelEntry:
        """Return the entry of `target`; KeyError where the bundle has none."""
        for entry in self.models:
            if entry.target is target:
                return entry
        raise KeyError(target)
