"""Films made ready for the viewer: decoded in a process of their own, the last few kept. No Qt."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Final

from cxr_desktop.intake.pool import Pool
from cxr_desktop.intake.prepared import DisplayFilm
from cxr_desktop.ui.rendering import Pyramid

_KEPT: Final = 6


class Shelf:
    """Decodes films one after the other; usable from any thread.

    Parameters
    ----------
    pool
        Decodes the films; closed with the shelf.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._kept: OrderedDict[Path, Pyramid] = OrderedDict()
        self._forgotten: Counter[Path] = Counter()  # how often, so that a reading that began before is not kept
        self._lock = threading.Lock()

    def kept(self, path: Path) -> Pyramid | None:
        """Return a film that was shown lately; None where it has to be read."""
        with self._lock:
            if path in self._kept:
                self._kept.move_to_end(path)
            return self._kept.get(path)

    def read(self, path: Path) -> Pyramid | str:
        """Return a film, or a sentence that says why it cannot be shown; blocks.

        Raises
        ------
        concurrent.futures.CancelledError
            The shelf was closed.
        """
        kept = self.kept(path)
        if kept is not None:
            return kept
        before = self._forgotten[path]
        result = self._pool.display(path)
        if not isinstance(result, DisplayFilm):
            return result.message
        pyramid = Pyramid(result)
        with self._lock:
            if self._forgotten[path] != before:
                return pyramid
            self._kept[path] = pyramid
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return pyramid

    def forget(self, path: Path) -> None:
        """Read a film anew the next time: its file was written again."""
        with self._lock:
            self._kept.pop(path, None)
            self._forgotten[path] += 1

    def close(self) -> None:
        """Close its pool."""
        self._pool.close()
