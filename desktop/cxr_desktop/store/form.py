"""What the verdicts of a run share besides their provenance, and the numbers of each, which are laid out by it.

The *form* holds operating points, calibrations, cell grids and shapes of maps: 10,000 films keep it once and read it
once. A verdict's logits and peaks are kept as bytes beside it, and are looked into late.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np

from cxr_desktop.inference.verdict import Peak, Score, Scored
from cxr_desktop.store.pictures import Shapes
from cxr_shared.bundle import Calibration
from cxr_shared.findings import Target
from cxr_shared.heat_map import CellGrid

Json: TypeAlias = Mapping[str, Any]

_NUMBER: Final = np.dtype("<f8")


def to_json(value: object) -> str:
    """Write compactly, in ASCII, floats so that they are read back to the bit."""
    return json.dumps(value, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Form:
    """What the verdicts of a run share besides their provenance: scores without their logit, and orders."""

    targets: tuple[Target, ...]
    scores: tuple[tuple[float, Calibration, CellGrid, float | None, str], ...]
    peaks: tuple[Target, ...]
    maps: Shapes


def pack_form(verdict: Scored) -> str:
    """Turn a verdict's form into text."""
    scores = [
        [
            score.target,
            score.threshold,
            score.calibration.model_dump(mode="json"),
            score.grid,
            score.map_peak,
            score.point,
        ]
        for score in verdict.scores.values()
    ]
    maps = [[target, *shape_of(values)] for target, values in verdict.maps.items()]
    return to_json({"scores": scores, "peaks": list(verdict.peaks), "maps": maps})


def pack_numbers(verdict: Scored) -> bytes:
    """Turn its logits and peaks into (4, n) float64, little-endian: logits, then `x`, `y` and `logit` of the peaks."""
    peaks = verdict.peaks.values()
    rows = (
        [score.logit for score in verdict.scores.values()],
        [peak.x for peak in peaks],
        [peak.y for peak in peaks],
        [peak.logit for peak in peaks],
    )
    return np.concatenate(rows).astype(_NUMBER).tobytes()


def read_scores(form: Form, numbers: bytes) -> dict[Target, Score]:
    """Undo `pack_numbers`, as far as scores go; ValueError where the numbers do not fit the form."""
    logits = np.frombuffer(numbers, _NUMBER, len(form.scores)).tolist()
    return {
        target: Score(target, logit, *rest)
        for target, logit, rest in zip(form.targets, logits, form.scores, strict=True)
    }


def read_peaks(form: Form, numbers: bytes) -> dict[Target, Peak]:
    """Undo `pack_numbers`, as far as peaks go; ValueError where the numbers do not fit the form."""
    start = len(form.scores) * _NUMBER.itemsize
    places = np.frombuffer(numbers, _NUMBER, offset=start).reshape(3, -1).tolist()
    return dict(zip(form.peaks, map(Peak, *places), strict=True))


def read_form(fields: Json) -> Form:
    """Undo `pack_form`, whose text was parsed."""
    scores = tuple(
        # Texts of before have no name of the operating point.
        (threshold, Calibration.model_validate(calibration), CellGrid(*grid), map_peak, "".join(point))
        for _, threshold, calibration, grid, map_peak, *point in fields["scores"]
    )
    return Form(
        targets=tuple(Target(each[0]) for each in fields["scores"]),
        scores=scores,
        peaks=tuple(map(Target, fields["peaks"])),
        maps={Target(target): tuple(shape) for target, *shape in fields["maps"]},
    )


def shape_of(values: Any) -> list[int]:  # noqa: ANN401  (an array of any kind)
    """Sides of an array."""
    return [int(side) for side in values.shape]
