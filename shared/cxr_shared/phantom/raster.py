"""Curves, masks and smooth random fields: the drawing tools of the phantoms.

Points are in pixels of the 1024² film. Slow fields live on a grid of half that resolution, which is sharp
enough for soft tissue (a focal spot and a screen blur more) and four times faster.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Iterable
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from cxr_shared.film.film import FloatImage
from cxr_shared.opencv import cv2

SIZE: Final = 1024
"""Rows and columns of a film."""
HALF: Final = SIZE // 2
"""Rows and columns of a slow field."""

Points: TypeAlias = npt.NDArray[np.floating[Any]]
Canvas: TypeAlias = npt.NDArray[np.uint8]

_SHIFT: Final = 4


def stream(seed: int, name: str) -> np.random.Generator:
    """Independent random stream of one part of a film, so that no part's draws disturb another's."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, zlib.crc32(name.encode())])))


@functools.cache
def grid() -> tuple[FloatImage, FloatImage]:
    """Film coordinates x and y of a slow field's pixel centres, each (512, 512) float32, read-only."""
    axis = np.arange(HALF, dtype=np.float32) * (SIZE / HALF) + 0.5
    x, y = np.meshgrid(axis, axis)
    x.setflags(write=False)
    y.setflags(write=False)
    return x, y


def curve(points: list[tuple[float, float]], *, closed: bool = False, steps: int = 12) -> Points:
    """Catmull-Rom curve through `points` (at least 2), `steps` samples a span; (N, 2) float32."""
    knots = np.asarray(points, dtype=np.float32)
    if closed:
        padded = np.vstack([knots[-1:], knots, knots[:2]])
    else:
        padded = np.vstack([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    before, start, end, after = padded[:-3, None], padded[1:-2, None], padded[2:-1, None], padded[3:, None]
    t = np.linspace(0, 1, steps, endpoint=False, dtype=np.float32)[None, :, None]
    spans = 0.5 * (
        2 * start
        + (end - before) * t
        + (2 * before - 5 * start + 4 * end - after) * t**2
        + (3 * start - before - 3 * end + after) * t**3
    )
    samples = spans.reshape(-1, 2)
    return samples if closed else np.vstack([samples, knots[-1:]])


def fixed(points: Points, *, size: int = SIZE) -> npt.NDArray[np.int32]:
    """Film points as OpenCV's fixed-point coordinates on a canvas of `size` pixels."""
    scaled = (points + 0.5) * (size / SIZE) - 0.5
    return np.round(scaled * (1 << _SHIFT)).astype(np.int32)


def canvas(size: int = SIZE) -> Canvas:
    """Empty 8-bit drawing surface."""
    return np.zeros((size, size), np.uint8)


def fill(surface: Canvas, points: Points, *, value: int = 255) -> None:
    """Fill a polygon of film points on `surface`, antialiased."""
    polygon = fixed(points, size=surface.shape[0])
    cv2.fillPoly(surface, [polygon], (value,), cv2.LINE_AA, _SHIFT)


def stroke(surface: Canvas, points: Points, *, width: int, value: int = 255) -> None:
    """Draw a polyline of film points, antialiased, `width` canvas pixels wide."""
    strokes(surface, fixed(points, size=surface.shape[0])[None], width=width, value=value)


def strokes(surface: Canvas, lines: npt.NDArray[np.int32], *, width: int, value: int = 255) -> None:
    """Draw polylines of fixed-point coordinates, (lines, points, 2), all alike."""
    cv2.polylines(surface, list(lines), False, (value,), width, cv2.LINE_AA, _SHIFT)  # noqa: FBT003 (OpenCV)


def mask(points: Points, *, size: int = HALF) -> FloatImage:
    """Inside of a polygon of film points as (size, size) float32 in 0..1."""
    surface = canvas(size)
    fill(surface, points)
    return surface.astype(np.float32) / np.float32(255)


def sum_canvases(parts: Iterable[tuple[Canvas, float]]) -> FloatImage:
    """Add full-size drawings, each scaled from 0..255 to 0..its factor; (1024, 1024) float32."""
    total = np.zeros((SIZE, SIZE), np.float32)
    for surface, factor in parts:
        total += surface * np.float32(factor / 255)
    return total


def depth_inside(region: FloatImage) -> FloatImage:
    """Distance in film pixels from each half-resolution pixel of a mask to the mask's edge."""
    inside = (region > 0.5).astype(np.uint8)
    scale = np.float32(SIZE / HALF)
    return np.asarray(cv2.distanceTransform(inside, cv2.DIST_L2, 5), np.float32) * scale


def rounded(depth: FloatImage, radius: float) -> FloatImage:
    """Thickness, 0..1, of a body with rounded edges: steep at its border, full `radius` pixels inside."""
    t = np.clip(depth / np.float32(radius), 0, 1)
    return np.asarray(np.sqrt(t * (2 - t)), np.float32)


def ramp(values: FloatImage, low: float, high: float) -> FloatImage:
    """Smooth step from 0 at `low` to 1 at `high` (falling where `low` > `high`)."""
    t = np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def blur(image: FloatImage, sigma: float) -> FloatImage:
    """Gaussian blur, `sigma` in pixels of `image`; wide ones go through a coarse copy."""
    if sigma > 4:
        factor = 2 ** max(1, int(np.log2(sigma / 2.5)))
        small = image.shape[1] // factor, image.shape[0] // factor
        coarse = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
        coarse = cv2.GaussianBlur(coarse, (0, 0), sigma / factor, borderType=cv2.BORDER_REPLICATE)
        return np.asarray(cv2.resize(coarse, image.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), np.float32)


def enlarge(field: FloatImage) -> FloatImage:
    """Bring a slow field to the film's resolution."""
    return np.asarray(cv2.resize(field, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR), np.float32)


def noise(rng: np.random.Generator, cell: float, *, size: int = HALF) -> FloatImage:
    """Smooth random field, mean 0, deviation about 1, with grains about `cell` film pixels wide."""
    count = max(4, int(np.ceil(SIZE / cell)) + 3)
    coarse = rng.standard_normal((count, count), dtype=np.float32)
    if count >= size:
        return np.ascontiguousarray(coarse[:size, :size])
    smooth = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    return np.asarray(smooth * np.float32(1.35), np.float32)


def fractal(rng: np.random.Generator, cell: float, *, octaves: int = 3, size: int = HALF) -> FloatImage:
    """Sum of `octaves` noises, each half as coarse and 0.6 times as strong as the one before."""
    total = np.zeros((size, size), np.float32)
    for octave in range(octaves):
        total += np.float32(0.6**octave) * noise(rng, cell / 2**octave, size=size)
    return total
