"""Ribs, clavicles, shoulder girdle and spine."""

from __future__ import annotations

import numpy as np

from cxr_shared.film.film import FloatImage, ViewPosition
from cxr_shared.phantom.anatomy import LEFT, RIGHT, Anatomy
from cxr_shared.phantom.raster import (
    SIZE,
    Canvas,
    Points,
    blur,
    canvas,
    curve,
    fill,
    noise,
    stream,
    stroke,
    sum_canvases,
)


def draw_bones(anatomy: Anatomy, seed: int) -> FloatImage:
    """Attenuation of the skeleton, (1024, 1024) float32."""
    back, front, girdle = canvas(), canvas(), canvas()
    for side in (RIGHT, LEFT):
        _ribs(anatomy, side, back=back, front=front)
        _girdle(anatomy, side, girdle)
    spine = _spine(anatomy)
    rng = stream(seed, "bone")
    mottle = 1 + np.float32(0.09) * noise(rng, 9, size=SIZE)
    shares = ((back, 0.42), (front, 0.30), (girdle, 0.52), (spine, 0.40))
    total = blur(sum_canvases(shares), 1.4)
    return np.asarray(total * mottle * np.float32(_density(anatomy)), np.float32)


def _density(anatomy: Anatomy) -> float:
    age = anatomy.patient.birth_age
    return float(np.clip(1.08 - 0.004 * max(age - 45, 0), 0.85, 1.08))


def _band(surface: Canvas, middle: Points, half: FloatImage, *, core: int, cortex: int) -> None:
    """Draw a bone along `middle`: a spongy core between two denser cortical edges."""
    step = np.gradient(middle, axis=0)
    length = np.maximum(np.hypot(step[:, 0], step[:, 1]), 1e-3)
    normal = np.stack([-step[:, 1] / length, step[:, 0] / length], axis=1)
    upper, lower = middle - normal * half[:, None], middle + normal * half[:, None]
    fill(surface, np.vstack([upper, lower[::-1]]).astype(np.float32), value=core)
    for edge in (upper, lower):
        stroke(surface, edge.astype(np.float32), width=2, value=cortex)


def _ribs(anatomy: Anatomy, side: int, *, back: Canvas, front: Canvas) -> None:
    height = anatomy.angle - anatomy.apex
    pitch = height / 9.6
    slope = anatomy.patient.rib_slope * (1.12 if anatomy.view is ViewPosition.PA else 0.9)
    thick = anatomy.px(anatomy.patient.rib_height) / 2
    rng = stream(anatomy.patient.seed, f"ribs{side}")
    for number in range(1, 12):
        head = anatomy.apex + pitch * (number - 0.72) + float(rng.normal(0, 1.5))
        reach = anatomy.reach(min(head + 0.9 * slope * pitch, anatomy.angle + 60)) + 2
        if number == 1:
            reach *= 0.86
        _back_rib(anatomy, side, back, head=head, reach=reach, slope=slope * pitch, half=thick)
        if number <= 7:
            _front_rib(anatomy, side, front, head=head, reach=reach, slope=slope * pitch, half=1.12 * thick)


def _back_rib(
    anatomy: Anatomy, side: int, surface: Canvas, *, head: float, reach: float, slope: float, half: float
) -> None:
    x0 = anatomy.midline(head)
    spine = anatomy.px(21)
    outline = [(spine, 0.10), (0.30 * reach + 8, -0.10), (0.52 * reach, 0.02), (0.74 * reach, 0.30),
               (0.90 * reach, 0.66), (0.985 * reach, 1.02), (reach, 1.28)]  # fmt: skip
    middle = curve([(x0 + side * dx, head + slope * dy) for dx, dy in outline])
    taper = np.interp(np.linspace(0, 1, len(middle)), [0, 0.15, 0.75, 1], [0.75, 1.0, 1.05, 0.8])
    _band(surface, middle, (half * taper).astype(np.float32), core=112, cortex=205)


