"""How fast the film cache is built and read, and what reading it keeps resident.

    python tests/benchmarks/film_cache.py DIR [--workers 2] [--size 256]

DIR is a folder in NIH's layout. Building is compared with what a script would do, cv2.imread and cv2.resize in one
process; reading, over a sparse file as large as the cache of all 112,120 films, with a memory map.
"""

from __future__ import annotations

import os
import tempfile
import time
import zlib
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import cyclopts
import numpy as np

from cxr_shared.bundle import InputSpec
from cxr_shared.opencv import cv2
from cxr_trainer.data.cache import cache_films
from cxr_trainer.data.catalog import read_catalog
from cxr_trainer.data.pixel_file import PixelFile, sized_file

NIH_FILMS = 112_120
BATCH = 32


def main(data: Path, *, workers: int = 2, size: int = 256) -> None:
    """Print films a second, and MB resident."""
    with tempfile.TemporaryDirectory(dir=data.parent if os.access(data.parent, os.W_OK) else None) as folder:
        _build(data, Path(folder), workers=workers, size=size)
        path = Path(folder) / "sparse.u8"
        sized_file(path, NIH_FILMS * size * size)
        for how in ("rows read and verified", "memory map"):
            with ProcessPoolExecutor(1, get_context("spawn")) as process:  # resident memory of its own
                rate, resident = process.submit(_read, path, size, how).result()
            print(f"{how}: {rate:,.0f} films/s, {1e3 * BATCH / rate:.2f} ms a batch of {BATCH}, {resident:.0f} MB more")


def _build(data: Path, folder: Path, *, workers: int, size: int) -> None:
    catalog = read_catalog(data)
    for path in catalog.films["path"]:  # every contender finds the files in memory
        Path(path).read_bytes()
    began = time.perf_counter()
    for path in catalog.films["path"]:
        grey = cv2.imread(path, cv2.IMREAD_GRAYSCALE)
        cv2.resize(grey, (size, size), interpolation=cv2.INTER_AREA)
    single = len(catalog.films) / (time.perf_counter() - began)
    print(f"cv2.imread and resize, one process: {single:.1f} films/s")
    for count in (1, workers):
        began = time.perf_counter()
        spec, own = InputSpec(size=size), folder / str(count)
        cache_films(catalog, catalog.films, spec=spec, folder=own, workers=count)
        rate = len(catalog.films) / (time.perf_counter() - began)
        print(f"cache, {count} process(es), start included: {rate:.1f} films/s, {rate / single:.2f}×")
    began = time.perf_counter()
    cache_films(catalog, catalog.films, spec=spec, folder=own, workers=workers)
    print(f"found whole and verified: {len(catalog.films) / (time.perf_counter() - began):,.0f} films/s")


def _read(path: Path, size: int, how: str) -> tuple[float, float]:
    shape = (NIH_FILMS, size, size)
    checksums = np.full(NIH_FILMS, zlib.crc32(bytes(size * size)), dtype=np.int64)
    mapped = np.memmap(path, dtype=np.uint8, mode="r", shape=shape)
    pixels = PixelFile(path, shape, checksums)
    order = np.random.default_rng(0).permutation(NIH_FILMS)
    before, began = _resident_mb(), time.perf_counter()
    for start in range(0, NIH_FILMS, BATCH):
        rows = order[start : start + BATCH]
        np.array(mapped[rows]) if how == "memory map" else pixels[rows]
    return NIH_FILMS / (time.perf_counter() - began), _resident_mb() - before


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    cyclopts.run(main)
