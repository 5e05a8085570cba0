"""What triage says about one film."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from cxr_desktop.inference.lanes import disagreement
from cxr_desktop.inference.urgency import Urgency
from cxr_shared.bundle import Calibration
from cxr_shared.film import Identity
from cxr_shared.findings import Target
from cxr_shared.heat_map import EVEN, CellGrid, FloatMap

if TYPE_CHECKING:
    from cxr_desktop.intake.prepared import FilmFacts

NOT_A_CHEST_FILM: Final = "not-a-chest-film"
"""Kind of a refusal by the film gate."""

PLAIN: Final = Calibration()
"""The logit's own sigmoid."""


@dataclass(frozen=True, slots=True)
class Score:
    """One target's answer for one film.

    Attributes
    ----------
    target
        What was asked.
    logit
        The model's logit, which the map's mean is.
    threshold
        The operating point, a calibrated probability.
    calibration
        From the logit to the probability.
    grid
        Where the cells of its map look.
    map_peak
        How high the map of a film with the finding usually rises, in logits; None where the bundle does not say.
    point
        Name of the operating point, such as ``balanced``; empty where it was not kept.
    """

    target: Target
    logit: float
    threshold: float
    calibration: Calibration = PLAIN
    grid: CellGrid = EVEN
    map_peak: float | None = None
    point: str = ""

    @property
    def probability(self) -> float:
        """Calibrated probability, 0..1."""
        return self.calibration.probability(self.logit)

    @property
    def threshold_logit(self) -> float:
        """The operating point in the units of the logit and of the map; ±inf for a threshold of 0 or 1."""
        return self.calibration.logit(self.threshold)

    @property
    def positive(self) -> bool:
        """Whether the probability reaches the operating point."""
        return self.probability >= self.threshold


@dataclass(frozen=True, slots=True)
class Peak:
    """Where a map is highest: film pixels from the top left corner, and the value there (logit units)."""

    x: float
    y: float
    logit: float


@dataclass(frozen=True, slots=True)
class Provenance:
    """What produced a verdict; equal for all films of a run.

    Attributes
    ----------
    bundle_name, bundle_sha256
        The bundle's name and the SHA-256 of its file.
    provider, provider_reason
        Such as ``"CPU"`` or ``"CUDA"``, and why that one.
    pixel_path_version
        Version of the code that made the model input.
    notice
        The bundle's own notice.
    plan
        Precision and layout of the models, such as ``"int8, side by side"``.
    """

    bundle_name: str
    bundle_sha256: str
    provider: str
    provider_reason: str
    pixel_path_version: int
    notice: str
    plan: str = ""


@dataclass(frozen=True, slots=True)
class Timings:
    """Milliseconds to read a film and to score it (its share of the batch); 0 where it was not done."""

    read: float = 0.0
    infer: float = 0.0


@dataclass(frozen=True, slots=True)
class GateReading:
    """What the bundle's film gate measured: a film whose `distance` is above `threshold` is not scored."""

    distance: float
    threshold: float

    @property
    def passed(self) -> bool:
        """Whether the picture resembles the films that the models know."""
        return self.distance <= self.threshold


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """A film that was scored.

    Attributes
    ----------
    source
        The file.
    facts
        Shape, view, spacing and identity of the film.
    scores
        One for each target, in the bundle's order.
    maps
        (h, w) float32 for each target, in logit units; the mean is the logit.
    peaks
        Where each map is highest.
    urgency
        Place in the worklist and why.
    timings
        How long it took.
    provenance
        What scored it.
    thumbnail
        (h, w) uint8, or None where none was asked for.
    gate
        How far it is from the films that the models know; None where the bundle has no gate.
    """

    source: Path
    facts: FilmFacts
    scores: Mapping[Target, Score]
    maps: Mapping[Target, FloatMap]
    peaks: Mapping[Target, Peak]
    urgency: Urgency
    timings: Timings
    provenance: Provenance
    thumbnail: npt.NDArray[np.uint8] | None = None
    gate: GateReading | None = None

    @property
    def identity(self) -> Identity:
        """Who and what the film shows."""
        return self.facts.identity

    @property
    def sha256(self) -> str:
        """SHA-256 of the file's content, in hexadecimal."""
        return self.facts.sha256

    @property
    def file_state(self) -> tuple[int, int] | None:
        """Size in bytes and time of change in ns of the file that was read; None where that is not known."""
        return self.facts.file_state

    @property
    def disagreement(self) -> str:
        """How the anomaly model and the findings' models disagree, in words; nothing where they agree."""
        return disagreement(self.scores, self.urgency.positive)


@dataclass(frozen=True, slots=True, eq=False)
class Refused:
    """A file that was not scored, and why.

    Attributes
    ----------
    source
        The file.
    kind
        A `RefusalKind` value, ``worker-crashed``, ``worker-timeout``, ``inference-failed`` or `NOT_A_CHEST_FILM`.
    message
        The reason as a sentence without patient data.
    provenance
        What would have scored it.
    timings
        How long it took.
    gate
        How far it was from the films that the models know, where that is the reason.
    facts
        What is known of the film, where it could be read.
    identity
        Who and what it shows, as far as that was read.
    sha256
        SHA-256 of the file's content, in hexadecimal; empty where the file was not read to its end.
    file_state
        Size in bytes and time of change in ns of the file that was read; None where that is not known.
    """

    source: Path
    kind: str
    message: str
    provenance: Provenance
    timings: Timings = field(default_factory=Timings)
    gate: GateReading | None = None
    facts: FilmFacts | None = None
    identity: Identity = field(default_factory=Identity)
    sha256: str = ""
    file_state: tuple[int, int] | None = None


Verdict: TypeAlias = Scored | Refused
