"""Interface of a pool of decoding processes, which `DecodePool` implements."""

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
        """Stop decoding; may be called more than once and from any thread."""


class MakePool(Protocol):
    """Factory of pools. The caller closes the pool; the factory decides whether its processes end then."""

    def __call__(self, *, workers: int | None = None) -> Pool:
        """Make a pool; `workers` is the number of processes, by default as many as `DecodePool` starts."""
