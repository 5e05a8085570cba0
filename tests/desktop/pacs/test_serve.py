"""`cxr-desktop serve` as a process of its own, with Orthanc: film in, results out, through kills and restarts."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pydicom
import pytest

from cxr_shared.bundle import Bundle
from cxr_shared.phantom import write_phantoms

from .peers_orthanc import TITLE, Orthanc, running_orthanc
from .ports import free_port
from .serving import ON_THEIR_WAY, count_reports, get, in_outbox, look_until, reports_of, sample, send

pytest.importorskip("pynetdicom")
pytest.importorskip("prometheus_client")

pytestmark = [pytest.mark.waiting, pytest.mark.peer, pytest.mark.slow]
_REPORT = "1.2.840.10008.5.1.4.1.1.88.33"


@dataclass
class Served:
    """A service in a process of its own, which can be killed and begun again."""

    folder: Path
    bundle: Bundle
    port: int = field(default_factory=free_port)
    health_port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None

    def configure(self, words: str = "") -> None:
        receive = f"[receive]\nenabled = true\nport = {self.port}\n"
        (self.folder / "network.toml").write_text(f"{receive}[serve]\nport = {self.health_port}\n{words}")

    def start(self, *more: str) -> None:
        place = {name: str(self.folder / name.lower()) for name in ("CXR_SETTINGS", "CXR_PLANS", "XDG_CACHE_HOME")}
        log = (self.folder / "log").open("a")
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "cxr_desktop.cli",
                "serve",
                f"--bundle={self.bundle.path}",
                f"--network={self.folder / 'network.toml'}",
                f"--state={self.folder / 'state'}",
                "--provider=cpu",
                *more,
            ],
            stderr=log,
            stdout=log,
            text=True,
            env={**os.environ, **place, "OMP_NUM_THREADS": "1"},
        )
        log.close()
        look_until(lambda: self.answers() or self.ended)
        assert not self.ended, self.log

    @property
    def ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def answers(self) -> bool:
        with contextlib.suppress(OSError):
            return get(self.health_port, "/health/ready")[0] == 200
        return False

    def end(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(90)


@pytest.fixture
def served(tmp_path: Path, report_bundle: Bundle) -> Iterator[Served]:
    served = Served(tmp_path, report_bundle)
    yield served
    if not served.ended:
        served.end(signal.SIGKILL)


@pytest.fixture
def archive(served: Served, tmp_path: Path) -> Iterator[Orthanc]:
    """An Orthanc of this test alone, which knows the service."""
    with running_orthanc(tmp_path / "orthanc", modalities={"CXRTRIAGE": ("127.0.0.1", served.port)}) as peer:
        served.configure(
            f'[[peers]]\nname = "archive"\n[peers.dimse]\nae_title = "{TITLE}"\nhost = "127.0.0.1"\n'
            f'port = {peer.dimse_port}\n[return]\nto = "source"\nobjects = ["SR", "SEG"]\n'
        )
        yield peer


def test_the_round_trip(
    served: Served, archive: Orthanc, phantoms: tuple[Path, ...], faults: Callable[[Path], list[str]], tmp_path: Path
) -> None:
    served.start("--return-missed")
    for film in phantoms:
        sent = json.loads(archive.post("/instances", film.read_bytes()))
        archive.post("/modalities/CXRTRIAGE/store", sent["ID"].encode())
    look_until(lambda: count_reports(archive) >= len(phantoms))
    look_until(lambda: in_outbox(served.health_port, *ON_THEIR_WAY) == 0)
    for film in phantoms:
        source = pydicom.dcmread(film)
        (report,) = reports_of(archive, source.StudyInstanceUID)
        assert report.PatientID == source.PatientID
        evidence = report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
        assert evidence.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == source.SOPInstanceUID
        path = tmp_path / "report.dcm"
        report.save_as(path)
        assert faults(path) == []
    measured = partial(sample, served.health_port)
    assert measured("cxr_films_received_total") == len(phantoms)
    assert measured("cxr_film_seconds_count") == len(phantoms)
    assert measured('cxr_results_total{outcome="refused"}') == 0
    assert served.end() == 0
    assert "results that were missed are on their way, of films: 0" in served.log
    assert "PHANTOM" not in served.log.upper().replace("PHANTOMS", "")
    for film in phantoms:
        source = pydicom.dcmread(film)
        assert not [word for word in (source.PatientID, source.SOPInstanceUID) if str(word) in served.log]


@pytest.mark.parametrize(("count", "kills"), [(4, 1), pytest.param(24, 6, marks=pytest.mark.nightly)])
def test_killed_at_any_moment_every_acknowledged_film_gets_one_report(
    served: Served, archive: Orthanc, tmp_path: Path, count: int, kills: int
) -> None:
    films = write_phantoms(tmp_path / "films", films=count, seed=31, dicom=True, workers=1).images
    acknowledged: set[str] = set()
    chance = random.Random(4)
    served.start()
    for number, film in enumerate(films, 1):
        acknowledged.add(send(served.port, film))
        if number % (count // kills) == 0:
            look_until(lambda: sample(served.health_port, "cxr_film_seconds_count") >= 1)
            time.sleep(chance.uniform(0, 1))  # whatever it is doing then
            served.end(signal.SIGKILL)
            served.start()
    assert len(acknowledged) == len(films)
    look_until(lambda: in_outbox(served.health_port, "sent") >= len(films))
    look_until(lambda: count_reports(archive) == len(films) and in_outbox(served.health_port, *ON_THEIR_WAY) == 0)
    for film in films:
        (report,) = reports_of(archive, pydicom.dcmread(film, stop_before_pixels=True).StudyInstanceUID)
        assert report.SOPClassUID == _REPORT
    assert served.end(signal.SIGINT) == 0
