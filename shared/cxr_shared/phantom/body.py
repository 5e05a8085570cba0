"""What surrounds the chest: trunk, neck, arms, breasts, and gas below the diaphragm."""

from __future__ import annotations

import numpy as np

from cxr_shared.film.film import FloatImage, ViewPosition
from cxr_shared.phantom.anatomy import LEFT, RIGHT, Anatomy
from cxr_shared.phantom.raster import (
    HALF,
    blur,
    curve,
    depth_inside,
    fractal,
    grid,
    mask,
    ramp,
    rounded,
    stream,
)


def draw_body(anatomy: Anatomy) -> FloatImage:
    """Thickness of the patient along each ray, mm, (512, 512) float32; 0 in the air beside them."""
    _, y = grid()
    trunk = _trunk(anatomy)
    # Neck and shoulders are not half as deep as the chest.
    deep = np.float32(0.64) + np.float32(0.36) * ramp(y, anatomy.level(-0.10), anatomy.level(0.62))
    depth = (anatomy.patient.depth + anatomy.patient.wall) * deep
    thickness = depth * rounded(depth_inside(trunk), 0.48 * anatomy.half_width) * blur(trunk, 0.7)
    for side in (RIGHT, LEFT):
        arm = _arm(anatomy, side)
        limb = (55 + anatomy.patient.wall) * rounded(depth_inside(arm), 0.2 * anatomy.half_width)
        thickness = np.maximum(thickness, limb)
    return np.asarray(thickness, np.float32)


def _trunk(anatomy: Anatomy) -> FloatImage:
    wall = 0.10 + 0.0016 * anatomy.patient.wall
    lift = 0.05 * anatomy.patient.shoulder + (0.04 if anatomy.view is ViewPosition.AP else 0.0)
    half = [
        (0.36, -1.2), (0.37, -0.30), (0.42, -0.17 - 0.3 * lift), (0.64, -0.095 - lift), (1.0, -0.02 - lift),
        (1.30, 0.04 - lift), (1.50, 0.16), (1.42, 0.30), (1.10 + 0.9 * wall, 0.42), (1.01 + wall, 0.55),
        (1.0 + wall, 0.75), (1.02 + wall, 1.0), (1.0 + wall, 1.3), (1.0 + wall, 2.2),
    ]  # fmt: skip
    left, right = (curve([(anatomy.across(u, side), anatomy.level(s)) for u, s in half]) for side in (LEFT, RIGHT))
    return mask(np.vstack([left, right[::-1]]))


def _arm(anatomy: Anatomy, side: int) -> FloatImage:
    away = 0.25 if anatomy.view is ViewPosition.AP else 1.0
    outline = [
        (1.2, 0.0), (1.48, 0.05), (1.66 + 0.2 * away, 0.35), (1.72 + 0.7 * away, 0.9),
        (1.72 + 0.9 * away, 1.5), (1.40 + 0.9 * away, 1.5), (1.36 + 0.6 * away, 0.9),
        (1.30 + 0.16 * away, 0.40), (1.15, 0.25),
    ]  # fmt: skip
    return mask(curve([(anatomy.across(u, side), anatomy.level(s)) for u, s in outline], closed=True))


def draw_breasts(anatomy: Anatomy) -> FloatImage:
    """Extra soft tissue before the ribs, mm, (512, 512) float32: breasts, or the pectoral folds."""
    total = np.zeros((HALF, HALF), np.float32)
    rng = stream(anatomy.patient.seed, "breasts")
    for side in (RIGHT, LEFT):
        total += _pectoral(anatomy, side)
        if anatomy.patient.sex == "F":
            total += _breast(anatomy, side, rng)
    return total


def _pectoral(anatomy: Anatomy, side: int) -> FloatImage:
    outline = [(0.3, 0.28), (0.62, 0.16), (1.05, 0.12), (1.3, 0.2), (1.12, 0.42), (0.9, 0.56), (0.5, 0.5)]
    fold = mask(curve([(anatomy.across(u, side), anatomy.level(s)) for u, s in outline], closed=True))
    return 11 * blur(fold, 22)


def _breast(anatomy: Anatomy, side: int, rng: np.random.Generator) -> FloatImage:
    """Draw a breast as it hangs: sharp below and beside, where its skin is met edge on, fading above."""
    size = anatomy.patient.breast
    x, y = grid()
    wide = anatomy.half_width * (0.40 + 0.07 * size)
    tall = anatomy.half_width * (0.34 + 0.13 * size)
    cx = anatomy.across(0.60 + 0.04 * size + float(rng.normal(0, 0.02)), side)
    cy = anatomy.level(0.66 + 0.05 * size + float(rng.normal(0, 0.015)))
    inside = 1 - ((x - cx) / np.float32(wide)) ** 2 - ((y - cy) / np.float32(tall)) ** 2
    profile = np.sqrt(np.clip(inside, 0, 1))
    above = ramp(y, cy - 1.0 * tall, cy + 0.35 * tall)
    medial = ramp((x - cx) * np.float32(side), -wide, -0.25 * wide)
    return np.asarray(blur(profile * above * (0.3 + 0.7 * medial), 1.2) * np.float32(14 + 20 * size), np.float32)


def draw_bowel(anatomy: Anatomy, seed: int) -> FloatImage:
    """Gas in stomach and colon, mm of tissue missing, (512, 512) float32."""
    rng = stream(seed, "bowel")
    x, y = grid()
    total = np.zeros((HALF, HALF), np.float32)
    if rng.random() < 0.7:
        total += _bubble(anatomy, rng, share=float(rng.uniform(0.42, 0.62)))
    if rng.random() < 0.35:
        for _ in range(int(rng.integers(2, 6))):
            cx = anatomy.across(float(rng.uniform(-0.2, 0.85)), LEFT)
            cy = anatomy.dome_left + anatomy.half_width * float(rng.uniform(0.25, 0.7))
            radius = anatomy.px(float(rng.uniform(8, 18)))
            ball = 1 - ((x - cx) ** 2 + (1.3 * (y - cy)) ** 2) / np.float32(radius**2)
            total += 0.5 * anatomy.mm_per_pixel * radius * np.sqrt(np.clip(ball, 0, 1))
    wobble = np.float32(1) + np.float32(0.12) * fractal(rng, 40)
    return np.asarray(blur(total, 1.5) * wobble, np.float32)


def _bubble(anatomy: Anatomy, rng: np.random.Generator, *, share: float) -> FloatImage:
    """Draw the gastric air bubble: a dome under the left diaphragm, with a fluid level on upright films."""
    x, y = grid()
    cx = anatomy.across(share, LEFT)
    wide = anatomy.half_width * float(rng.uniform(0.16, 0.30))
    tall = wide * float(rng.uniform(0.45, 0.8))
    cy = anatomy.dome_left + 0.045 * anatomy.half_width + tall
    inside = 1 - ((x - cx) / np.float32(wide)) ** 2 - ((y - cy) / np.float32(tall)) ** 2
    gas = np.sqrt(np.clip(inside, 0, 1))
    if anatomy.view is ViewPosition.PA:
        gas = gas * ramp(y, cy + 0.35 * tall, cy + 0.25 * tall)
    return np.asarray(gas * np.float32(rng.uniform(22, 48)), np.float32)
