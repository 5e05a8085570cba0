"""Decode once: a cache of model inputs on disk, verified, shared by every run and target.

One folder for each (data folder, set of films found there, pixel-path version, input spec), holding

- ``names.txt``: the catalog's images, a line each; the line number is the row,
- ``pixels.u8``: (rows, S, S) uint8, sparse until a row is filled,
- ``records.i8``: (rows, 3) int64: size and modification time (ns) of the file a row was read from, and the CRC-32
  of the row's pixels; zero where it was not read. A row's record is written after its pixels, so a build that was
  killed goes on where it stopped, a changed file is read anew, and so is a row that is no longer what was written.

NIH's 112,120 films take 7.35 GB at 256² and 5.63 GB at 224². Rows are read, not mapped (see
`cxr_trainer.data.pixel_file`), so training over all of them keeps none of the cache resident.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from filelock import FileLock, Timeout

from cxr_shared.bundle import InputSpec
from cxr_shared.errors import OutputError
from cxr_shared.files import sha256_bytes, write_text
from cxr_shared.film import Refusal
from cxr_shared.pixels import PIXEL_PATH_VERSION
from cxr_shared.places import Kept, own_place
from cxr_trainer.data.catalog import Catalog
from cxr_trainer.data.decoding import Decoded, Job, decode_films, file_identity
from cxr_trainer.data.pixel_file import PixelFile, free_bytes, sized_file

Progress = Callable[[int, int], None]
_CHECKED_AT_ONCE = 1024
_LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class CachedFilms:
    """Films of a cohort in the cache.

    Attributes
    ----------
    films
        The rows given, less those refused, with a column ``row``: their row in `pixels`.
    pixels
        (rows, S, S) uint8 on disk; only the rows named in `films` are filled.
    refusals
        Films that cannot be read, each with its reason.
    """

    films: pd.DataFrame
    pixels: PixelFile
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
    """Bring the model inputs of `films` into the cache.

    Rows that are there are read once and compared with their checksums, about 1 GB a second; those that differ are
    made anew from their films.

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
        The cache cannot be written (disk full, no permission), or would not fit on its disk.
    """
    root = folder or cache_root()
    row_of = {name: row for row, name in enumerate(catalog.films["image"])}
    films = films.assign(row=films["image"].map(row_of))
    store = _Store.open(catalog, spec, root)
    todo = films[~store.holds(films)]
    if todo.empty:
        return CachedFilms(films, store.pixels, ())
    with _filling(store, waiting=partial(progress, 0, len(todo)) if progress else None):
        return _fill(_Store.open(catalog, spec, root), films, spec, workers=workers, progress=progress)


def _fill(
    store: _Store, films: pd.DataFrame, spec: InputSpec, *, workers: int | None, progress: Progress | None
) -> CachedFilms:
    """Read what is missing into the store, as it is now that nobody else fills it."""
    todo = films[~store.holds(films)]
    store.require_space(todo["row"].to_numpy(dtype=np.int64))
    jobs: list[Job] = list(zip(todo["row"].astype(int), todo["path"].astype(str), strict=True))
    refusals: list[Refusal] = []
    for done, decoded in enumerate(decode_films(store.pixels.path, jobs, spec, workers=workers), start=1):
        refusals += [decoded.refusal] if decoded.refusal is not None else []
        store.record(decoded)
        if progress:
            progress(done, len(jobs))
    refused = {str(refusal.source) for refusal in refusals}
    return CachedFilms(films[~films["path"].isin(refused)], store.pixels, tuple(refusals))


@contextlib.contextmanager
def _filling(store: _Store, *, waiting: Callable[[], None] | None) -> Iterator[None]:
    """Wait until no other process fills the cache: runs that begin together would each read the same films."""
    lock = FileLock(store.pixels.path.with_name("filling.lock"))
    while True:
        try:
            lock.acquire(timeout=_LOOK_SECONDS)
            break
        except Timeout:
            if waiting:
                waiting()  # which ends the waiting when somebody asks to stop
    try:
        yield
    finally:
        lock.release()


def cache_root() -> Path:
    """``CXR_CACHE``, else the user's cache folder."""
    return own_place("films", kept=Kept.CACHE, variable="CXR_CACHE")


@dataclass(frozen=True, slots=True, eq=False)
class _Store:
    pixels: PixelFile
    records_path: Path
    records: npt.NDArray[np.int64]

    @classmethod
    def open(cls, catalog: Catalog, spec: InputSpec, root: Path) -> _Store:
        names = "\n".join(catalog.films["image"]) + "\n"
        aspect = "kept" if spec.keep_aspect else "square"
        key = sha256_bytes(f"{catalog.root.resolve()}\n{names}".encode())[:16]
        folder = root / f"{key}-v{PIXEL_PATH_VERSION}-{spec.size}-{aspect}"
        rows = len(catalog.films)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not (folder / "names.txt").exists():
                write_text(folder / "names.txt", names)
            sized_file(folder / "pixels.u8", rows * spec.size**2)
            sized_file(folder / "records.i8", rows * 24)
            records = np.fromfile(folder / "records.i8", dtype=np.int64).reshape(rows, 3)
        except OSError as error:
            raise OutputError(
                f"Could not open the film cache {folder}: {error.strerror}. "
                "Free space or set CXR_CACHE to another folder."
            ) from error
        pixels = PixelFile(folder / "pixels.u8", (rows, spec.size, spec.size), records[:, 2])
        return cls(pixels, folder / "records.i8", records)

    def holds(self, films: pd.DataFrame) -> npt.NDArray[np.bool_]:
        """(n,) whether a film's row was read from the file that is there now, and is what was written."""
        rows = films["row"].to_numpy(dtype=np.int64)
        identity = np.array([file_identity(path) for path in films["path"]], dtype=np.int64).reshape(-1, 2)
        held: npt.NDArray[np.bool_] = (self.records[rows, :2] == identity).all(axis=1)
        for start in range(0, len(rows), _CHECKED_AT_ONCE):
            chosen = np.flatnonzero(held[start : start + _CHECKED_AT_ONCE]) + start
            held[chosen] = self.pixels.intact(rows[chosen])
        return held

    def require_space(self, rows: npt.NDArray[np.int64]) -> None:
        """Refuse to begin what the disk cannot hold; rows that were filled before already have their place."""
        needed = int((self.records[rows, 0] == 0).sum()) * self.pixels.row_bytes
        free = free_bytes(self.pixels.path)
        if needed > free:
            raise OutputError(
                f"The film cache {self.pixels.path.parent} needs another {needed / 1e9:.2f} GB for {len(rows):,} "
                f"films, and its disk has {free / 1e9:.2f} GB left. Free space or set CXR_CACHE to a folder elsewhere."
            )

    def record(self, decoded: Decoded) -> None:
        """Note that a row holds its film, once its pixels are written."""
        if decoded.refusal is not None:
            return
        self.records[decoded.row] = (*decoded.identity, decoded.checksum)
        try:
            with self.records_path.open("r+b", buffering=0) as stream:
                stream.seek(decoded.row * 24)
                stream.write(self.records[decoded.row].tobytes())
        except OSError as error:
            raise OutputError(
                f"Could not write the film cache {self.records_path}: {error.strerror}. Free space or set CXR_CACHE to "
                "another folder, then run the same command again; the films read so far are kept."
            ) from error
