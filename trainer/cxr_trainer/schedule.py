"""Learning-rate schedules as pure functions of the update number.

``rate(i)`` is the rate of update *i*, counted from 0 (paper §§5 and 7; Smith 2017, arXiv:1506.01186).
There is nothing to restore, so a resumed run is in phase, and a plot needs no training.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from cxr_shared.errors import UnknownName
from cxr_trainer.recipe import ClrSection, Policy

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


def clr_schedule(clr: ClrSection, *, max_lr: float, base_lr: float, batches: int) -> Schedule:
    """Schedule of the CLR stage; `batches` is the updates of an epoch, so a step is `step_epochs` times that."""
    step_size = max(1, round(clr.step_epochs * batches))
    if clr.policy == "constant":
        return Constant(max_lr)
    if clr.policy == "decay":
        return Decay(max_lr, 1.0 / (clr.epochs * batches))
    if clr.policy == "exp_range":
        return exp_range(base_lr=base_lr, max_lr=max_lr, step_size=step_size, gamma=clr.gamma)
    shapes = {
        "triangular": triangular,
        "triangular2": triangular2,
        "modified_triangular2": modified_triangular2,
    }
    return shapes[clr.policy](base_lr=base_lr, max_lr=max_lr, step_size=step_size)


def parse_policy(text: str) -> Policy:
    """Read a policy's name, with dashes or underscores, in any case; UnknownName offers the nearest."""
    name = text.strip().lower().replace("-", "_")
    for policy in get_args(Policy):
        if name == policy:
            found: Policy = policy
            return found
    raise UnknownName("policy", text, get_args(Policy))


@dataclass(frozen=True, slots=True)
class TurningPoint:
    """Where a schedule turns.

    Attributes
    ----------
    kind
        ``base`` begins a cycle, ``peak`` is its middle, ``first`` begins a schedule without cycles, ``last`` is the
        last update where that is none of these.
    cycle
        The cycle's number, from 1; None for a schedule without cycles.
    update
        From 0.
    rate
        The rate of `update`.
    """

    kind: Literal["base", "peak", "first", "last"]
    cycle: int | None
    update: int
    rate: float


def turning_points(schedule: Schedule, updates: int) -> tuple[TurningPoint, ...]:
    """Every turn of a schedule of `updates` updates (at least 1), and its last update.

    A cycle that training cuts short has the turns that an update reaches.
    """
    last = updates - 1
    if not isinstance(schedule, Cyclical):
        first = TurningPoint("first", None, 0, schedule.rate(0))
        return (first, TurningPoint("last", None, last, schedule.rate(last)))[: 1 + (last > 0)]
    points = [
        TurningPoint("peak" if number % 2 else "base", number // 2 + 1, update, schedule.rate(update))
        for number, update in enumerate(range(0, updates, schedule.step_size))
    ]
    if points[-1].update != last:
        points.append(TurningPoint("last", points[-1].cycle, last, schedule.rate(last)))
    return tuple(points)


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


@dataclass(frozen=True, slots=True)
class LinearRamp:
    """Linear rise from `start` (update 0) to `end` (the last of `updates`), as in Smith 2017, section 3.3."""

    start: float
    end: float
    updates: int

    def rate(self, update: int) -> float:
        """Return the ramp's rate."""
        return self.start + (self.end - self.start) * update / max(1, self.updates - 1)
