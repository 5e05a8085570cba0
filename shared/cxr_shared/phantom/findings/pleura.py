"""Effusion, pneumothorax and pleural thickening."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cxr_shared.findings import Target
from cxr_shared.phantom.anatomy import LEFT, RIGHT, Anatomy
from cxr_shared.phantom.raster import enlarge, fractal, grid, noise, ramp
from cxr_shared.phantom.scene import Scene


def _side(rng: np.random.Generator) -> int:
    return RIGHT if rng.random() < 0.5 else LEFT


def draw_effusion(scene: Scene, severity: float, rng: np.random.Generator) -> None:
    """Fill the costophrenic angle with fluid whose surface climbs towards the chest wall."""
    first = _side(rng)
    sides = (first, -first) if rng.random() < 0.25 else (first,)
    for number, side in enumerate(sides):
        _fluid(scene, severity * (1.0 if number == 0 else 0.6), rng, side=side)


def _fluid(scene: Scene, severity: float, rng: np.random.Generator, *, side: int) -> None:
    a = scene.anatomy
    x, y = grid()
    u = (x - np.float32(a.center)) * np.float32(side / a.half_width)
    top = a.dome(side) + 0.55 * a.angle_drop - (0.06 + 0.78 * severity) * a.half_width
    climb = ramp(np.asarray(u, np.float32), 0.35, 1.0) ** np.float32(1.6)
    rise = (0.20 + 0.12 * severity) * a.half_width
    surface = top + rise * (1 - climb) + 0.012 * a.half_width * noise(rng, 120)
    below = np.asarray(y - surface, np.float32)
    amount = (ramp(below, -5, 5) * (0.45 + 0.55 * ramp(below, 0, 0.20 * a.half_width))).astype(np.float32)
    half = (u > 0) * scene.cage * (1 - 0.75 * scene.heart)
    fluid = np.asarray(amount * half, np.float32)
    scene.opacify(np.float32(0.97) * fluid, veil=1.0)
    seen = fluid * (y < a.dome(side) + a.angle_drop) * np.maximum(scene.lungs, ramp(u, 0.7, 0.85))
    scene.mark(Target.EFFUSION, np.asarray(seen, np.float32), threshold=0.4)


def shape_pneumothorax(anatomy: Anatomy, severity: float, rng: np.random.Generator) -> Anatomy:
    """Push the mediastinum away when the pleural air is under tension."""
    side = _side(rng)
    return replace(anatomy, shift=anatomy.shift - side * max(severity - 0.7, 0) * 0.55 * anatomy.half_width)


def draw_pneumothorax(scene: Scene, severity: float, rng: np.random.Generator) -> None:
    """Peel the lung off the chest wall: a thin pleural line, and beyond it black without markings."""
    side = _side(rng)
    a = scene.anatomy
    _, y = grid()
    wide = (0.085 + 0.40 * severity) * a.half_width
    base = 0.10 + 0.75 * severity
    drop = ramp(y, a.level(0.10), a.level(0.85))
    edge = wide * (1 - (1 - base) * drop) * (1 + 0.05 * fractal(rng, 200))
    inward = np.asarray(scene.wall - edge, np.float32)  # > 0 inside the shrunken lung
    lung = scene.lung(side)
    air = np.asarray(ramp(inward, 1.5, -1.5) * lung, np.float32)
    scene.content *= 1 - np.float32(0.80) * air
    scene.vessels *= 1 - air
    collapsed = (lung - air) * np.float32(0.05 + 0.14 * severity)
    scene.opacify(np.asarray(np.maximum(collapsed, 0), np.float32), veil=0.0)
    distance = enlarge(inward)
    line = np.exp(-((distance / np.float32(1.7)) ** 2)) * enlarge(lung)
    scene.fine += np.asarray(line * np.float32(0.16), np.float32)
    seen = air * (edge > max(0.35 * wide, 10)) * (y < a.level(0.86))
    scene.mark(Target.PNEUMOTHORAX, np.asarray(seen, np.float32))


def draw_thickening(scene: Scene, severity: float, rng: np.random.Generator) -> None:
    """Line the chest wall, at its side or over the apex, with an uneven band of dense pleura."""
    a = scene.anatomy
    _, y = grid()
    side = _side(rng)
    if rng.random() < 0.35:
        extent = ramp(y, a.level(0.26), a.level(0.14))
    else:
        top = float(rng.uniform(0.20, 0.42))
        bottom = top + float(rng.uniform(0.34, 0.52))
        extent = ramp(y, a.level(top - 0.05), a.level(top + 0.06)) * ramp(
            y, a.level(bottom + 0.05), a.level(bottom - 0.06)
        )
    uneven = np.clip(1 + 0.26 * fractal(rng, 150, octaves=2), 0.35, 2)
    thick = a.px(5.5 + 9.0 * severity) * extent * uneven
    band = np.asarray(ramp(scene.wall - thick, 2.5, -2.5) * (thick > 2) * scene.lung(side), np.float32)
    scene.tissue += band * np.float32(16 + 14 * severity)
    scene.opacify(np.float32(0.45) * band, veil=0.9)
    scene.mark(Target.PLEURAL_THICKENING, band)
