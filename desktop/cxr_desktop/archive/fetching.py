"""Decoding films that may lie behind a URL: each is fetched into a private folder first, and removed once decoded."""

from __future__ import annotations

import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Final

from cxr_desktop.archive.films import Film
from cxr_desktop.archive.storage import file_system, is_url
from cxr_desktop.inference.triage import Decoders
from cxr_desktop.intake.names import is_zip
from cxr_desktop.intake.prepared import NotRead, Prepared
from cxr_shared.bundle import InputSpec
from cxr_shared.film import RefusalKind
from cxr_shared.film.limits import MAX_FILE_BYTES

ZIP_NOT_OPENED: Final = "zip-not-opened"
FETCH_FAILED: Final = "fetch-failed"
_AT_ONCE: Final = 4
_PAUSES_S: Final = (0.5, 2.0, 8.0)
"""Before each further attempt."""
_FINAL: Final = (FileNotFoundError, PermissionError, IsADirectoryError)
"""What another attempt does not mend."""


class FetchingPool:
    """A pool of decoders for films of an archive, for `triage`.

    Parameters
    ----------
    pool
        Decodes files of this machine.
    films
        Those that will be asked for.
    """

    def __init__(self, pool: Decoders, films: Sequence[Film]) -> None:
        self._pool = pool
        self._folder = tempfile.TemporaryDirectory(prefix="cxr-archive-")
        self._films = {self._path(number, film): (number, film) for number, film in enumerate(films)}

    @property
    def workers(self) -> int:
        """Number of decoding processes."""
        return self._pool.workers

    @property
    def paths(self) -> tuple[Path, ...]:
        """The path of each film, which its verdict will have as `source`."""
        return tuple(self._films)

    def place(self, path: Path) -> int:
        """Say which of the films, from 0, a path stands for."""
        return self._films[path][0]

    def close(self) -> None:
        """Remove the folder."""
        self._folder.cleanup()

    def prepare(
        self,
        paths: Iterable[Path],
        spec: InputSpec,
        *,
        thumbnail: int = 0,
        ahead: int = 8,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Iterator[list[Prepared | NotRead]]:
        """Decode films as `DecodePool.prepare` does, those that cannot be had as `NotRead` among them."""
        lost: deque[Prepared | NotRead] = deque()
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="cxr-fetch") as threads:
            had = self._had(paths, threads, lost)
            for ready in self._pool.prepare(had, spec, thumbnail=thumbnail, ahead=ahead, stopped=stopped):
                for each in ready:
                    if is_url(self._films[each.source][1].key):
                        each.source.unlink(missing_ok=True)
                yield [*_taken(lost), *ready]
            if lost:
                yield _taken(lost)

    def _path(self, number: int, film: Film) -> Path:
        if not is_url(film.key):
            return Path(film.key)
        return Path(self._folder.name, f"{number:06}{PurePosixPath(film.key).suffix[:16]}")

    def _had(
        self, paths: Iterable[Path], threads: ThreadPoolExecutor, lost: deque[Prepared | NotRead]
    ) -> Iterator[Path]:
        """Yield each film once it lies here, fetching some ahead; what cannot be had goes to `lost`."""
        waiting: deque[tuple[Path, Future[NotRead | None] | None]] = deque()
        source = iter(paths)
        while True:
            while len(waiting) < 2 * _AT_ONCE and (path := next(source, None)) is not None:
                film = self._films[path][1]
                remote = is_url(film.key) or is_zip(film.key)
                waiting.append((path, threads.submit(_fetched, film, path) if remote else None))
            if not waiting:
                return
            path, future = waiting.popleft()
            failure = future.result() if future is not None else None
            if failure is None:
                yield path
            else:
                lost.append(failure)


def _taken(lost: deque[Prepared | NotRead]) -> list[Prepared | NotRead]:
    return [lost.popleft() for _ in range(len(lost))]


def _fetched(film: Film, path: Path) -> NotRead | None:
    """Fetch a film to a path; where that cannot be, say why."""
    if is_zip(film.key):
        message = (
            "A ZIP is not opened in an archive. Unpack it where the archive lies, or score it by itself with "
            "`cxr-desktop triage FILE.zip`."
        )
        return NotRead(ZIP_NOT_OPENED, message, path)
    if film.size > MAX_FILE_BYTES:
        most = f"{film.size / 2**20:.0f} MiB; at most {MAX_FILE_BYTES / 2**20:.0f} MiB are read."
        return NotRead(RefusalKind.TOO_LARGE.value, f"The file holds {most}", path)
    reason = ""
    for pause in (0.0, *_PAUSES_S):
        threading.Event().wait(pause)
        try:
            system, name = file_system(film.key)
            system.get_file(name, str(path))
        except _FINAL as error:
            reason = type(error).__name__
            break
        except Exception as error:  # noqa: BLE001  (each of fsspec's systems has errors of its own)
            reason = type(error).__name__
        else:
            return None
    path.unlink(missing_ok=True)
    return NotRead(
        FETCH_FAILED,
        f"The film could not be fetched from the archive ({reason}). See that it is there and may be read, then score "
        "it by itself.",
        path,
    )
