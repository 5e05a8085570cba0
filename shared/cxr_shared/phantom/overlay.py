"""What is on the film but not in the patient: side marker, leads, collimation."""

from __future__ import annotations

import numpy as np

from cxr_shared.film.film import FloatImage, ViewPosition
from cxr_shared.opencv import cv2
from cxr_shared.phantom.anatomy import LEFT, RIGHT
from cxr_shared.phantom.raster import SIZE, Canvas, blur, canvas, curve, stream, stroke
from cxr_shared.phantom.scene import Scene


def draw_leads(scene: Scene) -> FloatImage:
    """Attenuation of electrodes and their wires, more often on bedside (AP) films; (1, 1) where there are none."""
    rng = stream(scene.seed, "leads")
    if rng.random() > (0.45 if scene.anatomy.view is ViewPosition.AP else 0.06):
        return np.zeros((1, 1), np.float32)
    surface = canvas()
    for side in (RIGHT, LEFT):
        for share in rng.permutation([0.08, 0.62])[: int(rng.integers(1, 3))]:
            _lead(scene, rng, surface, side=side, share=float(share))
    return np.asarray(blur(surface.astype(np.float32), 0.9) * np.float32(0.5 / 255), np.float32)


def _lead(scene: Scene, rng: np.random.Generator, surface: Canvas, *, side: int, share: float) -> None:
    a = scene.anatomy
    x, y = a.across(float(rng.uniform(0.7, 1.0)), side), a.level(share + float(rng.normal(0, 0.04)))
    angle = np.linspace(0, 2 * np.pi, 24, dtype=np.float32)
    disc = np.stack([x + a.px(5) * np.cos(angle), y + a.px(5) * np.sin(angle)], 1)
    cv2.fillPoly(surface, [disc.astype(np.int32)], (70,))
    end = (a.across(float(rng.uniform(0.2, 1.5)), side), SIZE + 20.0)
    bow = ((x + end[0]) / 2 + float(rng.normal(0, 70)), (y + end[1]) / 2)
    stroke(surface, curve([(x, y), bow, end]), width=3, value=90)
    stroke(surface, disc[:12], width=6, value=160)


def draw_overlay(grey: FloatImage, scene: Scene) -> None:
    """Darken what the collimator shut out of a 0..1 picture and burn the side marker in."""
    rng = stream(scene.seed, "overlay")
    if rng.random() < 0.35:
        _collimate(grey, rng)
    if rng.random() < 0.85:
        letters = canvas()
        _marker(letters, rng, view=scene.anatomy.view)
        np.maximum(grey, letters.astype(np.float32) / np.float32(255), out=grey)


def _collimate(grey: FloatImage, rng: np.random.Generator) -> None:
    for edge in range(4):
        width = int(rng.uniform(4, 30)) if rng.random() < 0.6 else 0
        if width:
            side = grey if edge % 2 else grey.T
            part = side[:width] if edge < 2 else side[-width:]
            part *= np.float32(0.06)


def _marker(letters: Canvas, rng: np.random.Generator, *, view: ViewPosition) -> None:
    """Write an L by the patient's left shoulder, or an R by the right; bedside films say so."""
    left = rng.random() < 0.75
    x = int(rng.integers(890, 960)) if left else int(rng.integers(30, 100))
    y = int(rng.integers(60, 170))
    size = float(rng.uniform(1.3, 2.0))
    _write(letters, "L" if left else "R", at=(x, y), size=size)
    if view is ViewPosition.AP and rng.random() < 0.5:
        _write(letters, "AP", at=(x - 10, y + 60), size=0.7)
        _write(letters, "PORTABLE", at=(min(x - 50, 870) if left else x - 10, y + 90), size=0.6)


def _write(letters: Canvas, text: str, *, at: tuple[int, int], size: float) -> None:
    thick = max(2, round(3 * size))
    cv2.putText(letters, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, (245,), thick, cv2.LINE_AA)
