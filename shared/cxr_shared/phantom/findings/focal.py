"""Nodules and masses: rounded opacities under and over 30 mm."""

from __future__ import annotations

import numpy as np

from cxr_shared.film.film import FloatImage
from cxr_shared.findings import Target
from cxr_shared.phantom.raster import HALF, SIZE, blur, canvas, depth_inside, grid, stroke
from cxr_shared.phantom.scene import Scene


def draw_nodule(scene: Scene, severity: float, rng: np.random.Generator) -> None:
    """Draw one to three nodules of 11 to 27 mm."""
    count = 1 if rng.random() < 0.72 else int(rng.integers(2, 4))
    for _ in range(count):
        diameter = float(np.clip(11.5 + 14 * severity + rng.normal(0, 1), 10, 26.5))
        x, y = _place(scene, rng, inset=0.6 * scene.anatomy.px(diameter))
        body = _body(scene, rng, x=x, y=y, diameter=diameter, lobes=0.05)
        scene.tissue += body * np.float32(rng.uniform(1.3, 1.9))
        scene.mark(Target.NODULE, (body > 0).astype(np.float32))


def draw_mass(scene: Scene, severity: float, rng: np.random.Generator) -> None:
    """Draw one mass of 36 to 85 mm, lobulated and sometimes spiculated."""
    diameter = 38 + 42 * severity + float(rng.uniform(-1, 4))
    x, y = _place(scene, rng, inset=0.3 * scene.anatomy.px(diameter))
    body = _body(scene, rng, x=x, y=y, diameter=diameter, lobes=0.10)
    scene.tissue += body * np.float32(rng.uniform(0.75, 0.95))
    solid = (body > 0).astype(np.float32)
    scene.vessels *= 1 - 0.7 * solid
    if rng.random() < 0.5:
        _spicules(scene, rng, x=x, y=y, radius=scene.anatomy.px(diameter) / 2)
    scene.mark(Target.MASS, solid)


def _place(scene: Scene, rng: np.random.Generator, *, inset: float) -> tuple[float, float]:
    """Random centre inside the lungs, `inset` film pixels from their borders where there is room."""
    depth = depth_inside(scene.lungs)
    rows, columns = np.nonzero(depth > min(inset, 0.8 * float(depth.max())))
    pick = int(rng.integers(len(rows)))
    scale = SIZE / HALF
    return float(columns[pick]) * scale, float(rows[pick]) * scale


def _body(scene: Scene, rng: np.random.Generator, *, x: float, y: float, diameter: float, lobes: float) -> FloatImage:
    """Thickness in mm of a lobulated sphere; `lobes` is the waviness of its outline."""
    gx, gy = grid()
    dx, dy = gx - np.float32(x), gy - np.float32(y)
    angle = np.arctan2(dy, dx)
    wave = np.zeros((HALF, HALF), np.float32)
    for order in (2, 3, 5):
        phase = np.float32(rng.uniform(0, 2 * np.pi))
        wave += np.float32(lobes * rng.uniform(0.3, 1) / order**0.5) * np.cos(order * angle + phase)
    reach = scene.anatomy.px(diameter / 2) * (1 + wave - float(lobes))
    squared = (dx * dx + dy * dy) / (reach * reach)
    return np.asarray(np.float32(diameter) * np.sqrt(np.clip(1 - squared, 0, 1)), np.float32)


def _spicules(scene: Scene, rng: np.random.Generator, *, x: float, y: float, radius: float) -> None:
    surface = canvas()
    for angle in rng.uniform(0, 2 * np.pi, int(rng.integers(16, 30))):
        far = radius * float(rng.uniform(1.15, 1.6))
        ray = np.asarray([[np.cos(angle), np.sin(angle)]]) * np.asarray([[0.8 * radius], [far]])
        stroke(surface, ray + np.asarray([x, y]), width=2, value=int(rng.integers(90, 200)))
    scene.fine += blur(surface.astype(np.float32), 1.2) * np.float32(0.12 / 255)