def _front_rib(
    anatomy: Anatomy, side: int, surface: Canvas, *, head: float, reach: float, slope: float, half: float
) -> None:
    x0 = anatomy.center
    outline = [(reach, 1.15), (0.975 * reach, 1.50), (0.90 * reach, 1.95), (0.78 * reach, 2.42),
               (0.65 * reach, 2.82), (0.53 * reach, 3.10)]  # fmt: skip
    middle = curve([(x0 + side * dx, head + slope * dy) for dx, dy in outline])
    taper = np.interp(np.linspace(0, 1, len(middle)), [0, 0.3, 1], [0.75, 0.95, 1.2])
    end = len(middle)
    # The bone turns into cartilage, which casts hardly a shadow: the band fades towards its medial end.
    for start, core, cortex in ((0, 105, 175), (end // 2, 88, 140), (3 * end // 4, 62, 85)):
        _band(surface, middle[start:], (half * taper[start:]).astype(np.float32), core=core, cortex=cortex)


def _girdle(anatomy: Anatomy, side: int, surface: Canvas) -> None:
    """Scapula, humerus and clavicle."""
    wide, supine = anatomy.half_width, anatomy.view is ViewPosition.AP
    joint = anatomy.across(1.24 if supine else 1.30, side), anatomy.apex + 0.17 * wide
    _scapula(anatomy, side, surface, joint=joint)
    head = np.linspace(0, 2 * np.pi, 30, dtype=np.float32)
    radius = anatomy.px(23)
    ball = np.stack([joint[0] + side * 0.7 * radius + radius * np.cos(head), joint[1] + radius * np.sin(head)], 1)
    fill(surface, ball, value=120)
    down = (0.13, 1.5) if supine else (0.75, 1.05)
    elbow = (joint[0] + side * (0.9 * radius + down[0] * wide), joint[1] + down[1] * wide)
    shaft = curve([(joint[0] + side * 0.8 * radius, joint[1]), elbow])
    _band(surface, shaft, np.full(len(shaft), anatomy.px(12), np.float32), core=110, cortex=220)
    _clavicle(anatomy, side, surface, joint=joint)


def _scapula(anatomy: Anatomy, side: int, surface: Canvas, *, joint: tuple[float, float]) -> None:
    wide = anatomy.half_width
    medial = 0.80 if anatomy.view is ViewPosition.AP else 1.01
    blade = [(joint[0], joint[1] - 0.02 * wide),
             (anatomy.across(medial + 0.05, side), anatomy.apex + 0.18 * wide),
             (anatomy.across(medial, side), anatomy.apex + 0.42 * wide),
             (anatomy.across(medial + 0.06, side), anatomy.apex + 0.78 * wide),
             (anatomy.across(medial + 0.13, side), anatomy.apex + 0.98 * wide),
             (anatomy.across(medial + 0.22, side), anatomy.apex + 0.70 * wide),
             (anatomy.across(medial + 0.36, side), anatomy.apex + 0.34 * wide)]  # fmt: skip
    border = curve(blade, closed=True)
    fill(surface, border, value=26)
    stroke(surface, border[: 5 * len(border) // 7], width=3, value=52)
    acromion = curve(
        [
            (anatomy.across(medial + 0.14, side), anatomy.apex + 0.22 * wide),
            (joint[0], joint[1] - 0.13 * wide),
            (joint[0] + side * 0.12 * wide, joint[1] - 0.12 * wide),
        ]
    )
    _band(surface, acromion, np.full(len(acromion), anatomy.px(7), np.float32), core=58, cortex=105)


def _clavicle(anatomy: Anatomy, side: int, surface: Canvas, *, joint: tuple[float, float]) -> None:
    wide = anatomy.half_width
    lift = 0.02 if anatomy.view is ViewPosition.PA else -0.05
    outline = [(anatomy.across(0.095, side), anatomy.level(0.135 + lift)),
               (anatomy.across(0.30, side), anatomy.level(0.10 + lift)),
               (anatomy.across(0.56, side), anatomy.level(0.045 + lift)),
               (anatomy.across(0.86, side), anatomy.level(-0.02 + lift)),
               (joint[0] + side * 0.02 * wide, joint[1] - 0.17 * wide)]  # fmt: skip
    middle = curve(outline)
    taper = np.interp(np.linspace(0, 1, len(middle)), [0, 0.12, 0.5, 1], [1.35, 1.0, 0.85, 0.95])
    _band(surface, middle, (anatomy.px(6.2) * taper).astype(np.float32), core=92, cortex=165)


def _spine(anatomy: Anatomy) -> Canvas:
    """Vertebral bodies with discs between, pedicles and spinous processes."""
    surface = canvas()
    pitch = (anatomy.angle - anatomy.apex) / 10.2
    for number in range(-3, 16):
        y = anatomy.apex + pitch * (number - 0.2)
        wide = anatomy.px(15.5 + 0.55 * max(number, 0))
        x = anatomy.midline(y)
        body = [(x - wide, y - 0.40 * pitch), (x - 0.93 * wide, y), (x - wide, y + 0.40 * pitch),
                (x + wide, y + 0.40 * pitch), (x + 0.93 * wide, y), (x + wide, y - 0.40 * pitch)]  # fmt: skip
        outline = np.asarray(body, np.float32)
        fill(surface, outline, value=84)
        for plate in (outline[[0, 5]], outline[[2, 3]]):
            stroke(surface, plate, width=3, value=150)
        for edge in (outline[:3], outline[3:]):
            stroke(surface, edge, width=3, value=128)
        _arch(anatomy, surface, x=x, y=y, wide=wide)
    return surface


def _arch(anatomy: Anatomy, surface: Canvas, *, x: float, y: float, wide: float) -> None:
    angle = np.linspace(0, 2 * np.pi, 16, dtype=np.float32)
    for side in (RIGHT, LEFT):
        ring = np.stack([x + side * 0.62 * wide + 0.17 * wide * np.cos(angle), y + 0.28 * wide * np.sin(angle)], 1)
        stroke(surface, ring, width=3, value=140)
        process = np.asarray([(x + side * wide, y), (x + side * (wide + anatomy.px(11)), y - anatomy.px(3))])
        stroke(surface, process.astype(np.float32), width=int(anatomy.px(6)), value=60)
    drop = np.stack([x + 0.13 * wide * np.cos(angle), y + 0.5 * wide + 0.42 * wide * np.sin(angle)], 1)
    fill(surface, drop, value=150)
