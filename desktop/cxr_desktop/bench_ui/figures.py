"""Figures and what they aim at. No Qt."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

STALL_MS: Final = 100.0
"""Longest time for which the window may not answer."""
FRAME_MS: Final = 16.0
"""A frame of a screen of 60 Hz."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure.

    Attributes
    ----------
    what
        In words.
    value
        None where it cannot be measured here.
    unit
        ``ms`` or ``MB``.
    aim
        At most this; None where it is only told.
    note
        What else is worth knowing, such as why there is no value.
    """

    what: str
    value: float | None
    unit: str = "ms"
    aim: float | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether it reaches its aim; None where there is no aim or no value."""
        return None if self.aim is None or self.value is None else self.value <= self.aim


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` (0..1) of the values do not exceed: the nearest rank."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)]
