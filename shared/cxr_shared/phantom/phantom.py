"""What a phantom film is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from cxr_shared.film.film import ViewPosition
from cxr_shared.findings import Target

Sex: TypeAlias = Literal["M", "F"]


@dataclass(frozen=True, slots=True)
class Box:
    """Where one sign of a finding lies, in pixels of the 1024² film; `x`, `y` is the upper left corner."""

    finding: Target
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, eq=False)
class Phantom:
    """One synthetic frontal chest film and the truth about it.

    Attributes
    ----------
    pixels
        (1024, 1024) uint8, dense tissue bright; the patient's right is on the left, as films are hung.
    findings
        What the film shows; empty for a normal film.
    boxes
        One or more for each finding, inside the film, in the order of `Target`.
    severity
        0 (subtle) to 1 (gross) for each finding.
    view
        PA or AP.
    age
        The patient's age in years when the film was taken.
    sex
        The patient's sex.
    cardiothoracic_ratio
        Greatest width of the drawn heart over the greatest inner width of the drawn thorax.
    mm_per_pixel
        Distance between pixel centres at the detector.
    """

    pixels: npt.NDArray[np.uint8]
    findings: frozenset[Target]
    boxes: tuple[Box, ...]
    severity: Mapping[Target, float]
    view: ViewPosition
    age: int
    sex: Sex
    cardiothoracic_ratio: float
    mm_per_pixel: float
