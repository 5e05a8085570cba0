"""How fast yesterday's list is there again, and how much a store takes.

    python tests/benchmarks/store_load.py [--films 10000] [--targets 15] [--map-size 7] [--folder DIR]

The films are small files with scores drawn at random; a process of its own opens the store and loads the list, as the
window does at its start. Files are in memory after the first round, as they are on a machine in use.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cyclopts
import numpy as np

from cxr_desktop.inference.urgency import urgency
from cxr_desktop.inference.verdict import GateReading, Peak, Provenance, Score, Scored, Timings
from cxr_desktop.intake.prepared import FilmFacts
from cxr_desktop.store import Opinion, Read, Store
from cxr_shared.bundle import Calibration
from cxr_shared.film import Identity, PixelSpacing, SpacingOrigin, ViewPosition
from cxr_shared.findings import Target
from cxr_shared.heat_map import CellGrid

BATCH = 16
BUNDLE = "b" * 64

_REOPEN = """
import resource, sys, time
from pathlib import Path
from cxr_desktop.inference.lanes import worklist_order
from cxr_desktop.store import Store
def memory(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before, began = memory(), time.perf_counter()
store = Store(Path(sys.argv[1]))
opened = time.perf_counter() - began
films = store.load(sys.argv[2])
loaded = time.perf_counter() - began
assert all(film.verdict is not None for film in films)
sorted(films, key=lambda film: worklist_order(film.verdict))
sorted_by = time.perf_counter() - began
began = time.perf_counter()
for film in films[:100]:
    list(film.verdict.maps.values())
maps = (time.perf_counter() - began) / min(100, len(films))
print(f"open {opened:.3f} s, open and load {loaded:.3f} s, sorted by lane too {sorted_by:.3f} s, {len(films):,} films, "
      f"{memory() - before:.0f} MB more; maps of a film {1e3 * maps:.2f} ms")
"""


def main(*, films: int = 10_000, targets: int = 15, map_size: int = 7, folder: Path | None = None) -> None:
    """Print seconds and sizes."""
    with tempfile.TemporaryDirectory(dir=folder) as made:
        path = Path(made) / "worklist.sqlite"
        _fill(path, _files(Path(made) / "films", films), targets=list(Target)[:targets], map_size=map_size)
        size = sum(each.stat().st_size for each in Path(made).glob("worklist.sqlite*"))
        print(f"{size / 1e6:.1f} MB on disk, {size / films / 1e3:.1f} kB a film, maps {map_size}×{map_size}×{targets}")
        for _ in range(5):
            subprocess.run([sys.executable, "-c", _REOPEN, str(path), BUNDLE], check=True)
        store = Store(path)
        began = time.perf_counter()
        store.verify_audit()
        print(f"audit trail verified in {time.perf_counter() - began:.2f} s")
        store.close()


def _files(folder: Path, count: int) -> list[Path]:
    files = [folder / f"{number // 1000:03}" / f"film-{number:06}.dcm" for number in range(count)]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(file.name.encode())
    return files


def _fill(path: Path, files: list[Path], *, targets: list[Target], map_size: int) -> None:
    store, generator = Store(path), np.random.default_rng(7)
    began = time.perf_counter()
    store.add_films(files, at=time.time())
    print(f"{len(files):,} films added in {time.perf_counter() - began:.2f} s")
    spent: list[float] = []
    for start in range(0, len(files), BATCH):
        batch = [
            _verdict(file, start + index, targets, map_size=map_size, generator=generator)
            for index, file in enumerate(files[start : start + BATCH])
        ]
        began = time.perf_counter()
        store.save_verdicts(batch)
        spent.append(time.perf_counter() - began)
    each = 1e3 * sum(spent) / len(files)
    print(f"verdicts saved in batches of {BATCH}: {each:.2f} ms a film, slowest batch {1e3 * max(spent):.0f} ms")
    for number in range(0, len(files), 4):
        opinions = {targets[0]: Opinion.AGREE}
        store.save_read(Read(_sha256(number), BUNDLE, opinions, note="seen", finished=True))
    store.close()


def _sha256(number: int) -> str:
    return f"{number:064x}"


def _verdict(
    file: Path, number: int, targets: list[Target], *, map_size: int, generator: np.random.Generator
) -> Scored:
    maps = {target: generator.normal(-2, 2, (map_size, map_size)).astype(np.float32) for target in targets}
    calibration = Calibration(method="platt", slope=0.9, offset=-0.3, films=900)
    scores = {
        target: Score(target, float(values.mean(dtype=np.float64)), 0.2, calibration, CellGrid(0.5, 1.0), 3.7)
        for target, values in maps.items()
    }
    return Scored(
        source=file,
        facts=_facts(number),
        scores=scores,
        maps=maps,
        peaks={
            target: Peak(*map(float, generator.uniform(0, 3000, 2)), float(values.max()))
            for target, values in maps.items()
        },
        urgency=urgency(scores.values()),
        timings=Timings(*map(float, generator.uniform(5, 90, 2))),
        provenance=Provenance(
            "Fifteen", BUNDLE, "CPU", "the only one here", 1, "Not for clinical use.", "int8, one graph"
        ),
        gate=GateReading(float(generator.uniform(0, 9)), 12.5),
    )


def _facts(number: int) -> FilmFacts:
    identity = Identity(
        patient_id=f"P{number // 2:07}",
        patient_name=f"PHANTOM^{number // 2}",
        patient_age="061Y",
        patient_sex="F",
        accession_number=f"A{number:09}",
        study_uid=f"1.2.826.0.1.3680043.8.498.{number}.1234567890123456789",
        series_uid=f"1.2.826.0.1.3680043.8.498.{number}.2234567890123456789",
        sop_uid=f"1.2.826.0.1.3680043.8.498.{number}.3234567890123456789",
        acquired="2026-11-23T08:15:30",
    )
    spacing = PixelSpacing(0.139, 0.139, SpacingOrigin.IMAGER_PIXEL_SPACING)
    return FilmFacts((3000, 3000), ViewPosition.PA, spacing, identity, 12, "1.2.840.10008.1.2.4.70", _sha256(number))


if __name__ == "__main__":
    cyclopts.run(main)
