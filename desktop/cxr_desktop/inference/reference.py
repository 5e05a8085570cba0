"""The film that every way of running a bundle must agree on, and how far apart they may be."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from cxr_desktop.inference.engine import Output
from cxr_desktop.inference.kinds import Kind
from cxr_desktop.inference.layouts import LayoutName
from cxr_desktop.inference.plan import Plan, files_for
from cxr_shared.bundle import Bundle
from cxr_shared.findings import Target

REFERENCE_PLAN = Plan(LayoutName.IN_TURN, "float32")
"""What the others are judged against: the float32 files, each alone, on the CPU."""


def reference_film(size: int) -> npt.NDArray[np.uint8]:
    """Make the film that is scored: (1, size, size) uint8, two dark fields on a grey ground."""
    rows, columns = np.mgrid[0:size, 0:size] / max(1, size - 1)
    film: npt.NDArray[np.float64] = 150 + 40 * np.sin(9 * rows) * np.cos(7 * columns)
    for centre in (0.3, 0.7):
        film -= 110 * np.exp(-(((columns - centre) / 0.13) ** 2) - ((rows - 0.5) / 0.28) ** 2)
    return np.asarray(np.clip(np.rint(film), 0, 255), np.uint8)[None]


def logits_of(outputs: Mapping[Target, Output]) -> dict[str, float]:
    """Give the first film's logit by the target's slug."""
    return {target.slug: float(output.logits[0]) for target, output in outputs.items()}


def map_fault(bundle: Bundle, plan: Plan, outputs: Mapping[Target, Output]) -> str:
    """Say which map's mean is not its logit within the file's tolerance, or nothing."""
    for target, file in files_for(bundle, plan.precision).items():
        output = outputs[target]
        gap = float(np.abs(output.maps.mean(axis=(1, 2), dtype=np.float64) - output.logits).max())
        if not gap <= file.tolerance.map_mean:
            return f"the mean of its {target.slug} map is {gap:.2g} off its logit"
    return ""


def disagreement(
    bundle: Bundle, plan: Plan, kind: Kind, *, reference: Mapping[str, float], logits: Mapping[str, float]
) -> tuple[float, str]:
    """Compare logits of the reference film with the CPU's float32 ones.

    Parameters
    ----------
    bundle, plan, kind
        What gave the logits; the plan's files state their tolerances.
    reference, logits
        By slug.

    Returns
    -------
    (float, str)
        The largest difference in logit units, and why they do not agree, or nothing where they do.
    """
    largest = 0.0
    for target, file in files_for(bundle, plan.precision).items():
        if target.slug not in logits:
            return largest, f"it gave no score for {target.slug}"
        difference = abs(logits[target.slug] - reference[target.slug])
        exact = bundle.manifest.entry(target).reference.tolerance.logit
        allowed = file.tolerance.logit + (kind.tolerance_factor - 1.0) * exact
        if not difference <= allowed:
            return largest, (
                f"its {target.slug} logit is {difference:.2g} off the CPU's float32 one (at most {allowed:.2g})"
            )
        largest = max(largest, difference)
    return largest, ""
