"""Edema and fibrosis."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cxr_shared.film.film import FloatImage
from cxr_shared.findings import Target
from cxr_shared.phantom.anatomy import LEFT, RIGHT, Anatomy
from cxr_shared.phantom.raster import SIZE, blur, canvas, enlarge, fractal, grid, noise, ramp, stroke
from cxr_shared.phantom.scene import Scene
from cxr_shared.phantom.vessels import hilum


def draw_edema(scene: Scene, severity: float, rng: np.random.Generator) -> None:
    """Draw perihilar haze on both sides, Kerley B lines and upper vessels wider than the lower."""
    scene.cephalisation = 0.5 + 0.5 * severity
    a = scene.anatomy
    x, y = grid()
    lines = canvas()
    for side in (RIGHT, LEFT):
        hx, hy = hilum(a, side)
        dx = (x - np.float32(hx + side * 0.14 * a.half_width)) / np.float32(0.46 * a.half_width)
        dy = (y - np.float32(hy + 0.16 * a.half_width)) / np.float32(0.62 * a.half_width)
        wing = np.exp(-1.3 * (dx * dx + dy * dy)) * scene.airspace(side)
        mottle = np.clip(0.92 + 0.17 * fractal(rng, 44), 0.3, 1.4)
        haze = np.asarray(wing * mottle, np.float32)
        scene.opacify(np.float32(0.26 + 0.42 * severity) * haze, veil=0.35)
        _kerley(scene, rng, lines, side=side)
        scene.mark(Target.EDEMA, np.asarray(wing, np.float32), threshold=0.35)
    scene.fine += blur(lines.astype(np.float32), 0.9) * np.float32((0.06 + 0.08 * severity) / 255)


def _kerley(scene: Scene, rng: np.random.Generator, surface: np.ndarray, *, side: int) -> None:
    """Short horizontal septal lines that reach the pleura at the bases."""
    a = scene.anatomy
    for y in np.arange(a.level(0.66), a.level(0.92), a.px(6.5)):
        row = float(y) + float(rng.normal(0, 2))
        border = a.center + side * (a.reach(row) - 3)
        end = border - side * a.px(float(rng.uniform(8, 18)))
        line = np.asarray([(border, row), (end, row + float(rng.normal(0, 3)))], np.float32)
        stroke(surface, line, width=2, value=int(rng.integers(130, 255)))


def shape_fibrosis(anatomy: Anatomy, severity: float, rng: np.random.Generator) -> Anatomy:  # noqa: ARG001
    """Shrink the lungs: the bases rise."""
    rise = (0.05 + 0.12 * severity) * anatomy.half_width
    return replace(
        anatomy,
        dome_right=anatomy.dome_right - rise,
        dome_left=anatomy.dome_left - rise,
        angle_drop=anatomy.angle_drop + 0.75 * rise,
    )


def draw_fibrosis(scene: Scene, severity: float, rng: np.random.Generator) -> None:
    """Draw a net of lines and small rings at the bases and along the periphery, with ragged borders."""
    a = scene.anatomy
    _, y = grid()
    lower = ramp(y, a.level(0.42), a.level(0.80))
    outer = ramp(scene.wall, 0.62 * a.half_width, 0.10 * a.half_width)
    share = np.clip(lower * (0.35 + 0.65 * outer) + 0.25 * fractal(rng, 90) * lower, 0, 1)
    share = np.asarray(share * scene.lungs, np.float32)
    net = _net(rng, a.px(5.5)) + np.float32(0.7) * _net(rng, a.px(3.4))
    scene.fine += enlarge(share) * net * np.float32(0.22 + 0.22 * severity)
    scene.opacify(np.float32(0.06 + 0.10 * severity) * share, veil=0.3)
    x, _ = grid()
    for side in (RIGHT, LEFT):
        half = np.where((x - a.center) * side > 0, share, np.float32(0)).astype(np.float32)
        scene.mark(Target.FIBROSIS, half, threshold=0.5)


def _net(rng: np.random.Generator, cell: float) -> FloatImage:
    """Draw closed meshes about `cell` film pixels wide, 0..1, (1024, 1024): where a random field is zero."""
    field = noise(rng, cell * 1.5, size=SIZE)
    return ramp(np.abs(field), 0.70, 0.0)
