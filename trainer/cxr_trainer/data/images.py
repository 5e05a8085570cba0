"""Finding a data folder's image files, in any nesting of folders."""

from __future__ import annotations

import filecmp
import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SUFFIXES: Final = frozenset({".png", ".jpg", ".jpeg", ".dcm"})


@dataclass(frozen=True, slots=True, eq=False)
class ImageFiles:
    """Image files below a folder.

    Attributes
    ----------
    paths
        The files of each image that was looked for and found, in the sorted order of their folders.
    others
        Paths of image files that were not looked for, sorted.
    closed
        Folders that could not be listed.
    """

    paths: dict[str, tuple[str, ...]]
    others: tuple[str, ...]
    closed: tuple[str, ...]

    def copies(self, names: Collection[str]) -> dict[str, bool]:
        """Those of `names` that lie in several places, and whether the files there are alike to the byte."""
        return {name: alike(self.paths[name]) for name in names if len(self.paths.get(name, ())) > 1}


def find_images(root: Path, wanted: Collection[str]) -> ImageFiles:
    """Look through `root`, symbolic links included, for files named as `wanted`; hidden files are passed over."""
    paths: dict[str, list[str]] = {name: [] for name in wanted}
    others: list[str] = []
    closed: list[str] = []
    seen: set[tuple[int, int]] = set()
    for folder, folders, names in os.walk(root, followlinks=True, onerror=lambda e: closed.append(str(e.filename))):
        status = Path(folder).stat()
        if (status.st_dev, status.st_ino) in seen:  # a link that leads back, or to a folder seen before
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders.sort()
        for name in names:
            if name in paths:
                paths[name].append(str(Path(folder) / name))
            elif Path(name).suffix.lower() in _SUFFIXES and not name.startswith("."):
                others.append(str(Path(folder) / name))
    found = {name: tuple(places) for name, places in paths.items() if places}
    return ImageFiles(found, tuple(sorted(others)), tuple(closed))


def alike(paths: tuple[str, ...]) -> bool:
    """Whether files have the same bytes; one that cannot be read is unlike the others."""
    try:
        return all(filecmp.cmp(paths[0], other, shallow=False) for other in paths[1:])
    except OSError:
        return False
