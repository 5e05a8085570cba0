"""A film's thumbnail with its heat map, as PNG or JPEG bytes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cxr_desktop.inference.heatmap import coloured_map
from cxr_desktop.inference.verdict import Scored
from cxr_desktop.intake.prepared import DisplayFilm
from cxr_shared.bundle import InputSpec
from cxr_shared.findings import Target
from cxr_shared.opencv import cv2


def leading_target(verdict: Scored) -> Target:
    """Choose whose map is shown first: the gravest positive target, else the nearest to its threshold."""
    if verdict.urgency.positive:
        return verdict.urgency.positive[0]
    return max(verdict.scores.values(), key=lambda score: score.probability / max(score.threshold, 1e-6)).target


def overlay(
    grey: npt.NDArray[np.uint8], verdict: Scored, target: Target, spec: InputSpec, *, opacity: float = 0.6
) -> npt.NDArray[np.uint8]:
    """Lay a target's heat map over a picture of the film.

    Parameters
    ----------
    grey
        (h, w) uint8.
    verdict
        Whose map.
    target
        Which map.
    spec
        The bundle's input.
    opacity
        0 (film alone) to 1.

    Returns
    -------
    ndarray
        (h, w, 3) uint8 RGB.
    """
    rows, columns = grey.shape
    rgba = coloured_map(verdict, target, spec, out=(rows, columns))
    alpha = rgba[..., 3:].astype(np.float32) * (opacity / 255)
    mixed = grey[..., None] * (1 - alpha) + rgba[..., :3] * alpha
    return np.asarray(np.rint(mixed), np.uint8)


def jpeg(rgb: npt.NDArray[np.uint8], *, quality: int = 85) -> bytes:
    """Encode (h, w, 3) uint8 RGB or (h, w) uint8 grey as JPEG."""
    bgr = rgb[..., ::-1] if rgb.ndim == 3 else rgb
    encoded, data = cv2.imencode(".jpg", np.ascontiguousarray(bgr), [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not encoded:
        raise ValueError("the picture could not be encoded")
    return bytes(data)


def grey_picture(film: DisplayFilm) -> npt.NDArray[np.uint8]:
    """Give a film in its default presentation, (H, W) uint8."""
    return np.asarray(film.default_lut[film.levels], np.uint8)


def fitted(grey: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.uint8]:
    """Shrink (h, w) uint8 so that its longer side has at most `side` pixels."""
    scale = side / max(grey.shape)
    if scale >= 1:
        return grey
    rows, columns = (max(1, round(length * scale)) for length in grey.shape)
    return np.asarray(cv2.resize(grey, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)
