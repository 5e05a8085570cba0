"""Decode once: a memory-mapped uint8 cache of model inputs, shared by every run and target.

One folder for each (data folder, set of films found there, pixel-path version, input spec), holding

- ``names.txt``: the catalog's images, a line each; the line number is the row,
- ``pixels.u8``: (rows, S, S) uint8, sparse until a row is filled,
- ``identity.i8``: (rows, 2) int64, size and modification time (ns) of the file a row was read from; zero
  where it was not. It is written after the pixels, so a killed build resumes and a changed file is read anew.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from io import FileIO
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import platformdirs

from cxr_shared.bundle import InputSpec
from cxr_shared.errors import OutputError
from cxr_shared.files import sha256_bytes, write_text
from cxr_shared.film import Film, Refusal, read_film
from cxr_shared.pixels import PIXEL_PATH_VERSION, model_input
from cxr_trainer.data.catalog import Catalog

_CHUNK: Final = 16
_FEW: Final = 64
Progress = Callable[[int, int], None]
_Outcome = tuple[int, tuple[int, int], Refusal | None]


@dataclass(frozen=True, slots=True, eq=False)
class CachedFilms:
    """Films of a cohort in the cache.

    Attributes
    ----------
    films
        The rows given, less those refused, with a column ``row``: their row in `pixels`.
    pixels
        (rows, S, S) uint8, memory-mapped read-only; only the rows named in `films` are filled.
    refusals
        Films that cannot be read, each with its reason.
    """

    films: pd.DataFrame
    pixels: npt.NDArray[np.uint8]
    refusals: tuple[Refusal, ...]


def cache_films(
    catalog: Catalog,
    films: pd.DataFrame,
    *,
    spec: InputSpec,
    folder: Path | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> CachedFilms:
    """Bring the model inputs of `films` into the cache and map them.

    Parameters
    ----------
    catalog
        Decides the rows; its root names the cache.
    films
        Rows of ``catalog.films``.
    spec
        Size and aspect of a model input.
    folder
        Where caches live; by default ``CXR_CACHE``, else the user's cache folder.
    workers
        Decoding processes; by default one for each core. Few films are decoded in this process.
    progress
        Called with films read so far and films to read.

    Raises
    ------
    OutputError
        The cache cannot be written (disk full, no permission).
    """
    store = _Store.open(catalog, spec, folder or cache_root())
    row_of = {name: row for row, name in enumerate(catalog.films["image"])}
    films = films.assign(row=films["image"].map(row_of))
    identity = np.array([_identity(path) for path in films["path"]], dtype=np.int64).reshape(-1, 2)
    todo = films[(store.identity[films["row"]] != identity).any(axis=1)]
    refusals: list[Refusal] = []
    jobs = list(zip(todo["row"], todo["path"], strict=True))
    for done, outcome in enumerate(_fill(store, jobs, spec, workers), start=1):
        refusals += [outcome] if outcome is not None else []
        if progress:
            progress(done, len(jobs))
    refused = {str(refusal.source) for refusal in refusals}
    return CachedFilms(films[~films["path"].isin(refused)], store.read_only(), tuple(refusals))


def cache_root() -> Path:
    """``CXR_CACHE``, else the user's cache folder."""
    configured = os.environ.get("CXR_CACHE")
    return Path(configured) if configured else Path(platformdirs.user_cache_dir("cxr-triage")) / "films"


