"""Between logits and probabilities, in float64 and safe at both ends."""

from __future__ import annotations

import math
from typing import Final

SATURATION: Final = 53 * math.log(2) + 1e-12
"""The least logit, to 1e-12, whose sigmoid is 1 in float64: there ``exp(-logit)`` is half of 1's last place."""


def sigmoid(logit: float) -> float:
    """Probability of a logit, exact at both ends."""
    if logit >= 0:
        return 1.0 / (1.0 + math.exp(-logit))
    power = math.exp(logit)
    return power / (1.0 + power)


def to_logit(probability: float) -> float:
    """Logit of a probability; ±inf at 0 and 1."""
    if probability <= 0.0:
        return -math.inf
    if probability >= 1.0:
        return math.inf
    return math.log(probability / (1.0 - probability))


def threshold_logit(threshold: float) -> float:
    """Return the least logit whose probability reaches `threshold`: -inf for 0, `SATURATION` for 1."""
    return min(to_logit(threshold), SATURATION)


__all__ = ["SATURATION", "sigmoid", "threshold_logit", "to_logit"]
