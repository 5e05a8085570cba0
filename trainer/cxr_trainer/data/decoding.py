"""Reading films into rows of the cache, in child processes where there are many."""

from __future__ import annotations

import errno
import os
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from cxr_shared.bundle import InputSpec
from cxr_shared.errors import OutputError
from cxr_shared.film import Film, Refusal, read_film
from cxr_shared.pixels import model_input
from cxr_trainer.workers import begin_worker

_CHUNK: Final = 16
_FEW: Final = 64
Job = tuple[int, str]
"""A row and the film to read into it."""


class Decoded(NamedTuple):
    """What became of a film.

    Attributes
    ----------
    row
        The row it was read into.
    identity
        Size and modification time (ns) of its file before it was read.
    checksum
        CRC-32 of the row's pixels; 0 where it was refused.
    refusal
        Why it cannot be read; None where it was.
    """

    row: int
    identity: tuple[int, int]
    checksum: int
    refusal: Refusal | None


def file_identity(path: str) -> tuple[int, int]:
    """Size and modification time (ns) of a file; (-1, -1) where it cannot be had."""
    try:
        stat = Path(path).stat()
    except OSError:  # the reader will refuse it, with the reason
        return (-1, -1)
    return (stat.st_size, stat.st_mtime_ns)


def decode_films(
    pixels_path: Path, jobs: Sequence[Job], spec: InputSpec, *, workers: int | None = None
) -> Iterator[Decoded]:
    """Read each film into its row of `pixels_path`; yields what became of it, as films are done.

    Raises
    ------
    OutputError
        The file cannot be written, or a child process was ended from outside.
    """
    chunks = [jobs[i : i + _CHUNK] for i in range(0, len(jobs), _CHUNK)]
    if len(jobs) <= _FEW or workers == 1:
        for chunk in chunks:
            yield from _read_chunk(pixels_path, chunk, spec)
        return
    pool = ProcessPoolExecutor(workers or os.cpu_count(), get_context("spawn"), initializer=begin_worker)
    try:
        futures = [pool.submit(_read_chunk, pixels_path, chunk, spec) for chunk in chunks]
        for future in as_completed(futures):
            yield from future.result()
    except BrokenProcessPool as error:
        raise OutputError(
            "A process that decodes films was ended from outside (out of memory?). The films read so far are kept; "
            "run the same command again."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _read_chunk(pixels_path: Path, chunk: Sequence[Job], spec: InputSpec) -> list[Decoded]:
    """Read films into their rows; written, not mapped, so that a full disk is an error and not a crash."""
    decoded: list[Decoded] = []
    with pixels_path.open("r+b", buffering=0) as stream:
        for row, path in chunk:
            identity = file_identity(path)  # before reading: a file replaced meanwhile is read again next time
            film = read_film(Path(path))
            if isinstance(film, Film):
                pixels = np.ascontiguousarray(model_input(film, spec))
                _write_row(stream, row * pixels.nbytes, pixels)
                decoded.append(Decoded(row, identity, zlib.crc32(pixels.data), None))
            else:
                decoded.append(Decoded(row, identity, 0, film))
    return decoded


def _write_row(stream: BinaryIO, offset: int, pixels: npt.NDArray[np.uint8]) -> None:
    try:
        stream.seek(offset)
        if stream.write(pixels.tobytes()) < pixels.nbytes:  # what a disk does when it becomes full
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError as error:
        raise OutputError(
            f"Could not write the film cache {stream.name}: {error.strerror}. Free space or set CXR_CACHE to another "
            "folder, then run the same command again; the films read so far are kept."
        ) from error
