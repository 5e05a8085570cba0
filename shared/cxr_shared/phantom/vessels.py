"""Pulmonary vessels, hila and bronchi."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxr_shared.film.film import FloatImage
from cxr_shared.phantom.anatomy import LEFT, RIGHT, Anatomy
from cxr_shared.phantom.raster import (
    SIZE,
    Canvas,
    Points,
    blur,
    canvas,
    curve,
    enlarge,
    fill,
    fixed,
    fractal,
    noise,
    stream,
    stroke,
    strokes,
    sum_canvases,
)

# Direction in degrees below the horizontal, diameter in mm, for the arteries and veins leaving each hilum.
_TRUNKS = (
    (-75, 5.0), (-58, 4.6), (-38, 4.4), (-15, 4.0), (8, 4.4),
    (28, 5.2), (46, 6.2), (60, 7.0), (74, 7.0), (88, 5.4),
)  # fmt: skip


def draw_vessels(anatomy: Anatomy, *, cephalisation: float = 0.0) -> FloatImage:
    """Attenuation of the vessels, (1024, 1024) float32; `cephalisation` 0..1 widens those to the apices."""
    surfaces = canvas(), canvas()
    for side in (RIGHT, LEFT):
        _grow(anatomy, _trunks(anatomy, side, cephalisation=cephalisation), side=side, surfaces=surfaces)
        _hilum(anatomy, side, surfaces[0])
    return blur(sum_canvases([(surface, 0.30) for surface in surfaces]), 1.1)


def hilum(anatomy: Anatomy, side: int) -> tuple[float, float]:
    """Centre of a hilum; the left one stands higher."""
    share = 0.45 if side == RIGHT else 0.425
    return anatomy.across(0.26, side) + 0.6 * anatomy.shift, anatomy.level(share)


def _hilum(anatomy: Anatomy, side: int, surface: Canvas) -> None:
    """Draw the descending artery and the knot of vessels seen on end."""
    x, y = hilum(anatomy, side)
    w = anatomy.half_width
    artery = curve([(x - side * 0.06 * w, y - 0.07 * w), (x + side * 0.01 * w, y),
                    (x + side * 0.035 * w, y + 0.13 * w), (x + side * 0.03 * w, y + 0.26 * w)])  # fmt: skip
    stroke(surface, artery, width=int(anatomy.px(9)), value=150)
    rng = stream(anatomy.patient.seed, f"hilum{side}")
    angle = np.linspace(0, 2 * np.pi, 14, dtype=np.float32)
    for _ in range(9):
        cx, cy = x + float(rng.normal(0, 0.05)) * w, y + float(rng.normal(0, 0.075)) * w
        r = anatomy.px(float(rng.uniform(1.8, 3.6)))
        fill(
            surface,
            np.stack([cx + r * np.cos(angle), cy + r * np.sin(angle)], 1),
            value=int(rng.integers(120, 200)),
        )


@dataclass(slots=True)
class _Branches:
    """One generation of vessels, an array element each: tip, heading, diameter in mm, number of its trunk."""

    tip: Points
    heading: FloatImage
    wide: FloatImage
    trunk: npt.NDArray[np.int64]
    rng: np.random.Generator

    def extend(self, side: int, step: float) -> Points:
        """Let every branch wander on by six steps; the paths, (N, 7, 2)."""
        count = len(self.wide)
        bend = self.rng.normal(0, 0.06, (count, 1)) + self.rng.normal(0, 0.10, (count, 6))
        turned = self.heading[:, None] + np.cumsum(bend, axis=1)
        length = step * self.rng.uniform(0.45, 1.25, (count, 1))
        moves = np.stack([side * length * np.cos(turned), length * np.sin(turned)], axis=2)
        paths = np.concatenate([np.zeros((count, 1, 2)), np.cumsum(moves, axis=1)], axis=1)
        self.heading = turned[:, -1].astype(np.float32)
        points = (paths + self.tip[:, None]).astype(np.float32)
        self.tip = points[:, -1]
        return points

    def fork(self) -> _Branches:
        """Split every branch into a stronger and a weaker one; those too thin to see end."""
        count = len(self.wide)
        way = np.where(self.rng.random(count) < 0.5, 1.0, -1.0)
        spread = self.rng.uniform(0.4, 1.0, count)
        share = self.rng.uniform(0.15, 0.5, count)
        turn = np.concatenate([-way * spread * share, way * spread * (1 - share)])
        heading = (np.tile(self.heading, 2) + turn).astype(np.float32)
        thinner = np.concatenate([self.rng.uniform(0.74, 0.90, count), self.rng.uniform(0.45, 0.72, count)])
        wide = (np.tile(self.wide, 2) * thinner).astype(np.float32)
        tip, trunk = np.tile(self.tip, (2, 1)), np.tile(self.trunk, 2)
        seen = wide > 0.56
        return _Branches(tip[seen], heading[seen], wide[seen], trunk[seen], self.rng)


def _trunks(anatomy: Anatomy, side: int, *, cephalisation: float) -> _Branches:
    rng = stream(anatomy.patient.seed, f"vessels{side}")
    angle, wide = np.asarray(_TRUNKS, np.float32).T
    wide = wide * rng.uniform(0.8, 1.15, len(wide))
    wide *= np.where(angle < 0, 1 + 0.7 * cephalisation, 1 - 0.2 * cephalisation)
    heading = np.radians(angle + rng.normal(0, 7, len(angle)))
    x, y = hilum(anatomy, side)
    scatter = rng.normal(0, 5, (2, len(angle)))
    tip = np.stack([x + scatter[0], y + 0.35 * angle + scatter[1]], axis=1)
    trunk = np.arange(len(angle))
    return _Branches(tip.astype(np.float32), heading.astype(np.float32), wide.astype(np.float32), trunk, rng)


def _grow(anatomy: Anatomy, branches: _Branches, *, side: int, surfaces: tuple[Canvas, Canvas]) -> None:
    """Grow vessels outwards, thinning as they fork; neighbouring trunks add up where they cross."""
    paths, calibres, trunks = [], [], []
    for _ in range(9):
        paths.append(branches.extend(side, anatomy.px(4.6)))
        calibres.append(np.ceil(branches.wide * 2) / 2)
        trunks.append(branches.trunk)
        branches = branches.fork()
        if len(branches.wide) == 0:
            break
    lines, calibre, parity = (
        fixed(np.concatenate(paths)),
        np.concatenate(calibres),
        np.concatenate(trunks) % 2,
    )
    # Thin ones first: a parent drawn later covers the round cap at which its child begins.
    for wide in np.unique(calibre):
        value = int(np.clip(26 + 46 * wide, 0, 225))
        for number, surface in enumerate(surfaces):
            these = lines[(calibre == wide) & (parity == number)]
            strokes(surface, these, width=max(1, round(anatomy.px(float(wide)))), value=value)


def draw_airways(anatomy: Anatomy) -> FloatImage:
    """Gas in trachea and main bronchi as half-resolution mm of tissue missing, (512, 512) float32."""
    surface = canvas(SIZE // 2)
    wide, x0 = anatomy.half_width, anatomy.center + 0.4 * anatomy.shift
    carina = anatomy.carina
    shaft = curve([(anatomy.center + 0.3 * anatomy.tilt, -20.0), (x0 + 3, anatomy.apex), (x0 + 5, carina - 8)])
    stroke(surface, shaft, width=int(anatomy.px(17) / 2), value=200)
    for side, reach, drop in ((RIGHT, 0.20, 0.20), (LEFT, 0.27, 0.16)):
        bronchus = curve([(x0 + 5, carina - 12), (x0 + side * 0.10 * wide, carina + 0.5 * drop * wide),
                          (x0 + side * reach * wide, carina + drop * wide)])  # fmt: skip
        stroke(surface, bronchus, width=int(anatomy.px(11) / 2), value=95)
    return np.asarray(blur(surface.astype(np.float32), 2.2) * np.float32(17.0 / 255), np.float32)


def draw_texture(seed: int) -> FloatImage:
    """Net of vessels and septa too small to tell apart: attenuation, (1024, 1024) float32, mean 0."""
    rng = stream(seed, "texture")
    fine = enlarge(fractal(rng, 15, octaves=2))
    ridges = np.abs(noise(rng, 11, size=SIZE)) - np.float32(0.8)
    return np.asarray(np.float32(0.013) * fine - np.float32(0.016) * ridges, np.float32)
