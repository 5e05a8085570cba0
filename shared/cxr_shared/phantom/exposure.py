"""From attenuation to grey values: scatter, quantum noise, the detector and the tone curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxr_shared.film.film import FloatImage
from cxr_shared.opencv import cv2
from cxr_shared.phantom.raster import SIZE, blur, stream


@dataclass(frozen=True, slots=True)
class Technique:
    """How one film was exposed and processed."""

    quanta: float
    """Relative photons a pixel; more is less noise."""
    scatter: float
    """Scattered share of the mean exposure behind the patient."""
    span: float
    """Log exposure between lung and mediastinum that the tone curve spreads over its straight part."""
    contrast: float
    brightness: float
    sharpening: float


def draw_technique(seed: int) -> Technique:
    """Draw how the film numbered `seed` was exposed; what the film shows has no part in it."""
    rng = stream(seed, "technique")
    return Technique(
        quanta=float(np.exp(rng.normal(np.log(9000), 0.5))),
        scatter=float(rng.uniform(0.12, 0.30)),
        span=float(rng.uniform(1.85, 2.15)),
        contrast=float(rng.normal(1.0, 0.09)),
        brightness=float(rng.normal(0.0, 0.035)),
        sharpening=float(rng.uniform(0.0, 0.9)),
    )


def expose(attenuation: FloatImage, technique: Technique, seed: int) -> FloatImage:
    """Log exposure of a film: attenuation as a detector with scatter and noise sees it, (1024, 1024)."""
    beam = np.exp(-attenuation)
    coarse = cv2.resize(beam, (SIZE // 8, SIZE // 8), interpolation=cv2.INTER_AREA)
    behind = np.minimum(coarse, np.float32(0.35))  # bare beam reaches the detector without scattering
    veil = blur(blur(behind, 9.0), 3.0) * np.float32(technique.scatter)
    beam += np.asarray(cv2.resize(veil, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR), np.float32)
    rng = stream(seed, "noise")
    grain = rng.standard_normal((SIZE, SIZE), dtype=np.float32)
    grain = np.asarray(cv2.GaussianBlur(grain, (3, 3), 0.6), np.float32)
    beam += np.sqrt(beam / np.float32(technique.quanta)) * grain * np.float32(1.6)
    response = -np.log(np.maximum(beam, np.float32(1e-3)))
    if technique.sharpening > 0.05:
        response += np.float32(technique.sharpening * 0.35) * (response - blur(response, 6.0))
    return np.asarray(response, np.float32)


def develop(response: FloatImage, technique: Technique, *, low: float, high: float) -> npt.NDArray[np.float32]:
    """Tone curve: 0..1 grey of a log exposure, `low` (lung) and `high` (mediastinum) placed in the curve."""
    middle = (response - np.float32(low)) / np.float32(high - low)
    middle = np.float32(0.30) + (middle * np.float32(technique.contrast)) * np.float32(0.53)
    middle += np.float32(technique.brightness)
    # A toe and a shoulder as film has them: the ends are compressed, never cut.
    return np.asarray(1 / (1 + np.exp(-np.float32(4.6) * (middle - np.float32(0.5)))), np.float32)
