"""One film while it is being drawn: the chest's regions and what lies along each ray."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from cxr_shared.film.film import FloatImage
from cxr_shared.findings import Target
from cxr_shared.opencv import cv2
from cxr_shared.phantom.anatomy import LEFT, RIGHT, Anatomy
from cxr_shared.phantom.phantom import Box
from cxr_shared.phantom.raster import (
    HALF,
    SIZE,
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


@dataclass(slots=True, eq=False)
class Scene:
    """Regions are (512, 512) float32 in 0..1; `fine` is (1024, 1024) float32.

    Attributes
    ----------
    anatomy
        Where everything is.
    cage
        Inside of the rib cage, continued below the diaphragm.
    lungs, heart, abdomen
        What the cage holds; the lungs exclude the silhouettes of heart, mediastinum and diaphragm.
    wall
        Distance in film pixels to the inner border of the rib cage.
    thickness
        Depth of the thoracic cavity along the ray, mm.
    content
        Share of that depth which is tissue: about 0.2 in lung, 1 in the abdomen.
    vessels
        Factor on lung markings, 0 where there are none.
    tissue
        Further soft tissue along the ray, mm of water, negative for gas.
    fine
        Attenuation of fine structures.
    cephalisation
        How much the vessels to the apices are widened, 0..1.
    boxes
        The signs drawn so far.
    """

    anatomy: Anatomy
    seed: int
    cage: FloatImage
    lungs: FloatImage
    heart: FloatImage
    abdomen: FloatImage
    wall: FloatImage
    thickness: FloatImage
    content: FloatImage
    vessels: FloatImage
    tissue: FloatImage
    fine: FloatImage
    cephalisation: float = 0.0
    boxes: list[Box] = field(default_factory=list)

    def lung(self, side: int) -> FloatImage:
        """Cut out the lung of one side."""
        x, _ = grid()
        return np.where((x - self.anatomy.center) * side > 0, self.lungs, np.float32(0))

    def airspace(self, side: int) -> FloatImage:
        """Cut out the lung of one side with the rim that curves out of sight behind heart and mediastinum."""
        wider = np.asarray(cv2.dilate(self.lung(side), np.ones((9, 9), np.uint8)), np.float32)
        return blur(wider, 1.5) * self.cage * (1 - self.abdomen)

    def opacify(self, amount: FloatImage, *, veil: float = 0.85) -> None:
        """Fill a share (0..1) of the air; markings fade with it by `veil`."""
        share = np.clip(amount, 0, 1)
        self.content += (1 - self.content) * share
        self.vessels *= 1 - np.float32(veil) * share

    def mark(self, finding: Target, region: FloatImage, *, threshold: float = 0.5) -> None:
        """Record the box around the part of a half-resolution `region` above `threshold` of its peak."""
        level = max(float(region.max()) * threshold, 1e-6)
        rows = np.flatnonzero((region >= level).any(axis=1))
        columns = np.flatnonzero((region >= level).any(axis=0))
        scale = SIZE / HALF
        x, y = float(columns[0]) * scale, float(rows[0]) * scale
        width = float(columns[-1] + 1) * scale - x
        height = float(rows[-1] + 1) * scale - y
        self.boxes.append(Box(finding, x, y, width, height))

    @property
    def cardiothoracic_ratio(self) -> float:
        """Greatest heart width over greatest inner thoracic width, both measured on the drawn regions."""
        thorax = np.flatnonzero((np.maximum(self.lungs, self.heart) > 0.5).any(axis=0))
        heart = np.flatnonzero((self.heart > 0.5).any(axis=0))
        return float((heart[-1] - heart[0] + 1) / (thorax[-1] - thorax[0] + 1))


def build(anatomy: Anatomy, seed: int) -> Scene:
    """Lay out the normal chest of `anatomy`."""
    cage = _cage(anatomy)
    heart = _heart(anatomy, seed)
    center = _mediastinum(anatomy, seed)
    abdomen, depth = _abdomen(anatomy)
    lungs = cage * (1 - abdomen) * (1 - np.maximum(heart, center))
    wall = depth_inside(cage)
    thickness = np.float32(anatomy.patient.depth) * rounded(wall, 0.8 * anatomy.half_width)
    content = _content(anatomy, seed, heart=heart, center=center, abdomen=abdomen, depth=depth)
    return Scene(
        anatomy=anatomy,
        seed=seed,
        cage=cage,
        lungs=lungs,
        heart=heart * cage * (1 - abdomen),
        abdomen=abdomen * cage,
        wall=wall,
        thickness=thickness,
        content=content,
        vessels=np.ones((HALF, HALF), np.float32),
        tissue=np.zeros((HALF, HALF), np.float32),
        fine=np.zeros((SIZE, SIZE), np.float32),
    )


def _cage(anatomy: Anatomy) -> FloatImage:
    left, right = anatomy.cage_half(LEFT), anatomy.cage_half(RIGHT)
    return mask(np.vstack([left, right[::-1]]))


def _heart(anatomy: Anatomy, seed: int) -> FloatImage:
    rng = stream(seed, "heart")
    top = anatomy.carina + 0.04 * anatomy.half_width
    bottom = anatomy.dome_left + 0.16 * anatomy.half_width
    x0, wide = anatomy.center + anatomy.shift, anatomy.half_width
    right, left = anatomy.heart_right, anatomy.heart_left
    waist = float(rng.uniform(0.60, 0.70))
    apex = float(rng.uniform(0.82, 0.89))
    outline = [
        (-0.14 * wide, 0.0), (-0.165 * wide, 0.20), (-0.74 * right, 0.36), (-0.98 * right, 0.56),
        (-right, 0.72), (-0.84 * right, 0.90), (-0.3 * right, 1.02), (0.3 * left, 1.06), (0.82 * left, 1.03),
        (0.97 * left, 0.95), (left, apex), (0.94 * left, apex - 0.13), (waist * left + 0.06 * wide, 0.47),
        (0.30 * wide, 0.27), (0.225 * wide, 0.14), (0.18 * wide, 0.03),
    ]  # fmt: skip
    points = [(x0 + dx, top + t * (bottom - top)) for dx, t in outline]
    return mask(curve(points, closed=True))


def _mediastinum(anatomy: Anatomy, seed: int) -> FloatImage:
    """Great vessels and the soft tissue about them, with the aortic knob."""
    rng = stream(seed, "mediastinum")
    x0, wide = anatomy.center + 0.6 * anatomy.shift, anatomy.half_width
    vena, subclavian = float(rng.uniform(0.15, 0.20)), float(rng.uniform(0.14, 0.18))
    knob = anatomy.px(anatomy.patient.knob) / wide
    right = [(-0.27, -0.2), (-0.22, 0.03), (-vena - 0.01, 0.10), (-vena + 0.012, 0.20), (-vena, 0.30)]
    right += [(-0.155, 0.38), (-0.17, 0.46), (-0.15, 0.9)]
    left = [(0.15, 0.9), (0.205, 0.5), (0.225, 0.44), (0.19, 0.385), (0.155 + 0.2 * knob, 0.345)]
    left += [(0.115 + knob, 0.30), (0.12 + 1.05 * knob, 0.27), (0.11 + 0.75 * knob, 0.235)]
    left += [(subclavian, 0.19), (0.17, 0.10), (0.21, 0.03), (0.27, -0.2)]
    wander = rng.normal(0, 0.006, len(right) + len(left))
    outline = [(x0 + (u + du) * wide, anatomy.level(s)) for (u, s), du in zip(right + left, wander, strict=True)]
    return mask(curve(outline))


def _abdomen(anatomy: Anatomy) -> tuple[FloatImage, FloatImage]:
    """Region below the diaphragm and the distance below it in film pixels."""
    x, y = grid()
    row = x[0]
    line = np.where(row < anatomy.center, anatomy.dome_line(RIGHT, row), anatomy.dome_line(LEFT, row))
    depth = np.asarray(y - line[None, :], np.float32)
    return ramp(depth, -1.5, 1.5), np.maximum(depth, 0)


def _content(
    anatomy: Anatomy,
    seed: int,
    *,
    heart: FloatImage,
    center: FloatImage,
    abdomen: FloatImage,
    depth: FloatImage,
) -> FloatImage:
    rng = stream(seed, "parenchyma")
    _, y = grid()
    lower = (y - anatomy.apex) / (anatomy.angle - anatomy.apex)
    share = (1 - anatomy.air) * (0.9 + 0.22 * np.clip(lower, 0, 1) + 0.03 * fractal(rng, 160))
    share = share.astype(np.float32)
    # The heart is an ellipsoid: its shadow deepens from the border inwards, and so does the liver's dome.
    chambers = 0.66 * rounded(depth_inside(heart), 0.36 * anatomy.half_width) * blur(heart, 1.0)
    # Above the ventricles lie only vessels, which are less deep.
    chambers *= 0.25 + 0.75 * ramp(y, anatomy.carina, anatomy.carina + 0.55 * anatomy.half_width)
    vessels = 0.70 * rounded(depth_inside(center), 0.17 * anatomy.half_width) * blur(center, 1.0)
    below = (0.40 + 0.60 * (1 - np.exp(-depth / np.float32(0.16 * anatomy.half_width)))) * abdomen
    for part in (chambers, vessels, below):
        share = share + (1 - share) * part
    return np.asarray(share, np.float32)