@dataclass(frozen=True, slots=True, eq=False)
class _Store:
    pixels_path: Path
    shape: tuple[int, int, int]
    identity: npt.NDArray[np.int64]

    @classmethod
    def open(cls, catalog: Catalog, spec: InputSpec, root: Path) -> _Store:
        names = "\n".join(catalog.films["image"]) + "\n"
        aspect = "kept" if spec.keep_aspect else "square"
        key = sha256_bytes(f"{catalog.root.resolve()}\n{names}".encode())[:16]
        folder = root / f"{key}-v{PIXEL_PATH_VERSION}-{spec.size}-{aspect}"
        shape = (len(catalog.films), spec.size, spec.size)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not (folder / "names.txt").exists():
                write_text(folder / "names.txt", names)
            _extend(folder / "pixels.u8", int(np.prod(shape)))
            _extend(folder / "identity.i8", shape[0] * 16)
            identity = np.fromfile(folder / "identity.i8", dtype=np.int64, count=shape[0] * 2).reshape(-1, 2)
        except OSError as error:
            raise OutputError(
                f"Could not open the film cache {folder}: {error.strerror}. "
                "Free space or set CXR_CACHE to another folder."
            ) from error
        return cls(folder / "pixels.u8", shape, identity)

    def read_only(self) -> npt.NDArray[np.uint8]:
        return np.memmap(self.pixels_path, dtype=np.uint8, mode="r", shape=self.shape)

    def note(self, row: int, identity: tuple[int, int]) -> None:
        """Remember which file a row was read from; written, not mapped, for a full disk ends what maps it."""
        self.identity[row] = identity
        with (self.pixels_path.parent / "identity.i8").open("r+b", buffering=0) as stream:
            _write_at(stream, row * 16, self.identity[row].tobytes())


def _extend(path: Path, size: int) -> None:
    """Create a sparse file of `size` bytes, or leave one of that size as it is."""
    with path.open("ab") as stream:
        if stream.tell() != size:
            stream.truncate(size)


def _identity(path: str) -> tuple[int, int]:
    try:
        stat = Path(path).stat()
    except OSError:  # the reader will refuse it, with the reason
        return (-1, -1)
    return (stat.st_size, stat.st_mtime_ns)


def _fill(
    store: _Store, jobs: Sequence[tuple[int, str]], spec: InputSpec, workers: int | None
) -> Iterator[Refusal | None]:
    """Read each film into its row; yields its refusal, or None, as films are done."""
    chunks = [jobs[i : i + _CHUNK] for i in range(0, len(jobs), _CHUNK)]
    if len(jobs) <= _FEW or workers == 1:
        for chunk in chunks:
            yield from _finish(store, _read_chunk(store.pixels_path, store.shape, chunk, spec))
        return
    pool = ProcessPoolExecutor(workers or os.cpu_count(), get_context("spawn"), initializer=_ignore_interrupt)
    try:
        futures = [pool.submit(_read_chunk, store.pixels_path, store.shape, chunk, spec) for chunk in chunks]
        for future in as_completed(futures):
            yield from _finish(store, future.result())
    except BrokenProcessPool as error:
        raise OutputError(
            "A process that decodes films was ended from outside (out of memory?). The films read so far are kept; "
            "run the same command again."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _ignore_interrupt() -> None:
    """Ctrl-C reaches the whole process group; the parent alone decides what it means."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _finish(store: _Store, outcomes: list[_Outcome]) -> Iterator[Refusal | None]:
    for row, identity, refusal in outcomes:
        if refusal is None:
            store.note(row, identity)
        yield refusal


def _read_chunk(
    pixels_path: Path, shape: tuple[int, int, int], chunk: Sequence[tuple[int, str]], spec: InputSpec
) -> list[_Outcome]:
    """Read films into their rows; written, not mapped, so that a full disk is an error and not a crash."""
    outcomes: list[_Outcome] = []
    with pixels_path.open("r+b", buffering=0) as stream:
        for row, path in chunk:
            identity = _identity(path)  # before reading: a file replaced meanwhile is read again next time
            film = read_film(Path(path))
            if isinstance(film, Film):
                _write_at(stream, row * shape[1] * shape[2], model_input(film, spec).tobytes())
            outcomes.append((row, identity, film if isinstance(film, Refusal) else None))
    return outcomes


def _write_at(stream: FileIO, offset: int, data: bytes) -> None:
    left = memoryview(data)
    try:
        stream.seek(offset)
        while left:
            left = left[stream.write(left) :]
    except OSError as error:
        raise OutputError(
            f"Could not write the film cache {stream.name!s}: {error.strerror}. Free space or set CXR_CACHE to another "
            "folder, then run the same command again; the films read so far are kept."
        ) from error
