"""Cardiomegaly and hiatal hernia."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cxr_shared.findings import Target
from cxr_shared.phantom.anatomy import Anatomy
from cxr_shared.phantom.raster import blur, grid, ramp
from cxr_shared.phantom.scene import Scene


def shape_cardiomegaly(anatomy: Anatomy, severity: float, rng: np.random.Generator) -> Anatomy:
    """Widen the heart, mostly to the left, to a cardiothoracic ratio of 0.53 to 0.68."""
    heart = (0.535 + 0.145 * severity) * 2 * anatomy.half_width
    right = float(rng.uniform(0.30, 0.38))
    return replace(anatomy, heart_right=heart * right, heart_left=heart * (1 - right))


def draw_cardiomegaly(scene: Scene, severity: float, rng: np.random.Generator) -> None:  # noqa: ARG001
    """Mark the heart."""
    scene.mark(Target.CARDIOMEGALY, scene.heart)


def draw_hernia(scene: Scene, severity: float, rng: np.random.Generator) -> None:
    """Put part of the stomach behind the heart: a round sac with gas over a fluid level."""
    a = scene.anatomy
    x, y = grid()
    radius = a.px(24 + 28 * severity) * float(rng.uniform(0.95, 1.05))
    cx = a.midline(a.dome_left) + float(rng.uniform(-0.08, 0.42)) * radius + a.shift
    cy = a.dome_left + 0.10 * a.half_width - float(rng.uniform(0.72, 0.92)) * radius
    flat = float(rng.uniform(0.92, 1.12))
    squared = ((x - cx) / np.float32(radius * flat)) ** 2 + ((y - cy) / np.float32(radius)) ** 2
    chord = np.float32(2 * radius * a.mm_per_pixel) * np.sqrt(np.clip(1 - squared, 0, 1))
    hollow = np.float32(2 * radius * a.mm_per_pixel) * np.sqrt(np.clip(0.80 - squared, 0, 1))
    level = cy + radius * float(rng.uniform(-0.12, 0.28))
    gas = ramp(y, level + 2, level - 2)
    sac = 0.40 * chord - 1.15 * hollow * gas
    scene.tissue += blur(np.asarray(sac, np.float32), 0.9)
    above = (squared < 1) & (y < a.dome_left + 0.14 * a.half_width)
    scene.mark(Target.HERNIA, above.astype(np.float32))
