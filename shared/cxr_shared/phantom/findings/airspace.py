"""Infiltration, pneumonia and consolidation: fluid or pus where air was, more and more of it."""

from __future__ import annotations

import math

import numpy as np

from cxr_shared.film.film import FloatImage
from cxr_shared.findings import Target
from cxr_shared.phantom.anatomy import LEFT, RIGHT
from cxr_shared.phantom.raster import blur, canvas, enlarge, fractal, grid, ramp, stroke
from cxr_shared.phantom.scene import Scene
from cxr_shared.phantom.vessels import hilum

# A segment: side, centre (share of the half width and of the height), radii (shares of the half width), the
# heights between which its fissures confine it.
_SEGMENTS = (
    (RIGHT, (0.50, 0.26), (0.36, 0.34), (-0.10, 0.47)),
    (RIGHT, (0.44, 0.68), (0.36, 0.26), (0.485, 0.92)),
    (RIGHT, (0.58, 0.78), (0.38, 0.34), (0.42, 1.15)),
    (LEFT, (0.52, 0.28), (0.36, 0.34), (-0.10, 0.62)),
    (LEFT, (0.60, 0.66), (0.34, 0.30), (0.38, 0.95)),
    (LEFT, (0.52, 0.82), (0.40, 0.32), (0.45, 1.15)),
)


def draw_infiltration(scene: Scene, severity: float, rng: np.random.Generator) -> None:
    """Draw one to three ill-defined patches."""
    count = 1 + int(rng.random() < 0.5) + int(rng.random() < 0.25)
    for number in rng.permutation(len(_SEGMENTS))[:count]:
        side, (u, s), radii, _ = _SEGMENTS[int(number)]
        center = (u + float(rng.normal(0, 0.06)), s + float(rng.normal(0, 0.05)))
        patch = _patch(
            scene, rng, side=side, center=center, radii=(1.35 * radii[0], 1.25 * radii[1]), rough=0.26, soft=0.95
        )
        amount = patch * scene.airspace(side)
        mottle = np.clip(0.9 + 0.22 * fractal(rng, 34), 0.2, 1.5)
        scene.opacify(np.float32(0.22 + 0.26 * severity) * amount * mottle, veil=0.5)
        scene.mark(Target.INFILTRATION, amount, threshold=0.35)


def draw_pneumonia(scene: Scene, severity: float, rng: np.random.Generator) -> None:
    """Draw a segmental opacity, patchy within, with bronchi standing out in it."""
    amount, side = _segment(scene, rng, rough=0.24, soft=0.85)
    mottle = np.clip(0.92 + 0.20 * fractal(rng, 48), 0.3, 1.3)
    scene.opacify(np.float32(0.34 + 0.30 * severity) * amount * mottle, veil=0.8)
    _bronchograms(scene, rng, amount, side=side, strength=0.55)
    scene.mark(Target.PNEUMONIA, amount, threshold=0.4)


def draw_consolidation(scene: Scene, severity: float, rng: np.random.Generator) -> None:
    """Draw a dense homogeneous opacity that ends sharply at a fissure."""
    amount, side = _segment(scene, rng, rough=0.11, soft=0.55)
    scene.opacify(np.float32(0.52 + 0.30 * severity) * amount, veil=1.0)
    _bronchograms(scene, rng, amount, side=side, strength=0.35)
    scene.mark(Target.CONSOLIDATION, amount, threshold=0.45)


def _segment(scene: Scene, rng: np.random.Generator, *, rough: float, soft: float) -> tuple[FloatImage, int]:
    """Share 0..1 of one segment, confined by its fissures, and its side."""
    side, center, radii, (top, bottom) = _SEGMENTS[int(rng.integers(len(_SEGMENTS)))]
    grow = float(rng.uniform(1.15, 1.55))
    wide, tall = radii[0] * grow, radii[1] * grow
    patch = _patch(scene, rng, side=side, center=center, radii=(wide, tall), rough=rough, soft=soft)
    a = scene.anatomy
    x, y = grid()
    slant = (x - a.across(0.5, side)) * np.float32(side * float(rng.uniform(-0.10, 0.14)))
    edge = 4.0
    confined = ramp(y - slant, a.level(top) - edge, a.level(top) + edge)
    confined *= ramp(y - slant, a.level(bottom) + 9 * edge, a.level(bottom) - 5 * edge)
    return patch * confined * scene.airspace(side), side


def _patch(
    scene: Scene,
    rng: np.random.Generator,
    *,
    side: int,
    center: tuple[float, float],
    radii: tuple[float, float],
    rough: float,
    soft: float,
) -> FloatImage:
    """Cloud of opacity, 0..1; `rough` breaks its outline, `soft` is the width of its border."""
    a = scene.anatomy
    x, y = grid()
    cx, cy = a.across(center[0], side), a.level(center[1])
    dx, dy = (x - cx) / np.float32(radii[0] * a.half_width), (y - cy) / np.float32(radii[1] * a.half_width)
    inside = 1 - np.sqrt(dx * dx + dy * dy) + np.float32(rough) * fractal(rng, 130)
    return ramp(np.asarray(inside, np.float32), -0.05, soft)


def _bronchograms(scene: Scene, rng: np.random.Generator, amount: FloatImage, *, side: int, strength: float) -> None:
    """Air-filled bronchi, dark branching lines within an opacity."""
    surface = canvas()
    a = scene.anatomy
    root = hilum(a, side)
    rows, columns = np.nonzero(amount > 0.5 * max(float(amount.max()), 1e-6))
    aim = (2 * float(columns.mean()) - root[0], 2 * float(rows.mean()) - root[1])
    heading, reach = math.atan2(aim[1], aim[0]), math.hypot(*aim)
    for _ in range(int(rng.integers(4, 7))):
        angle = heading + float(rng.normal(0, 0.30))
        points = [(root[0], root[1])]
        for _ in range(9):
            angle += float(rng.normal(0, 0.08))
            step = 0.17 * reach
            points.append((points[-1][0] + step * math.cos(angle), points[-1][1] + step * math.sin(angle)))
        stroke(surface, np.asarray(points, np.float32), width=max(2, round(a.px(2.6))), value=200)
    dark = blur(surface.astype(np.float32), 1.3) * enlarge(np.asarray(amount**2, np.float32))
    scene.fine -= dark * np.float32(0.15 * strength / 255)
