"""Films a second that the receiver takes, each on the disk before its answer, against DCMTK's storescp in the same run.

python tests/benchmarks/receive_speed.py --films 20 --rounds 5

The films are 3000 × 3000 pixels of 16 bits. Both sides are sent to by DCMTK's storescu, on one association and on four
at once, in turns. storescp writes its files without waiting for the disk (it has no option to), so its figure is also
given with a `sync` of the file system after its last film.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.uid import UID

sys.path.insert(0, str(Path(__file__).parents[1] / "desktop" / "pacs"))

from receiver_child import Child

from cxr_shared.phantom import write_phantoms

SIDE = 3000
QUOTAS = {"objects_per_minute": 0, "free_gigabytes": 0, "object_megabytes": 64, "idle_seconds": 60}
Clear = Callable[[], None]


def make_films(folder: Path, count: int) -> list[Path]:
    """Write `count` films of noise under a phantom's header."""
    phantom = write_phantoms(folder / "phantom", films=1, seed=3, dicom=True, workers=1).images[0]
    dataset, generator = dcmread(phantom), np.random.default_rng(0)
    dataset.Rows = dataset.Columns = SIDE
    films = []
    for number in range(count):
        dataset.PixelData = generator.integers(0, 4096, (SIDE, SIDE), np.uint16).tobytes()
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = UID(f"2.25.{number + 1}")
        films.append(folder / f"film-{number}.dcm")
        dataset.save_as(films[-1])
    return films


@contextmanager
def ours(folder: Path) -> Iterator[tuple[int, Clear]]:
    child = Child(folder, quotas=QUOTAS)

    def clear() -> None:
        for film in child.films:
            film.unlink()

    yield child.port, clear
    print(f"receiver: peak {child.peak_mb:.0f} MB, {child.processor_s:.1f} s of processor", file=sys.stderr)
    child.close()


@contextmanager
def storescp(folder: Path) -> Iterator[tuple[int, Clear]]:
    folder.mkdir()
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = int(found.getsockname()[1])
    words = ["storescp", "--fork", "-pdu", "131072", "-od", str(folder), str(port)]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(1)

    def clear() -> None:
        shutil.rmtree(folder)
        folder.mkdir()

    yield port, clear
    process.kill()
    process.wait()


def send(port: int, films: list[Path], lanes: int) -> float:
    """Send films by as many callers at once; seconds until the last has its answer."""
    parts = [films[lane::lanes] for lane in range(lanes)]
    began = time.perf_counter()
    callers = [
        subprocess.Popen(
            ["storescu", "-pdu", "131072", "-aec", "CXRTRIAGE", "127.0.0.1", str(port), *map(str, part)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for part in parts
    ]
    assert [caller.wait() for caller in callers] == [0] * lanes
    return time.perf_counter() - began


def measure(folder: Path, count: int, rounds: int) -> str:
    films = make_films(folder, count)
    megabytes = films[0].stat().st_size / 1e6
    seconds: dict[tuple[str, int], list[float]] = {}
    with ours(folder / "ours") as (our_port, clear_ours), storescp(folder / "theirs") as (their_port, clear_theirs):
        send(our_port, films[:2], 1)
        send(their_port, films[:2], 1)
        for lanes in (1, 4):
            for _ in range(rounds):
                clear_ours()
                clear_theirs()
                os.sync()
                seconds.setdefault(("receiver, fsync before each answer", lanes), []).append(
                    send(our_port, films, lanes)
                )
                os.sync()
                taken = send(their_port, films, lanes)
                seconds.setdefault(("storescp, no fsync", lanes), []).append(taken)
                began = time.perf_counter()
                os.sync()
                seconds.setdefault(("storescp, one sync at the end", lanes), []).append(
                    taken + time.perf_counter() - began
                )
    lines = [
        f"{count} films of {megabytes:.1f} MB, median of {rounds} rounds in turn",
        "",
        "| receiver | callers at once | films/s | ms a film | MB/s | ratio to storescp |",
        "|---|---|---|---|---|---|",
    ]
    for (name, lanes), all_ in seconds.items():
        middle = statistics.median(all_)
        ratio = statistics.median(seconds["storescp, no fsync", lanes]) / middle
        rate = count / middle
        lines.append(f"| {name} | {lanes} | {rate:.1f} | {1000 / rate:.0f} | {rate * megabytes:.0f} | {ratio:.2f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--films", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="on the disk to measure; else the system's temporary folder")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        print(measure(Path(folder), chosen.films, chosen.rounds))


if __name__ == "__main__":
    main()
