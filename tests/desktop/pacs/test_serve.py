"""`cxr-desktop serve` as a process of its own, with Orthanc: film in, results out, through kills and restarts."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pydicom
import pytest

from cxr_shared.bundle import Bundle
from cxr_shared.phantom import write_phantoms

from .peers_orthanc import TITLE, Orthanc, running_orthanc

pynetdicom = pytest.importorskip("pynetdicom")
pytest.importorskip("prometheus_client")

_REPORT = "1.2.840.10008.5.1.4.1.1.88.33"
_PATIENCE_S = 90


def lasting_port() -> int:
    """A free port that stays free while its service is dead: below those that the system gives to callers."""
    while True:
        with socket.socket() as found, contextlib.suppress(OSError):
            found.bind(("127.0.0.1", random.randint(20_000, 30_000)))
            return int(found.getsockname()[1])


@dataclass
class Served:
    """A service in a process of its own, which can be killed and begun again."""

    folder: Path
    bundle: Bundle
    port: int = field(default_factory=lasting_port)
    health_port: int = field(default_factory=lasting_port)
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
        wait_until(lambda: self.answers() or self.ended)
        assert not self.ended, self.log

    @property
    def ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def answers(self) -> bool:
        with contextlib.suppress(OSError):
            return self.get("/health/ready")[0] == 200
        return False

    def get(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.health_port, timeout=5)
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, body

    def sample(self, line: str) -> float:
        """Value of one line of the metrics; 0 where it is not there yet."""
        found = [
            each.rpartition(" ")[2] for each in self.get("/metrics")[1].splitlines() if each.startswith(f"{line} ")
        ]
        return float(found[0]) if found else 0.0

    def end(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(30)


@pytest.fixture
def served(tmp_path: Path, report_bundle: Bundle) -> Iterator[Served]:
    served = Served(tmp_path, report_bundle)
    served.configure()
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


@pytest.mark.peer
@pytest.mark.slow
def test_the_round_trip(
    served: Served, archive: Orthanc, phantoms: tuple[Path, ...], faults: Callable[[Path], list[str]], tmp_path: Path
) -> None:
    served.start()
    for film in phantoms:
        sent = json.loads(archive.post("/instances", film.read_bytes()))
        archive.post("/modalities/CXRTRIAGE/store", sent["ID"].encode())
    wait_until(lambda: _reports(archive) >= len(phantoms))
    wait_until(lambda: served.sample('cxr_outbox_objects{state="waiting"}') == 0)
    for film in phantoms:
        source = pydicom.dcmread(film)
        (report,) = _results_of(archive, source.StudyInstanceUID)
        assert report.PatientID == source.PatientID
        evidence = report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
        assert evidence.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == source.SOPInstanceUID
        path = tmp_path / "report.dcm"
        report.save_as(path)
        assert faults(path) == []
    assert served.sample("cxr_films_received_total") == len(phantoms)
    assert served.sample("cxr_film_seconds_count") == len(phantoms)
    assert served.sample('cxr_results_total{outcome="refused"}') == 0
    assert served.end() == 0
    assert "PHANTOM" not in served.log.upper().replace("PHANTOMS", "")
    for film in phantoms:
        source = pydicom.dcmread(film)
        assert not [word for word in (source.PatientID, source.SOPInstanceUID) if str(word) in served.log]


@pytest.mark.peer
@pytest.mark.slow
def test_killed_at_any_moment_every_acknowledged_film_gets_one_report(
    served: Served, archive: Orthanc, tmp_path: Path
) -> None:
    films = write_phantoms(tmp_path / "films", films=12, seed=31, dicom=True, workers=1).images
    kinds = {str(pydicom.dcmread(film, stop_before_pixels=True).SOPClassUID) for film in films}
    acknowledged: set[str] = set()
    chance = random.Random(4)
    served.start()
    for number, film in enumerate(films):
        acknowledged |= _send(served.port, film, kinds)
        if number % 4 == 3:
            time.sleep(chance.uniform(0.3, 2.5))
            served.end(signal.SIGKILL)
            served.start()
    assert len(acknowledged) == len(films)
    wait_until(lambda: served.sample('cxr_outbox_objects{state="sent"}') >= len(films))
    wait_until(lambda: _reports(archive) == len(films) and _on_their_way(served) == 0)
    for film in films:
        (report,) = _results_of(archive, pydicom.dcmread(film, stop_before_pixels=True).StudyInstanceUID)
        assert report.SOPClassUID == _REPORT
    assert served.end(signal.SIGINT) == 0


@pytest.mark.peer
@pytest.mark.slow
def test_results_that_were_missed_are_returned_when_a_person_asks_for_them(
    served: Served, archive: Orthanc, phantoms: tuple[Path, ...]
) -> None:
    named = (served.folder / "network.toml").read_text()
    served.configure('[[peers]]\nname = "other"\nweb = { url = "https://other.example" }\n[return]\nto = "source"\n')
    served.start()
    kinds = {str(pydicom.dcmread(film, stop_before_pixels=True).SOPClassUID) for film in phantoms}
    _send(served.port, phantoms[0], kinds)
    wait_until(lambda: served.sample('cxr_results_total{outcome="none"}') == 1)
    assert served.end() == 0
    (served.folder / "network.toml").write_text(named)
    served.start()
    assert served.sample('cxr_outbox_objects{state="waiting"}') == 0  # not by itself
    assert served.end() == 0
    served.start("--return-missed")
    wait_until(lambda: _reports(archive) == 1)
    assert served.end() == 0
    assert "results that were missed are on their way, of films: 1" in served.log


@pytest.mark.slow
def test_a_film_that_cannot_be_scored_is_counted_and_the_next_one_is_scored(
    served: Served, phantoms: tuple[Path, ...]
) -> None:
    lateral = pydicom.dcmread(phantoms[0])
    lateral.ViewPosition, lateral.SOPInstanceUID = "LL", "1.2.3.4.5"
    lateral.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4.5"
    stored = io.BytesIO()
    lateral.save_as(stored)
    kinds = {str(pydicom.dcmread(film, stop_before_pixels=True).SOPClassUID) for film in phantoms}
    served.start()
    assert _send(served.port, io.BytesIO(stored.getvalue()), kinds)
    assert _send(served.port, phantoms[1], kinds)
    wait_until(lambda: served.sample("cxr_film_seconds_count") == 2)
    refused = [line for line in served.get("/metrics")[1].splitlines() if line.startswith("cxr_films_refused_total{")]
    assert len(refused) == 1, refused
    assert "nothing is returned" in served.log
    assert served.end() == 0


@pytest.mark.slow
def test_old_films_go_and_their_verdicts_stay(served: Served, phantoms: tuple[Path, ...]) -> None:
    served.start()
    kinds = {str(pydicom.dcmread(film, stop_before_pixels=True).SOPClassUID) for film in phantoms}
    _send(served.port, phantoms[0], kinds)
    wait_until(lambda: served.sample("cxr_film_seconds_count") == 1)
    assert served.end() == 0
    _tidy(served)
    assert not list((served.folder / "state" / "received").rglob("*.dcm"))
    audited = subprocess.run(
        [sys.executable, "-m", "cxr_desktop.cli", "audit", f"--store={served.folder / 'state' / 'store.sqlite'}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "verdicts saved" in audited.stdout or "verdicts-saved" in audited.stdout


def _tidy(served: Served) -> None:
    """Begin a service in this process whose films are all old, and let it tidy."""
    from cxr_desktop.inference.kinds import Wanted
    from cxr_desktop.inference.loading import load
    from cxr_desktop.pacs.config import NetworkConfig, ServeConfig
    from cxr_desktop.pacs.serve.service import Service

    loaded = load(served.bundle, Wanted.CPU, stopped=lambda: False)
    for hours, kept in ((1.0, 1), (0.0, 0)):
        config = NetworkConfig(serve=ServeConfig(port=0, keep_hours=hours))
        with Service(config, loaded, served.folder / "state") as service:
            service.tidy()
        assert len(list((served.folder / "state" / "received").rglob("*.dcm"))) == kept


def test_without_a_network_file_it_says_how_to_begin(tmp_path: Path, report_bundle: Bundle) -> None:
    command = [sys.executable, "-m", "cxr_desktop.cli", "serve", f"--bundle={report_bundle.path}"]
    done = subprocess.run(
        [*command, f"--network={tmp_path / 'none.toml'}"], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: The network is off")
    assert "Traceback" not in done.stderr


def _send(port: int, film: Path | io.BytesIO, kinds: set[str]) -> set[str]:
    """Send a film until it is acknowledged; returns its UID."""
    dataset = pydicom.dcmread(film)
    entity = pynetdicom.AE(TITLE)
    for kind in kinds:
        entity.add_requested_context(kind, dataset.file_meta.TransferSyntaxUID)
    end = time.monotonic() + _PATIENCE_S
    while time.monotonic() < end:
        association: Any = entity.associate("127.0.0.1", port, ae_title="CXRTRIAGE")
        if association.is_established:
            status = association.send_c_store(dataset)
            association.release()
            if status and status.Status == 0:
                return {str(dataset.SOPInstanceUID)}
        time.sleep(0.1)
    raise AssertionError("it was never acknowledged")


def _reports(archive: Orthanc) -> int:
    found = json.loads(archive.post("/tools/find", b'{"Level": "Series", "Query": {"Modality": "SR"}}'))
    return sum(len(json.loads(archive.get(f"/series/{each}"))["Instances"]) for each in found)


def _results_of(archive: Orthanc, study: str) -> list[pydicom.Dataset]:
    """The reports in a study."""
    query = {"Level": "Instance", "Query": {"StudyInstanceUID": str(study), "Modality": "SR"}}
    found = json.loads(archive.post("/tools/find", json.dumps(query).encode()))
    return [pydicom.dcmread(io.BytesIO(archive.get(f"/instances/{each}/file"))) for each in found]


def _on_their_way(served: Served) -> float:
    return sum(served.sample(f'cxr_outbox_objects{{state="{each}"}}') for each in ("waiting", "sending", "unconfirmed"))


def wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + _PATIENCE_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)
