"""Learning-rate schedules as pure functions of the update number.

``rate(i)`` is the rate of update *i*, counted from 0 (paper §§5 and 7; Smith 2017, arXiv:1506.01186).
There is nothing to restore, so a resumed run is in phase, and a plot needs no training.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

CYCLES_BEFORE_RESTART = 3
"""Modified triangular2 halves its amplitude for this many cycles, then starts again (paper §7)."""


class Schedule(Protocol):
    """Rate of an update."""

    def rate(self, update: int) -> float:
        """Return the learning rate of `update` (from 0)."""
        ...


@dataclass(frozen=True, slots=True)
class Constant:
    """The same rate throughout."""

    lr: float

    def rate(self, update: int) -> float:
        """Return `lr`."""
        del update
        return self.lr


@dataclass(frozen=True, slots=True)
class Decay:
    """Keras's time-based decay: ``lr0 / (1 + decay·update)``."""

    lr0: float
    decay: float

    def rate(self, update: int) -> float:
        """Return the decayed rate."""
        return self.lr0 / (1.0 + self.decay * update)


@dataclass(frozen=True, slots=True)
class Cyclical:
    """Linear up and down between `base_lr` and `max_lr`, the amplitude scaled by `scale`.

    Parameters
    ----------
    base_lr, max_lr
        Bounds.
    step_size
        Updates from `base_lr` to `max_lr`: half a cycle, at least 1.
    scale
        Factor of the amplitude, from the cycle's number (from 0) and the update's.
    """

    base_lr: float
    max_lr: float
    step_size: int
    scale: Callable[[int, int], float]

    def rate(self, update: int) -> float:
        """Return the cyclical rate."""
        cycle = update // (2 * self.step_size)
        height = 1.0 - abs(update / self.step_size - 2 * cycle - 1)
        return self.base_lr + (self.max_lr - self.base_lr) * height * self.scale(cycle, update)


def triangular(*, base_lr: float, max_lr: float, step_size: int) -> Cyclical:
    """Equal cycles."""
    return Cyclical(base_lr, max_lr, step_size, lambda _cycle, _update: 1.0)


def triangular2(*, base_lr: float, max_lr: float, step_size: int) -> Cyclical:
    """The amplitude halves after each cycle."""
    return Cyclical(base_lr, max_lr, step_size, lambda cycle, _update: 0.5**cycle)


def modified_triangular2(*, base_lr: float, max_lr: float, step_size: int) -> Cyclical:
    """Triangular2 for three cycles, then again from the full amplitude, and so on (paper, Figure 5)."""
    return Cyclical(base_lr, max_lr, step_size, lambda cycle, _update: 0.5 ** (cycle % CYCLES_BEFORE_RESTART))


def exp_range(*, base_lr: float, max_lr: float, step_size: int, gamma: float) -> Cyclical:
    """The amplitude shrinks by `gamma` at each update."""
    return Cyclical(base_lr, max_lr, step_size, lambda _cycle, update: gamma**update)


@dataclass(frozen=True, slots=True)
class Ramp:
    """Exponential rise from `start` (update 0) to `end` (the last of `updates`), for the range test."""

    start: float
    end: float
    updates: int

    def rate(self, update: int) -> float:
        """Return the ramp's rate."""
        share = update / max(1, self.updates - 1)
        return math.exp(math.log(self.start) + share * (math.log(self.end) - math.log(self.start)))
