"""Time a search and a fetch against Orthanc and DCMTK: ``python tests/benchmarks/archive_speed.py``.

Studies are listed by C-FIND and QIDO-RS; films are fetched by C-GET and WADO-RS, and by DCMTK's getscu beside them,
from the same archive in the same run, in turn, so that what else the machine does meets all of them.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import cyclopts

sys.path.insert(0, str(Path(__file__).parents[2]))

from pydicom.dataset import Dataset
from tests.desktop.pacs.archives import film, running_dcmqrscp, store
from tests.desktop.pacs.peers_dcmtk import program
from tests.desktop.pacs.peers_orthanc import Orthanc, running_orthanc

from cxr_desktop.pacs.config import NetworkConfig, Peer, Quotas
from cxr_desktop.pacs.query import Archive, Found, Query, archive_for
from cxr_desktop.pacs.spool import Spool

DAY = date(2026, 3, 14)


def main(*, studies: int = 1000, films: int = 40, side: int = 2048, rounds: int = 3) -> None:
    """Print seconds and rates.

    Parameters
    ----------
    studies
        How many are listed.
    films, side
        How many films one study has that is fetched, and their width and height in pixels of two bytes.
    rounds
        Of each fetch; medians are printed.
    """
    with tempfile.TemporaryDirectory(prefix="cxr-archive-") as place:
        folder = Path(place)
        with running_orthanc(folder / "orthanc") as orthanc:
            _list(orthanc, studies, folder)
            _fetch(orthanc, _study(films, side), folder, rounds)


def _list(orthanc: Orthanc, count: int, folder: Path) -> None:
    listed = [
        film(patient=f"P{n}", day=DAY, description="CHEST PA" if n % 2 else "", part="CHEST", side=8)
        for n in range(count)
    ]
    store(orthanc.dimse, listed)
    for name, peer in (("Orthanc, C-FIND", orthanc.peer(dimse=True)), ("Orthanc, QIDO-RS", orthanc.peer(web=True))):
        _time_search(name, archive_for(peer, NetworkConfig()), count)
    few = min(count, 450)  # what one storage area of dcmqrscp holds
    with running_dcmqrscp(folder / "dcmqrscp") as dimse:
        store(dimse, listed[:few])
        _time_search("dcmqrscp, C-FIND", archive_for(Peer(name="dcmtk", dimse=dimse), NetworkConfig()), few)
    for each in listed:
        (found,) = orthanc.find(str(each.SOPInstanceUID))
        _delete(orthanc, found)


def _time_search(name: str, archive: Archive, count: int) -> None:
    begun, first, found = time.perf_counter(), 0.0, 0
    for _ in archive.search(Query(since=DAY, until=DAY, limit=count)):
        found += 1
        first = first or time.perf_counter() - begun
    taken = time.perf_counter() - begun
    assert found == count, (name, found)
    print(f"{name}: {found:,} studies in {taken:.2f} s, the first after {first:.2f} s; half of them by their series")


def _delete(orthanc: Orthanc, found: str) -> None:
    import urllib.request

    request = urllib.request.Request(f"{orthanc.url}/instances/{found}", method="DELETE")
    urllib.request.urlopen(request, timeout=20).close()


def _study(films: int, side: int) -> list[Dataset]:
    first = film(patient="BIG", day=DAY, description="CHEST", side=side)
    others = range(1, films)
    return [
        first,
        *(
            film(
                patient="BIG", day=DAY, study=first.StudyInstanceUID, series=first.SeriesInstanceUID, side=side, seed=n
            )
            for n in others
        ),
    ]


def _fetch(orthanc: Orthanc, study: list[Dataset], folder: Path, rounds: int) -> None:
    store(orthanc.dimse, study)
    megabytes = sum(len(each.PixelData) for each in study) / 1e6
    uid, series = str(study[0].StudyInstanceUID), str(study[0].SeriesInstanceUID)
    ways: dict[str, Callable[[Path], None]] = {
        "C-GET": lambda into: _into_spool(archive_for(orthanc.peer(dimse=True), NetworkConfig()), uid, series, into),
        "WADO-RS": lambda into: _into_spool(archive_for(orthanc.peer(web=True), NetworkConfig()), uid, series, into),
        "getscu": lambda into: _getscu(orthanc, uid, into),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds):
        for name, way in ways.items():
            into = folder / f"{name}-{number}"
            begun = time.perf_counter()
            way(into)
            seconds[name].append(time.perf_counter() - begun)
            written = [path for path in into.rglob("*") if path.is_file()]
            assert len(written) == len(study), name
            for path in written:
                path.unlink()
    for name, each in seconds.items():
        median = statistics.median(each)
        print(
            f"{name}: {len(study)} films, {megabytes:.0f} MB in {median:.2f} s, {megabytes / median:.0f} MB/s "
            f"(rounds: {', '.join(f'{one:.2f}' for one in each)})"
        )


def _into_spool(archive: Archive, uid: str, series: str, into: Path) -> None:
    fetched = archive.fetch(Found(archive.peer, uid, series=(series,)), into=Spool(into, Quotas(free_gigabytes=0)))
    assert fetched.complete, fetched


def _getscu(orthanc: Orthanc, uid: str, into: Path) -> None:
    into.mkdir()
    subprocess.run(
        [
            program("getscu") or "getscu",
            "-S",
            "-aec",
            "ORTHANC",
            "-k",
            "QueryRetrieveLevel=STUDY",
            "-k",
            f"StudyInstanceUID={uid}",
            "-od",
            str(into),
            "127.0.0.1",
            str(orthanc.dimse_port),
        ],
        check=True,
        timeout=300,
    )


if __name__ == "__main__":
    cyclopts.run(main)
