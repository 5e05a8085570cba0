"""Files as the store knows them, and whether one is still what was read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from cxr_shared.files import sha256_file

_AT_ONCE: Final = 16
"""Files asked about at a time: on a network folder each answer takes as long as its way there and back."""
_SHARE: Final = 64


class FileState(NamedTuple):
    """Size in bytes and time of change in ns, or `ABSENT`; another one means other pixels."""

    size: int
    mtime_ns: int


ABSENT: Final = FileState(-1, -1)
"""There is no such file, or it cannot be asked about."""


@dataclass(frozen=True, slots=True)
class Place:
    """A file, as a key.

    Attributes
    ----------
    real
        Its real path, which two ways of writing it share.
    source
        Its path as given, absolute.
    state
        How it was found.
    """

    real: bytes
    source: bytes
    state: FileState


def places_of(files: Sequence[Path]) -> list[Place]:
    """Look at files, many at once."""
    sources = [os.path.abspath(file) for file in files]  # noqa: PTH100  (Path.absolute keeps '..', and is slower)
    states = file_states(sources)
    return [
        Place(os.fsencode(os.path.realpath(source)), os.fsencode(source), state)
        for source, state in zip(sources, states, strict=True)
    ]


def file_states(sources: Sequence[str] | Sequence[bytes]) -> list[FileState]:
    """State of each file, in order."""
    if len(sources) <= _SHARE:
        return list(map(file_state, sources))
    shares = [sources[start : start + _SHARE] for start in range(0, len(sources), _SHARE)]
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return [state for states in threads.map(lambda share: list(map(file_state, share)), shares) for state in states]


def file_state(source: str | bytes) -> FileState:
    """State of one file."""
    try:
        found = os.stat(source)  # noqa: PTH116  (bytes and many of them)
    except (OSError, ValueError):
        return ABSENT
    return FileState(found.st_size, found.st_mtime_ns)


def state_when_read(place: Place, sha256: str, *, seen: FileState | None) -> FileState | None:
    """State in which a file gave `sha256`; None where that cannot be told, since it was written to meanwhile.

    Parameters
    ----------
    place
        The file as it is now.
    sha256
        Of the content that was read; empty where it was not read to its end.
    seen
        The file's state before it was read, where that is known.
    """
    if place.state == seen:
        return seen
    if place.state == ABSENT:  # taken away since: were it put back changed, its state would be another
        return seen or ABSENT
    if not sha256:
        return place.state if seen is None else None
    return place.state if _holds(place, sha256) else None


def _holds(place: Place, sha256: str) -> bool:
    try:
        found = sha256_file(Path(os.fsdecode(place.source)))
    except OSError:
        return False
    return found == sha256 and file_state(place.source) == place.state
