"""The radiographic sign of each finding.

A sign has two halves: `shape` changes the anatomy before anything is drawn (a wide heart, a raised
diaphragm), `draw` adds what lies along the rays (fluid, gas, a nodule) and records the box around it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from cxr_shared.findings import Target
from cxr_shared.phantom.anatomy import Anatomy
from cxr_shared.phantom.findings import airspace, focal, heart, interstitial, pleura, volume
from cxr_shared.phantom.scene import Scene


def _unchanged(anatomy: Anatomy, severity: float, rng: np.random.Generator) -> Anatomy:  # noqa: ARG001
    return anatomy


@dataclass(frozen=True, slots=True)
class Sign:
    """How one finding shows; both halves are given the same random stream from its start."""

    draw: Callable[[Scene, float, np.random.Generator], None]
    shape: Callable[[Anatomy, float, np.random.Generator], Anatomy] = _unchanged


SIGNS: Final[dict[Target, Sign]] = {
    Target.EMPHYSEMA: Sign(volume.draw_emphysema, volume.shape_emphysema),
    Target.CARDIOMEGALY: Sign(heart.draw_cardiomegaly, heart.shape_cardiomegaly),
    Target.FIBROSIS: Sign(interstitial.draw_fibrosis, interstitial.shape_fibrosis),
    Target.EDEMA: Sign(interstitial.draw_edema),
    Target.INFILTRATION: Sign(airspace.draw_infiltration),
    Target.PNEUMONIA: Sign(airspace.draw_pneumonia),
    Target.CONSOLIDATION: Sign(airspace.draw_consolidation),
    Target.ATELECTASIS: Sign(volume.draw_atelectasis, volume.shape_atelectasis),
    Target.NODULE: Sign(focal.draw_nodule),
    Target.MASS: Sign(focal.draw_mass),
    Target.HERNIA: Sign(heart.draw_hernia),
    Target.PLEURAL_THICKENING: Sign(pleura.draw_thickening),
    Target.EFFUSION: Sign(pleura.draw_effusion),
    Target.PNEUMOTHORAX: Sign(pleura.draw_pneumothorax, pleura.shape_pneumothorax),
}
"""In the order of drawing: what hides or displaces other signs comes last."""
