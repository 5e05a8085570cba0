"""Atelectasis and emphysema: lung lost and lung overfilled."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cxr_shared.findings import Target
from cxr_shared.phantom.anatomy import LEFT, RIGHT, Anatomy
from cxr_shared.phantom.raster import HALF, blur, canvas, curve, grid, mask, noise, ramp, stroke
from cxr_shared.phantom.scene import Scene


def shape_atelectasis(anatomy: Anatomy, severity: float, rng: np.random.Generator) -> Anatomy:
    """Raise the hemidiaphragm of the side that lost volume and draw the mediastinum towards it."""
    side, lobar = _kind(rng)
    rise = (0.05 + 0.13 * severity) * anatomy.half_width
    pull = (0.10 if lobar else 0.03) * severity * anatomy.half_width
    raised = replace(anatomy, shift=anatomy.shift + side * pull, angle_drop=anatomy.angle_drop + 0.3 * rise)
    if side == RIGHT:
        return replace(raised, dome_right=anatomy.dome_right - rise)
    return replace(raised, dome_left=anatomy.dome_left - rise)


def draw_atelectasis(scene: Scene, severity: float, rng: np.random.Generator) -> None:
    """Draw plates across the base, or a collapsed lobe with its shifted fissure."""
    side, lobar = _kind(rng)
    if lobar:
        _lobe(scene, severity, rng, side=side)
    else:
        _plates(scene, severity, rng, side=side)


def _kind(rng: np.random.Generator) -> tuple[int, bool]:
    """Side, and whether a lobe rather than plates collapsed."""
    return (RIGHT if rng.random() < 0.5 else LEFT), bool(rng.random() < 0.4)


def _plates(scene: Scene, severity: float, rng: np.random.Generator, *, side: int) -> None:
    a = scene.anatomy
    surface = canvas(HALF)
    base = a.dome(side) - float(rng.uniform(0.10, 0.20)) * a.half_width
    for number in range(1 + int(rng.random() < 0.6) + int(rng.random() < 0.3)):
        start = float(rng.uniform(0.34, 0.48))
        end = min(start + float(rng.uniform(0.26, 0.36)) + 0.16 * severity, 0.92)
        y = base - number * float(rng.uniform(0.10, 0.16)) * a.half_width
        tip = y + float(rng.normal(0, 0.07)) * a.half_width
        middle = (
            a.across((start + end) / 2, side),
            (y + tip) / 2 - float(rng.uniform(0.0, 0.04)) * a.half_width,
        )
        plate = curve([(a.across(start, side), y), middle, (a.across(end, side), tip)])
        stroke(surface, plate, width=int(rng.integers(3, 5)) + round(3 * severity), value=225)
    band = blur(surface.astype(np.float32) / np.float32(255), 1.1)
    scene.tissue += band * np.float32(21 + 18 * severity)
    haze = blur(band, 14) * scene.lung(side)
    scene.opacify(np.float32(0.5 + 0.3 * severity) * haze, veil=0.3)
    scene.mark(Target.ATELECTASIS, band)


def _lobe(scene: Scene, severity: float, rng: np.random.Generator, *, side: int) -> None:
    a = scene.anatomy
    if side == RIGHT:  # the upper lobe: a wedge on the mediastinum above the lifted minor fissure
        out, low = 0.74 - 0.20 * severity, 0.40 - 0.12 * severity
        wedge = [
            (0.05, 0.02),
            (0.30, -0.02),
            (0.5, 0.0),
            (out, 0.10),
            (out - 0.02, low - 0.10),
            (0.34, low),
            (0.1, low + 0.05),
        ]
    else:  # the lower lobe: a triangle behind the heart, from the hilum down
        out = 0.66 - 0.14 * severity
        wedge = [
            (0.10, 0.44),
            (0.24, 0.52),
            (0.44, 0.76),
            (out, 1.02),
            (0.4, 1.12),
            (0.08, 1.12),
            (0.07, 0.7),
        ]
    outline = curve([(a.across(u, side) + a.shift, a.level(s)) for u, s in wedge], closed=True, steps=8)
    share = blur(mask(outline), 1.5) * scene.cage * (1 - 0.6 * scene.abdomen)
    grain = np.float32(1) + np.float32(0.08) * noise(rng, 60)
    scene.opacify(np.asarray(np.float32(0.50 + 0.25 * severity) * share * grain, np.float32), veil=1.0)
    scene.mark(Target.ATELECTASIS, share)


def shape_emphysema(anatomy: Anatomy, severity: float, rng: np.random.Generator) -> Anatomy:
    """Overfill the lungs: low flat diaphragms, a narrow upright heart, less tissue along each ray."""
    sink = (0.10 + 0.14 * severity) * anatomy.half_width
    narrow = float(rng.uniform(0.80, 0.88)) - 0.06 * severity
    return replace(
        anatomy,
        dome_right=anatomy.dome_right + sink,
        dome_left=anatomy.dome_left + sink,
        angle_drop=anatomy.angle_drop * (0.60 - 0.32 * severity),
        heart_right=anatomy.heart_right * narrow,
        heart_left=anatomy.heart_left * narrow,
        air=min(anatomy.air + 0.045 + 0.055 * severity, 0.91),
    )


def draw_emphysema(scene: Scene, severity: float, rng: np.random.Generator) -> None:
    """Prune the vessels towards the periphery and add bullae in severe disease."""
    a = scene.anatomy
    x, y = grid()
    outer = ramp(scene.wall, 0.6 * a.half_width, 0.15 * a.half_width)
    scene.vessels *= 1 - np.float32(0.35 + 0.45 * severity) * outer
    for _ in range(int(rng.integers(1, 4)) if severity > 0.5 else 0):
        side = RIGHT if rng.random() < 0.5 else LEFT
        cx, cy = a.across(float(rng.uniform(0.45, 0.75)), side), a.level(float(rng.uniform(0.12, 0.35)))
        radius = a.px(float(rng.uniform(14, 30)))
        squared = ((x - cx) ** 2 + (1.2 * (y - cy)) ** 2) / np.float32(radius**2)
        hole = np.sqrt(np.clip(1 - squared, 0, 1)) * scene.lung(side)
        scene.content *= 1 - np.float32(0.45) * hole
        scene.vessels *= 1 - np.float32(0.9) * (hole > 0)
        rim = np.exp(-(((np.sqrt(squared) - 1) * np.float32(radius / 2.2)) ** 2))
        scene.tissue += np.asarray(4.0 * rim * scene.lung(side), np.float32)
    for side in (RIGHT, LEFT):
        scene.mark(Target.EMPHYSEMA, scene.lung(side))
