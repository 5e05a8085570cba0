"""The film cache: built after a kill, verified, within its disk, and never mapped."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
import zlib
from pathlib import Path

import numpy as np
import pytest

from cxr_shared.bundle import InputSpec
from cxr_shared.errors import OutputError
from cxr_shared.film import Film, read_film
from cxr_shared.pixels import model_input
from cxr_trainer.data import cache as cache_module
from cxr_trainer.data.cache import CachedFilms, cache_films
from cxr_trainer.data.catalog import read_catalog
from cxr_trainer.data.pixel_file import PixelFile, sized_file
from cxr_trainer.errors import CacheDamaged

SPEC = InputSpec(size=64)
KILLED_BUILD = textwrap.dedent("""
    import multiprocessing, os, signal, sys
    from pathlib import Path
    from cxr_shared.bundle import InputSpec
    from cxr_trainer.data.cache import cache_films
    from cxr_trainer.data.catalog import read_catalog

    def die(done, _total):
        if done == 20:
            print(*(child.pid for child in multiprocessing.active_children()), flush=True)
            os.kill(os.getpid(), signal.SIGKILL)

    if __name__ == "__main__":
        catalog = read_catalog(Path(sys.argv[1]))
        cache_films(catalog, catalog.films, spec=InputSpec(size=64), folder=Path(sys.argv[2]),
                    workers=int(sys.argv[3]), progress=die)
""")


def _build(data: Path, folder: Path) -> tuple[CachedFilms, int]:
    """The cache of every film, and how many films had to be read for it."""
    read: list[int] = []
    catalog = read_catalog(data)
    cached = cache_films(catalog, catalog.films, spec=SPEC, folder=folder, progress=lambda done, _n: read.append(done))
    return cached, len(read)


def _file(folder: Path, name: str) -> Path:
    return next(folder.glob(f"*/{name}"))


def _is_gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    # a zombie whose new parent has not yet asked for it has ended too
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_build_goes_on_where_it_stopped(tiny_nih: Path, tmp_path: Path, workers: int) -> None:
    whole, read = _build(tiny_nih, tmp_path / "whole")
    assert read == 96
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_BUILD, tiny_nih, tmp_path / "killed", str(workers)],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert killed.returncode == -9, killed.stderr
    again, read = _build(tiny_nih, tmp_path / "killed")
    assert read == 96 - 20
    np.testing.assert_array_equal(again.pixels[np.arange(96)], whole.pixels[np.arange(96)])
    deadline = time.monotonic() + 60
    workers_left = [int(pid) for pid in killed.stdout.split()]
    assert len(workers_left) == (workers if workers > 1 else 0)
    while not all(map(_is_gone, workers_left)):
        assert time.monotonic() < deadline, "workers outlive the process that they worked for"
        time.sleep(0.05)


def test_a_flipped_byte_is_found_in_use_and_read_anew_at_the_next_start(tiny_nih: Path, tmp_path: Path) -> None:
    cached, _ = _build(tiny_nih, tmp_path)
    row = int(cached.films.iloc[5]["row"])
    with _file(tmp_path, "pixels.u8").open("r+b") as stream:
        stream.seek(row * 64 * 64 + 100)
        byte = stream.read(1)[0]
        stream.seek(-1, os.SEEK_CUR)
        stream.write(bytes([byte ^ 4]))
    with pytest.raises(CacheDamaged, match="1 film cannot be used"):
        cached.pixels[np.array([row - 1, row])]
    assert cached.pixels[row - 1].shape == (64, 64), "its neighbours can still be used"
    again, read = _build(tiny_nih, tmp_path)
    assert read == 1
    film = read_film(Path(cached.films.iloc[5]["path"]))
    assert isinstance(film, Film)
    np.testing.assert_array_equal(again.pixels[row], model_input(film, SPEC))


def test_a_truncated_cache_is_refused_in_use_and_read_anew_at_the_next_start(tiny_nih: Path, tmp_path: Path) -> None:
    cached, _ = _build(tiny_nih, tmp_path)
    before = cached.pixels[np.arange(96)]
    path = _file(tmp_path, "pixels.u8")
    os.truncate(path, 90 * 64 * 64 + 10)
    with pytest.raises(CacheDamaged, match="6 films cannot be used"):
        cached.pixels[np.arange(96)]
    again, read = _build(tiny_nih, tmp_path)
    assert read == 6
    np.testing.assert_array_equal(again.pixels[np.arange(96)], before)
    os.truncate(_file(tmp_path, "records.i8"), 24 * 50)
    assert _build(tiny_nih, tmp_path)[1] == 46
    path.unlink()
    assert _build(tiny_nih, tmp_path)[1] == 96


def test_targets_and_sizes_share_what_they_can(tiny_nih: Path, tmp_path: Path) -> None:
    catalog = read_catalog(tiny_nih)
    cache_films(catalog, catalog.films.iloc[:60], spec=SPEC, folder=tmp_path)
    assert _build(tiny_nih, tmp_path)[1] == 36, "another target's films that are the same are not read again"
    cache_films(catalog, catalog.films, spec=InputSpec(size=32), folder=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2, "another size is another cache"


def test_a_disk_too_small_is_refused_before_anything_is_read(
    tiny_nih: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "free_bytes", lambda _path: 96 * 64 * 64 - 1)
    with pytest.raises(OutputError, match=r"needs another 0\.00 GB for 96 films, .* CXR_CACHE"):
        _build(tiny_nih, tmp_path)
    monkeypatch.undo()
    _build(tiny_nih, tmp_path)
    monkeypatch.setattr(cache_module, "free_bytes", lambda _path: 0)
    assert _build(tiny_nih, tmp_path)[1] == 0, "a whole cache needs no space"


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_reading_all_of_a_large_cache_keeps_none_of_it_resident(tmp_path: Path) -> None:
    """Sparse: its zeros take no disk, but count as resident where a file is mapped."""
    rows, size = 8_192, 256
    sized_file(tmp_path / "pixels.u8", rows * size**2)
    checksums = np.full(rows, zlib.crc32(bytes(size**2)), dtype=np.int64)
    pixels = PixelFile(tmp_path / "pixels.u8", (rows, size, size), checksums)
    order = np.random.default_rng(0).permutation(rows)

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    before = resident()
    for start in range(0, rows, 32):
        pixels[order[start : start + 32]]
    assert resident() - before < 64e6, "of 537 MB"
