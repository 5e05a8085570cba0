"""The films of an archive, as the inventory lists them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Film:
    """One file of an archive.

    Attributes
    ----------
    key
        Its absolute path, or its URL.
    size
        Bytes as listed; −1 where that is not known.
    stamp
        Time of change in ns, or the object's ETag, as listed; empty where that is not known.
    """

    key: str
    size: int = -1
    stamp: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """Films that become one Parquet file.

    Attributes
    ----------
    number
        Its number in the archive, from 0.
    films
        In order; a film's place here is its ``number`` in the results.
    """

    number: int
    films: tuple[Film, ...]
