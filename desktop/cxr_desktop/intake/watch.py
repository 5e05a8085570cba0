"""Watching a folder for films that arrive, by looking again and again: network drives send no notices."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from cxr_desktop.intake.complete import is_complete
from cxr_desktop.intake.files import is_folder
from cxr_desktop.intake.names import is_unfinished, may_be_film, natural_key

_AT_MOST: Final = 500
_JOIN_S: Final = 2.0
_REST: Final = 9.0
"""Looking at a large folder takes at most a tenth of the time."""


@dataclass(slots=True)
class _Pending:
    """A file that was seen and not yet reported, and since when it has not changed."""

    size: int
    mtime_ns: int
    since: float


class FolderWatch:
    """Reports each film in a folder, and in those within it, once it was written to its end.

    Films that lie there already are reported as well. A file is reported when its size and time stand still for
    `settle_s` and the mark that its kind ends with is there (see `is_complete`); one that never gets the mark is
    reported after `give_up_s` of standing still, so that it becomes a row with its reason. Names that say "unfinished"
    wait until they are renamed. A file that vanishes is forgotten, and reported again if it returns.

    Parameters
    ----------
    folder
        Searched to any depth, without following links to folders.
    on_films
        Called in the watch's thread with new files, at most 500 at a time; ZIPs are among them.
    on_trouble
        Called in the watch's thread with a sentence when the folder cannot be read, and when it can again.
    interval_s
        Seconds between two looks; longer where the folder is so large that looking takes long itself.
    settle_s, give_up_s
        Seconds.
    """

    def __init__(
        self,
        folder: Path,
        on_films: Callable[[list[Path]], None],
        *,
        on_trouble: Callable[[str], None] = lambda _words: None,
        interval_s: float = 2.0,
        settle_s: float = 3.0,
        give_up_s: float = 60.0,
    ) -> None:
        self.folder = folder
        self._on_films = on_films
        self._on_trouble = on_trouble
        self._interval_s = interval_s
        self._settle_s = settle_s
        self._give_up_s = give_up_s
        self._reported: dict[str, tuple[int, int]] = {}
        self._pending: dict[str, _Pending] = {}
        self._troubled = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="cxr-watch", daemon=True)

    def start(self) -> Self:
        """Begin to look."""
        self._thread.start()
        return self

    def close(self) -> None:
        """End at once; nothing is reported after, unless a network drive holds the thread up."""
        self._stop.set()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(_JOIN_S)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def look(self) -> None:
        """Look once, and report what is ready; the thread does so at every interval."""
        seen: set[str] = set()
        ready: list[Path] = []
        lost: dict[str, OSError] = {}
        for entry in self._entries(lost):
            seen.add(entry.path)
            if self._is_ready(entry):
                found = self._pending.pop(entry.path)
                self._reported[entry.path] = (found.size, found.mtime_ns)
                ready.append(Path(entry.path))
                if len(ready) == _AT_MOST:
                    self._report(ready)
                    ready = []
        self._report(ready)
        if lost:
            self._lost(*next(iter(lost.items())))
        else:
            self._found_again()
        self._forget_all_but(seen, kept=tuple(f"{folder.removesuffix(os.sep)}{os.sep}" for folder in lost))

    def _work(self) -> None:
        while not self._stop.is_set():
            start = time.monotonic()
            self.look()
            self._stop.wait(max(self._interval_s, _REST * (time.monotonic() - start)))

    def _report(self, films: list[Path]) -> None:
        if films and not self._stop.is_set():
            self._on_films(sorted(films, key=lambda film: natural_key(film.name)))

    def _lost(self, folder: str, error: OSError) -> None:
        if not self._troubled and not self._stop.is_set():
            self._troubled = True
            reason = error.strerror or type(error).__name__
            self._on_trouble(
                f"The watched folder {folder} cannot be read: {reason}. "
                "Films that arrive are taken as soon as it can be read again."
            )

    def _found_again(self) -> None:
        if self._troubled and not self._stop.is_set():
            self._troubled = False
            self._on_trouble(f"The watched folder {self.folder} can be read again.")

    def _forget_all_but(self, seen: set[str], *, kept: tuple[str, ...]) -> None:
        """Forget what is gone; files below the folders `kept` could not be looked for, so they may be there."""
        if self._stop.is_set():
            return
        for known in (self._reported, self._pending):
            for path in [path for path in known if path not in seen and not path.startswith(kept)]:
                del known[path]

    def _is_ready(self, entry: os.DirEntry[str]) -> bool:
        try:
            status = entry.stat()
        except OSError:
            return False
        if self._reported.get(entry.path) == (status.st_size, status.st_mtime_ns):
            return False  # a device may write its next film over the last one
        now = time.monotonic()
        before = self._pending.get(entry.path)
        if before is None or (before.size, before.mtime_ns) != (status.st_size, status.st_mtime_ns):
            self._pending[entry.path] = _Pending(status.st_size, status.st_mtime_ns, now)
            return False
        still = now - before.since
        return still >= self._settle_s and (still >= self._give_up_s or is_complete(Path(entry.path)))

    def _entries(self, lost: dict[str, OSError]) -> Iterator[os.DirEntry[str]]:
        """Files that may be films; `lost` gets the folders that cannot be read, whose files are not gone, and why."""
        top = os.fspath(self.folder)
        waiting = [top]
        while waiting and not self._stop.is_set():
            folder = waiting.pop()
            try:
                with os.scandir(folder) as entries:
                    yield from self._films(entries, waiting)
            except OSError as error:
                if folder == top or not isinstance(error, FileNotFoundError):
                    lost[folder] = error

    def _films(self, entries: Iterable[os.DirEntry[str]], folders: list[str]) -> Iterator[os.DirEntry[str]]:
        """Pick what may be a film, and add the folders to those that wait."""
        for entry in entries:
            if self._stop.is_set():
                return
            if entry.path in self._reported:  # first, since it is true of nearly all
                yield entry
                continue
            if is_unfinished(entry.name):
                continue
            if is_folder(entry):
                if not entry.is_symlink():
                    folders.append(entry.path)
            elif may_be_film(entry.name):
                yield entry
