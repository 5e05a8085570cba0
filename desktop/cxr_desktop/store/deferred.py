"""Mappings whose values are made when one of them is first asked for, so that a long list is there at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from cxr_shared.findings import Target

_Value = TypeVar("_Value")


class Deferred(Mapping[Target, _Value]):
    """A value for each target, all made on the first look at one and kept.

    Parameters
    ----------
    targets
        The keys, in order; known without making anything.
    make
        Makes the values; what it raises is raised to who looks, each time.
    """

    __slots__ = ("_made", "_make", "_targets")

    def __init__(self, targets: Sequence[Target], make: Callable[[], dict[Target, _Value]]) -> None:
        self._targets = targets
        self._make = make
        self._made: dict[Target, _Value] | None = None

    def __getitem__(self, target: Target) -> _Value:
        if target not in self._targets:
            raise KeyError(target)
        if self._made is None:
            self._made = self._make()
        return self._made[target]

    def __iter__(self) -> Iterator[Target]:
        return iter(self._targets)

    def __len__(self) -> int:
        return len(self._targets)
