"""Draw one film."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from cxr_shared.errors import UnknownName
from cxr_shared.film.film import FloatImage, ViewPosition
from cxr_shared.findings import FINDINGS, Target
from cxr_shared.phantom.anatomy import Anatomy, draw_patient, position
from cxr_shared.phantom.body import draw_body, draw_bowel, draw_breasts
from cxr_shared.phantom.bones import draw_bones
from cxr_shared.phantom.exposure import Technique, develop, draw_technique, expose
from cxr_shared.phantom.findings import SIGNS
from cxr_shared.phantom.overlay import draw_leads, draw_overlay
from cxr_shared.phantom.phantom import Phantom
from cxr_shared.phantom.raster import blur, enlarge, stream
from cxr_shared.phantom.scene import Scene, build
from cxr_shared.phantom.vessels import draw_airways, draw_texture, draw_vessels

_WATER: Final = 0.0172
"""Attenuation of a mm of water at the mean energy of the beam behind the patient."""


def render(
    seed: int,
    *,
    findings: Collection[Target] = (),
    severity: float | None = None,
    patient: int | None = None,
    view: ViewPosition | None = None,
    age: int | None = None,
) -> Phantom:
    """Draw one synthetic chest film; equal arguments give equal pixels.

    Parameters
    ----------
    seed
        Number of the film, 0 or more: its positioning, exposure, noise and the details of its findings.
    findings
        What the film shows; none for a normal film. Two films that differ only here share all else.
    severity
        0 (subtle) to 1 (gross) for all findings; drawn for each, mostly clearly visible, when None.
    patient
        Number of the patient, whose body all their films share; `seed` when None.
    view
        PA or AP; drawn when None or unknown.
    age
        Years on the film; the patient's own when None.

    Raises
    ------
    UnknownName
        A finding is none of the 14.
    ValueError
        `severity` is outside 0..1.
    """
    chosen = frozenset(findings)
    for finding in chosen - set(FINDINGS):
        raise UnknownName("finding", str(finding), [target.slug for target in FINDINGS])
    if severity is not None and not 0 <= severity <= 1:
        raise ValueError(f"severity is {severity}, outside 0..1")
    if view is None or view is ViewPosition.UNKNOWN:
        view = draw_view(seed)
    grades = {each: draw_severity(seed, each) if severity is None else severity for each in sorted_targets(chosen)}
    scene = compose(seed, grades=grades, patient=seed if patient is None else patient, view=view)
    pixels = np.round(photograph(scene) * np.float32(255)).astype(np.uint8)
    return describe(scene, pixels=pixels, grades=grades, age=age)


def describe(
    scene: Scene, *, pixels: npt.NDArray[np.uint8], grades: Mapping[Target, float], age: int | None
) -> Phantom:
    """Gather the truth about a drawn film."""
    who = scene.anatomy.patient
    return Phantom(
        pixels=pixels,
        findings=frozenset(grades),
        boxes=tuple(sorted(scene.boxes, key=lambda box: FINDINGS.index(box.finding))),
        severity=MappingProxyType(dict(grades)),
        view=scene.anatomy.view,
        age=who.birth_age if age is None else age,
        sex=who.sex,
        cardiothoracic_ratio=scene.cardiothoracic_ratio,
        mm_per_pixel=scene.anatomy.mm_per_pixel,
    )


def sorted_targets(findings: Collection[Target]) -> list[Target]:
    """Put findings in NIH's order."""
    return [each for each in FINDINGS if each in findings]


def draw_view(seed: int) -> ViewPosition:
    """Draw a projection; NIH's films are PA three times in five."""
    return ViewPosition.PA if stream(seed, "view").random() < 0.6 else ViewPosition.AP


def draw_severity(seed: int, finding: Target) -> float:
    """Draw a severity, mostly clearly visible, about one in eight subtle (< 0.3)."""
    return round(float(stream(seed, f"severity {finding}").beta(2.6, 2.0)), 3)


def compose(seed: int, *, grades: Mapping[Target, float], patient: int, view: ViewPosition) -> Scene:
    """Lay out a film: the patient, changed by each finding of `grades`, and what each adds."""
    anatomy = position(draw_patient(patient), seed, view=view)
    for finding, sign in SIGNS.items():
        if finding in grades:
            anatomy = sign.shape(anatomy, grades[finding], stream(seed, finding))
    scene = build(anatomy, seed)
    for finding, sign in SIGNS.items():
        if finding in grades:
            sign.draw(scene, grades[finding], stream(seed, finding))
    return scene


def photograph(scene: Scene) -> FloatImage:
    """Expose and develop a film: (1024, 1024) float32, 0 black to 1 white, dense tissue bright."""
    technique = draw_technique(scene.seed)
    response = expose(attenuate(scene), technique, scene.seed)
    high = _mediastinal_exposure(scene.anatomy, technique)
    grey = develop(response, technique, low=high - technique.span, high=high)
    draw_overlay(grey, scene)
    return grey


def _mediastinal_exposure(anatomy: Anatomy, technique: Technique) -> float:
    """Log exposure expected behind the mediastinum of a normal chest so deep.

    It sets the brightness instead of a measurement, so that no finding can shift the whole film's grey.
    """
    tissue = 0.84 * (anatomy.patient.depth + anatomy.patient.wall)
    return float(-np.log(np.exp(-_WATER * tissue - 0.25) + 0.10 * technique.scatter))


def attenuate(scene: Scene) -> FloatImage:
    """Sum the attenuation of everything along each ray, (1024, 1024) float32."""
    anatomy, seed = scene.anatomy, scene.seed
    body = draw_body(anatomy)
    cavity = np.minimum(scene.thickness, np.float32(0.80) * body) * blur(scene.cage, 0.8)
    tissue = body - cavity * (1 - scene.content)
    tissue += draw_breasts(anatomy) * np.clip(body / 40, 0, 1)
    tissue += scene.tissue - draw_airways(anatomy) - draw_bowel(anatomy, seed)
    total = enlarge(np.maximum(tissue, 0)) * np.float32(_WATER)
    lungs = enlarge(blur(np.maximum(scene.lungs, np.float32(0.35) * scene.heart), 1.0) * scene.vessels)
    marks = draw_vessels(anatomy, cephalisation=scene.cephalisation) + draw_texture(seed)
    total += lungs * marks
    bone = np.clip(body / 60, 0, 1) * (1 - np.float32(0.5) * scene.abdomen)  # scatter drowns it there
    total += draw_bones(anatomy, seed) * enlarge(bone)
    return total + scene.fine + draw_leads(scene)
