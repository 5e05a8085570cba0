"""The patient and how one film shows them: every length that the drawing needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from cxr_shared.film.film import FloatImage, ViewPosition
from cxr_shared.phantom.phantom import Sex
from cxr_shared.phantom.raster import SIZE, Points, curve, stream

RIGHT: Final = -1
"""Sign of x on the patient's right, which is the viewer's left."""
LEFT: Final = 1

# The inner border of one half of the rib cage: share of the half width, share of the height from the apex
# to the costophrenic angle. Measured by eye on normal films.
_CAGE: Final = [
    (0.0, 0.115), (0.12, 0.055), (0.24, 0.012), (0.36, 0.0), (0.49, 0.022), (0.63, 0.082), (0.765, 0.18),
    (0.875, 0.32), (0.95, 0.50), (0.988, 0.70), (1.0, 0.86), (0.992, 1.0), (0.965, 1.18), (0.94, 1.5),
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Patient:
    """What stays the same on all films of one person; lengths in mm."""

    sex: Sex
    birth_age: int
    half_width: float
    height: float
    depth: float
    wall: float
    breast: float
    heart_ratio: float
    heart_share_right: float
    knob: float
    shoulder: float
    rib_slope: float
    rib_height: float
    dome_step: float
    seed: int


def draw_patient(seed: int) -> Patient:
    """Draw the body of the patient numbered `seed`; the same number always gives the same body."""
    rng = stream(seed, "patient")
    sex: Sex = "M" if rng.random() < 0.56 else "F"
    age = int(np.clip(rng.normal(49, 17), 16, 88))
    size = rng.normal(1.0, 0.045) * (1.0 if sex == "M" else 0.91)
    wide = float(np.clip(rng.normal(1, 0.035), 0.92, 1.08))
    fat = float(rng.gamma(4.0, 0.25))
    return Patient(
        sex=sex,
        birth_age=age,
        half_width=133 * size * wide,
        height=252 * size / wide**0.5 * rng.normal(1, 0.03),
        depth=190 * size * rng.normal(1, 0.05),
        wall=44 + 20 * fat,
        breast=float(np.clip(rng.normal(0.75 + 0.3 * fat, 0.3), 0.35, 1.8)) if sex == "F" else 0.0,
        heart_ratio=float(np.clip(rng.normal(0.435 + 0.0006 * (age - 49), 0.022), 0.385, 0.475)),
        heart_share_right=float(rng.uniform(0.31, 0.37)),
        knob=float(np.clip(rng.normal(12.5 + 0.06 * (age - 49), 1.2), 9, 18)),
        shoulder=float(rng.uniform(0.0, 1.0)),
        rib_slope=float(rng.uniform(0.75, 1.25)),
        rib_height=float(rng.normal(9.6, 0.6)) * size,
        dome_step=float(rng.uniform(3, 12)),
        seed=seed,
    )


@dataclass(frozen=True, slots=True)
class Anatomy:
    """How one film shows a patient; lengths in film pixels unless the name says mm.

    `heart_right` and `heart_left` are the greatest distances of the heart's borders from `center`.
    """

    patient: Patient
    view: ViewPosition
    mm_per_pixel: float
    center: float
    half_width: float
    apex: float
    dome_right: float
    dome_left: float
    angle_drop: float
    heart_right: float
    heart_left: float
    shift: float
    """How far the mediastinum is pushed to the patient's left."""
    tilt: float
    """Sideways lean of the spine, pixels from the top to the bottom of the film."""
    air: float
    """Share of the lung's volume that is air, 0..1."""

    def px(self, millimetres: float) -> float:
        """Film pixels of a length in mm."""
        return millimetres / self.mm_per_pixel

    def dome(self, side: int) -> float:
        """Height (y) of the top of a hemidiaphragm."""
        return self.dome_right if side == RIGHT else self.dome_left

    @property
    def angle(self) -> float:
        """Height (y) of the costophrenic angles, by which the rib cage is scaled."""
        return max(self.dome_right, self.dome_left) + self.angle_drop

    @property
    def carina(self) -> float:
        """Height (y) of the tracheal bifurcation."""
        return self.level(0.36)

    def level(self, share: float) -> float:
        """Height (y) at a share of the way from the apex to the costophrenic angle."""
        return self.apex + share * (self.angle - self.apex)

    def across(self, share: float, side: int) -> float:
        """Position (x) at a share of the half width on a side."""
        return self.center + side * share * self.half_width

    def midline(self, y: float) -> float:
        """Position (x) of the spine at a height."""
        return self.center + self.tilt * (y / SIZE - 0.5)

    def cage_half(self, side: int) -> Points:
        """Inner border of the rib cage on a side, from the midline over the apex down."""
        return curve([(self.across(u, side), self.level(s)) for u, s in _CAGE])

    def reach(self, y: float) -> float:
        """Inner half width of the rib cage at a height, below the apex."""
        border = self.cage_half(LEFT)
        outer = border[np.argmin(border[:, 1]) :]
        return float(np.interp(y, outer[:, 1], outer[:, 0])) - self.center

    def dome_line(self, side: int, x: FloatImage) -> FloatImage:
        """Height (y) of a hemidiaphragm at the positions `x`."""
        u = (x - np.float32(self.center)) * np.float32(side / self.half_width)
        lateral = np.clip((u - 0.47) / 0.535, 0, 1)
        medial = np.clip((0.47 - u) / 0.47, 0, 1.6)
        fall = self.angle_drop * (1 - np.sqrt(1 - lateral**2.2)) + 0.42 * self.angle_drop * medial**2
        return np.asarray(self.dome(side) + fall, np.float32)


def position(patient: Patient, seed: int, *, view: ViewPosition) -> Anatomy:
    """Place a patient before the detector: centring, breath, projection and magnification of one film."""
    rng = stream(seed, "position")
    supine = view is ViewPosition.AP
    mm = round(float(rng.uniform(0.340, 0.380)), 3)
    breath = float(rng.normal(0.93 if supine else 1.0, 0.025))
    half_width = patient.half_width / mm * (1.02 if supine else 1.0)
    half_width = min(half_width, 0.40 * SIZE)
    height = min(patient.height / mm * breath, 0.74 * SIZE)
    drop = (38 + 12 * (breath - 0.9) / 0.1) / mm * float(rng.uniform(0.9, 1.1))
    apex = float(rng.uniform(0.095, 0.15)) * SIZE + (SIZE * 0.70 - height) * 0.5
    heart = min(patient.heart_ratio * (1.05 if supine else 1.0), 0.480) * 2 * half_width
    right_dome = apex + height - drop
    return Anatomy(
        patient=patient,
        view=view,
        mm_per_pixel=mm,
        center=SIZE / 2 + float(rng.normal(0, 12)),
        half_width=half_width,
        apex=apex,
        dome_right=right_dome,
        dome_left=right_dome + patient.dome_step / mm,
        angle_drop=drop,
        heart_right=heart * patient.heart_share_right,
        heart_left=heart * (1 - patient.heart_share_right),
        shift=float(rng.normal(0, 3)),
        tilt=float(rng.normal(0, 10)),
        air=float(np.clip(rng.normal(0.775 if supine else 0.79, 0.015), 0.72, 0.83)),
    )
