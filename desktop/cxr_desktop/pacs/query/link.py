"""What an archive must be able to do; the ways to reach one differ in nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol, TypeAlias

from pydicom.dataset import Dataset

from cxr_desktop.pacs.query.answers import Level
from cxr_desktop.pacs.query.keeper import Keeper

Stopped: TypeAlias = Callable[[], bool]


def never() -> bool:
    """Stop for nothing."""
    return False


class Finder(Protocol):
    """Asks questions, one after the other."""

    def find(self, level: Level, keys: Dataset) -> Iterator[Dataset | None]:
        """Give the answers at a level as they come; None for one that cannot be read.

        Raises
        ------
        PeerUnreachable, PeerRefused
            The question was not answered to its end.
        """


class Link(Protocol):
    """A way to an archive. Its errors are `PeerUnreachable` and `PeerRefused`."""

    def finding(self, stopped: Stopped) -> AbstractContextManager[Finder]:
        """Connect to ask questions."""

    def retrieve(self, study_uid: str, series: tuple[str, ...], keeper: Keeper) -> None:
        """Have every instance of these series given to the keeper; ends early where the keeper is stopped."""

    def check(self) -> str:
        """Ask whether the archive hears, and say what it answered."""
