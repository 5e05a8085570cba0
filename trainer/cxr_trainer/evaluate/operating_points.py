"""Thresholds on the probability, chosen on validation films."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cxr_shared.bundle import OperatingPoint

HIGH = 0.95
"""Sensitivity of the high-sensitivity point, specificity of the high-specificity point, at least."""


def choose_operating_points(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> tuple[OperatingPoint, ...]:
    """Choose ``high-sensitivity``, ``balanced`` (Youden's J) and ``high-specificity`` thresholds.

    A film is positive when its probability is at or above the threshold. Thresholds lie midway between
    neighbouring scores, so that a rounding difference between two machines moves no film across. They are in order:
    where the balanced point is already sensitive or specific enough, that point is the balanced one. None lies above
    1: a film scored exactly 1 (a logit over 36) is positive at each, and the specificity stated says what that leaves.

    Parameters
    ----------
    labels
        (n,) 0 or 1; both must occur.
    probabilities
        (n,) in 0..1.
    """
    from sklearn.metrics import roc_curve

    label = np.asarray(labels, dtype=int)
    probability = np.asarray(probabilities, dtype=float)
    false_rate, true_rate, cut = roc_curve(label, probability, drop_intermediate=False)
    # Cuts fall along the curve: a later one calls more films positive.
    balanced = int(np.argmax(true_rate - false_rate))
    sensitive = max(balanced, int(np.argmax(true_rate >= HIGH)))
    specific = min(balanced, int(np.flatnonzero(1.0 - false_rate >= HIGH)[-1]))
    chosen = {"high-sensitivity": sensitive, "balanced": balanced, "high-specificity": specific}
    return tuple(_point(name, _midway(cut, i, probability), label, probability) for name, i in chosen.items())


def _midway(cut: npt.NDArray[np.float64], index: int, probability: npt.NDArray[np.float64]) -> float:
    """Threshold between the lowest score called positive and the highest called negative."""
    above = probability[probability >= cut[index]]
    below = probability[probability < cut[index]]
    low = float(below.max()) if len(below) else 0.0
    high = float(above.min()) if len(above) else 1.0
    return (low + high) / 2


def _point(
    name: str, threshold: float, label: npt.NDArray[np.int_], probability: npt.NDArray[np.float64]
) -> OperatingPoint:
    positive = probability >= threshold
    return OperatingPoint(
        name=name,
        threshold=threshold,
        sensitivity=float(positive[label == 1].mean()),
        specificity=float((~positive[label == 0]).mean()),
    )
