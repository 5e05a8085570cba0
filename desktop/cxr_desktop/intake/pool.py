"""What a pool of decoders does for those who use it; `DecodePool` is one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cxr_desktop.intake.prepared import DisplayFilm, NotRead, Prepared

if TYPE_CHECKING:
    from cxr_shared.bundle import InputSpec


class Pool(Protocol):
    """Decodes films, see `DecodePool`."""

    @property
    def workers(self) -> int:
        """Number of processes."""

    def prepare(
        self,
        paths: Iterable[Path],
        spec: InputSpec,
        *,
        thumbnail: int = 0,
        ahead: int = 8,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Iterator[list[Prepared | NotRead]]:
        """Decode films for the models, see `DecodePool.prepare`."""

    def display(self, path: Path) -> DisplayFilm | NotRead:
        """Decode one film for the viewer, see `DecodePool.display`."""

    def close(self) -> None:
        """Give nothing any more; may be called again, and from any thread."""


class MakePool(Protocol):
    """Makes a pool for a caller, who closes it; whether its processes end with it is the maker's decision."""

    def __call__(self, *, workers: int | None = None) -> Pool:
        """Make a pool; `workers` is the number of processes, by default as many as `DecodePool` starts."""
