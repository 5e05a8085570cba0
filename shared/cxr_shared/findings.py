"""The 14 NIH ChestX-ray14 findings and the 15 targets that models are trained for."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from cxr_shared.errors import UnknownName

NO_FINDING: Final = "No Finding"
"""NIH's label of a film on which none of the 14 findings was reported."""


class Target(StrEnum):
    """What one model answers: `ANOMALY` (normal against anomaly) or one NIH finding.

    The value is the name in NIH's label file; the members stand in NIH's customary order, after `ANOMALY`.
    """

    ANOMALY = "anomaly"
    ATELECTASIS = "Atelectasis"
    CARDIOMEGALY = "Cardiomegaly"
    EFFUSION = "Effusion"
    INFILTRATION = "Infiltration"
    MASS = "Mass"
    NODULE = "Nodule"
    PNEUMONIA = "Pneumonia"
    PNEUMOTHORAX = "Pneumothorax"
    CONSOLIDATION = "Consolidation"
    EDEMA = "Edema"
    EMPHYSEMA = "Emphysema"
    FIBROSIS = "Fibrosis"
    PLEURAL_THICKENING = "Pleural_Thickening"
    HERNIA = "Hernia"

    @property
    def slug(self) -> str:
        """Lower-case name with hyphens, for file names and the command line: ``pleural-thickening``."""
        return self.value.lower().replace("_", "-")

    @property
    def display(self) -> str:
        """Name shown to a reader: ``Pleural thickening``."""
        return self.value.replace("_", " ").capitalize()

    @property
    def urgency(self) -> float:
        """Weight of this target in the worklist's order, 0 (can wait) to 1 (act now)."""
        return _URGENCY[self]


FINDINGS: Final[tuple[Target, ...]] = tuple(target for target in Target if target is not Target.ANOMALY)
"""The 14 findings, without `Target.ANOMALY`."""

# Ours, not the paper's: acute and treatable within the hour first, chronic and incidental last.
_URGENCY: Final[dict[Target, float]] = {
    Target.PNEUMOTHORAX: 1.0,
    Target.EDEMA: 0.9,
    Target.CONSOLIDATION: 0.8,
    Target.PNEUMONIA: 0.8,
    Target.EFFUSION: 0.7,
    Target.MASS: 0.6,
    Target.ATELECTASIS: 0.5,
    Target.INFILTRATION: 0.5,
    Target.CARDIOMEGALY: 0.4,
    Target.NODULE: 0.4,
    Target.ANOMALY: 0.4,
    Target.EMPHYSEMA: 0.3,
    Target.FIBROSIS: 0.3,
    Target.PLEURAL_THICKENING: 0.2,
    Target.HERNIA: 0.2,
}

_SEPARATORS = re.compile(r"[\s_-]+")


def parse_target(name: str) -> Target:
    """Find the target that a person named, in any case, with ``-``, ``_`` or spaces.

    Raises
    ------
    UnknownName
        None matches; the message offers the nearest.
    """
    wanted = _SEPARATORS.sub("-", name.strip()).lower()
    for target in Target:
        if target.slug == wanted:
            return target
    raise UnknownName("finding", name, [target.slug for target in Target])


def parse_labels(text: str) -> frozenset[Target]:
    """Read NIH's 'Finding Labels' cell, such as ``"Effusion|Mass"``; 'No Finding' gives the empty set.

    Raises
    ------
    UnknownName
        A label is none of NIH's 14.
    """
    names = [part.strip() for part in text.split("|")]
    if names == [NO_FINDING]:
        return frozenset()
    return frozenset(parse_target(name) for name in names)
