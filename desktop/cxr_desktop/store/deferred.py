"""Values that are made when they are first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from cxr_shared.findings import Target

_Value = TypeVar("_Value")


class Deferred(Mapping[Target, _Value]):
    """A value for each target, made when one of them is first asked for: a list shows hundreds, of tens of thousands.

    Parameters
    ----------
    targets
        In order; they are known without making anything.
    make
        Gives the values, in that order.
    """

    __slots__ = ("_made", "_make", "_targets")

    def __init__(self, targets: tuple[Target, ...], make: Callable[[], dict[Target, _Value]]) -> None:
        self._targets = targets
        self._make = make
        self._made: dict[Target, _Value] | None = None

    def __getitem__(self, target: Target) -> _Value:
        if self._made is None:
            self._made = self._make()
        return self._made[target]

    def __contains__(self, target: object) -> bool:
        return target in self._targets

    def __iter__(self) -> Iterator[Target]:
        return iter(self._targets)

    def __len__(self) -> int:
        return len(self._targets)
