"""The parts of a manifest: figures with intervals, files, calibration, operating points, localisation and the gate."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from cxr_shared.findings import Target
from cxr_shared.logistic import sigmoid, to_logit

Precision = Literal["float32", "float16", "int8", "mixed"]
"""``mixed``: INT8 but for some layers, which the file keeps in float32."""

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Part(BaseModel):
    """What all parts have in common: frozen, no NaN, and fields of newer versions left aside."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class InputSpec(Part):
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


class Interval(Part):
    """A figure with its 95 % interval, `low` ≤ `value` ≤ `high` up to bootstrap noise.

    Attributes
    ----------
    value
        The figure.
    low, high
        Ends of its interval.
    """

    value: float
    low: float
    high: float


class OperatingPoint(Part):
    """A threshold on the calibrated probability, chosen on validation films, and what it achieved.

    Attributes
    ----------
    name
        ``high-sensitivity``, ``balanced`` or ``high-specificity``.
    threshold
        A film at or above it is positive.
    sensitivity, specificity
        On the validation films that chose the threshold.
    test_sensitivity, test_specificity
        On the test films, which chose nothing; None where they could not be measured.
    """

    name: str
    threshold: Probability
    sensitivity: Probability
    specificity: Probability
    test_sensitivity: Interval | None = None
    test_specificity: Interval | None = None


class TestMetrics(Part):
    """Figures on the test films of the model's own split.

    Attributes
    ----------
    auc
        Area under the ROC curve.
    accuracy
        Share of films called rightly at probability 0.5 of the uncalibrated logit.
    films, patients
        How many test films, and of how many patients.
    """

    __test__ = False  # not a pytest class

    auc: Interval
    accuracy: Interval
    films: Annotated[int, Field(ge=1)]
    patients: Annotated[int, Field(ge=1)]


class Calibration(Part):
    """From a logit to a probability: ``sigmoid(slope · logit + offset)``, fitted on validation films (Platt 1999).

    Attributes
    ----------
    method
        ``platt``, ``temperature`` (offset 0) or ``none`` (the logit's own sigmoid).
    slope, offset
        Of the logit; the slope is positive, so the order of films stays.
    films
        Validation films that it was fitted on.
    ece_before, ece_after
        Expected calibration error on the test films without it and with it; None where not measured.
    """

    method: Literal["platt", "temperature", "none"] = "none"
    slope: Annotated[float, Field(gt=0)] = 1.0
    offset: float = 0.0
    films: Annotated[int, Field(ge=0)] = 0
    ece_before: Interval | None = None
    ece_after: Interval | None = None

    def probability(self, logit: float) -> float:
        """Calibrated probability, 0..1, of a model's logit."""
        return sigmoid(self.slope * logit + self.offset)

    def logit(self, probability: float) -> float:
        """Model's logit at a calibrated probability; ±inf at 0 and 1."""
        return (to_logit(probability) - self.offset) / self.slope


class Tolerance(Part):
    """Largest accepted difference in logit units, tested at export.

    Attributes
    ----------
    logit
        Between the trained model's logit and the file's.
    map_mean
        Between a map's mean and its logit.
    """

    logit: Annotated[float, Field(gt=0)] = 1e-4
    map_mean: Annotated[float, Field(gt=0)] = 1e-4


class AucChange(Part):
    """AUC of the trained model and of the exported one, on the same films.

    Attributes
    ----------
    before
        Of the trained model, in torch.
    after
        Of the file, in onnxruntime.
    """

    before: Interval
    after: Interval


class Parity(Part):
    """What the exporter measured between the trained model in torch and the file in onnxruntime.

    Attributes
    ----------
    films, source
        How many films, and what they are, in words.
    max_logit_difference, mean_logit_difference
        Of the logits.
    max_map_mean_difference
        Between a map's mean and its logit.
    auc
        None where the films have no label, or one class.
    flips
        Share of films that cross the threshold, for each operating point by its name.
    unseen_films, unseen_flips
        The same among the films that were not trained on.
    gate_flips
        Share of films that cross the film gate's threshold; None of every model but the gate's.
    """

    films: int
    source: str = ""
    max_logit_difference: float
    mean_logit_difference: float | None = None
    max_map_mean_difference: float
    auc: AucChange | None = None
    flips: dict[str, Probability] = Field(default_factory=dict)
    unseen_films: Annotated[int, Field(ge=0)] = 0
    unseen_flips: dict[str, Probability] = Field(default_factory=dict)
    gate_flips: Probability | None = None


class ModelFile(Part):
    """A model at one precision.

    The ONNX file takes ``film`` uint8 (N, size, size) and gives ``logit`` float32 (N,) and ``map`` float32 (N, h, w)
    in logit units, with ``mean(map) = logit`` within the tolerance; the gate's model gives ``distance`` float32 (N,)
    too.

    Attributes
    ----------
    file
        Its name in the bundle.
    sha256
        Of its bytes.
    opset
        Version of ONNX's own operators.
    precision
        ``mixed`` is INT8 but for some layers, which stay in float32.
    tolerance
        What the exporter accepted.
    parity
        What it measured.
    """

    file: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*\.onnx$")]
    sha256: Sha256
    opset: int
    precision: Precision = "float32"
    tolerance: Tolerance = Tolerance()
    parity: Parity


class Fallback(Part):
    """A precision that a model was tried at and refused.

    Attributes
    ----------
    precision
        The precision.
    reason
        Why, in a sentence.
    """

    precision: Precision
    reason: str


class Localisation(Part):
    """How well a model's maps find boxes that people or phantoms drew.

    Attributes
    ----------
    source
        Whose boxes, in words.
    films
        Positive films with a box.
    pointing
        Share of films whose map is highest inside a box (Zhang et al. 2018, pointing game).
    iou
        Mean intersection over union of the boxes with the part of the map above half of its peak.
    """

    source: str
    films: Annotated[int, Field(ge=1)]
    pointing: Interval
    iou: Interval


class Gate(Part):
    """What a picture must resemble to be scored: a distance of its pooled features from those of validation films.

    Attributes
    ----------
    target
        The model whose files give ``distance``.
    threshold
        A picture farther than this is refused.
    films
        Validation films that set the threshold.
    accepted
        Share of the test films that pass.
    method
        How the distance is made, in words.
    """

    target: Target
    threshold: float
    films: Annotated[int, Field(ge=1)]
    accepted: Interval | None = None
    method: str
