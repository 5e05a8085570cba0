"""How long it takes until films are found, and what watching a folder costs.

    python tests/benchmarks/intake.py [--files 100000] [--per-folder 1000] [--folder DIR]

Makes a tree of empty files (in a temporary folder, by default), finds the films in it as a whole, in chunks and with
all files in one folder, and looks at it as a watched folder does. The system has the tree in its cache, as that of a
local disk that was used a moment ago; a network drive takes what its round trips take.
"""

from __future__ import annotations

import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterable
from pathlib import Path

import cyclopts
from rich.console import Console
from rich.table import Table

from cxr_desktop.intake.files import find_films, find_films_in_chunks
from cxr_desktop.intake.watch import FolderWatch


def main(*, files: int = 100_000, per_folder: int = 1000, folder: Path | None = None) -> None:
    """Print the times."""
    table = Table("what", "first", "all", "longest wait between")
    with tempfile.TemporaryDirectory(dir=folder) as name:
        tree, flat = Path(name, "tree"), Path(name, "flat")
        _make(tree, files, per_folder=per_folder)
        _make(flat, files, per_folder=files)
        for where, root in ((f"tree of folders of {per_folder}", tree), ("one folder", flat)):
            table.add_row(f"{files} files, {where}", *_times(find_films([root])))
            table.add_row("  in chunks", *_times(find_films_in_chunks([root])))
        Console(width=120).print(table)
        _watch(tree, files)


def _make(root: Path, files: int, *, per_folder: int) -> None:
    for number in range(files):
        if number % per_folder == 0:
            parent = root / f"study-{number // per_folder}"
            parent.mkdir(parents=True)
        (parent / f"IM{number:06}.dcm").touch()


def _times(found: Iterable[object]) -> tuple[str, str, str]:
    start = last = time.perf_counter()
    first, longest = 0.0, 0.0
    for _ in found:
        now = time.perf_counter()
        first = first or now - start
        longest = max(longest, now - last)
        last = now
    return f"{first * 1e3:.0f} ms", f"{time.perf_counter() - start:.2f} s", f"{longest * 1e3:.0f} ms"


def _watch(root: Path, files: int) -> None:
    reported = 0

    def count(films: list[Path]) -> None:
        nonlocal reported
        reported += len(films)

    watch = FolderWatch(root, count, settle_s=0.0, give_up_s=0.0)
    first, second = _timed(watch.look), _timed(watch.look)
    steady = min(_timed(watch.look) for _ in range(5))
    assert reported == files
    print(f"watch: first look {first:.2f} s, look that reports all {second:.2f} s, each look after {steady:.2f} s")
    watch = FolderWatch(root, count, settle_s=0.0, give_up_s=0.0)
    tracemalloc.start()
    watch.look()
    pending = tracemalloc.get_traced_memory()[0]
    watch.look()
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print(f"memory: {pending / 1e6:.0f} MB while all wait, {held / 1e6:.0f} MB after, {peak / 1e6:.0f} MB at most")


def _timed(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    cyclopts.run(main)
