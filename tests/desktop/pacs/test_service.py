"""The service in this process: results that were missed, films that cannot be scored, and films that are old."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pydicom
import pytest

pytest.importorskip("pynetdicom")
pytest.importorskip("prometheus_client")

from cxr_desktop import audit
from cxr_desktop.cli import main
from cxr_desktop.inference.kinds import Wanted
from cxr_desktop.inference.loading import Loaded, load
from cxr_desktop.pacs.config import NetworkConfig, Peer, ReceiveConfig, ReturnConfig, ServeConfig, WebPeer
from cxr_desktop.pacs.serve.service import Service
from cxr_shared.bundle import Bundle

from .peers_orthanc import running_orthanc
from .serving import count_reports, get, in_outbox, look_until, sample, send

pytestmark = pytest.mark.waiting
Serving = Callable[..., object]


@pytest.fixture
def loaded(report_bundle: Bundle) -> Loaded:
    return load(report_bundle, Wanted.CPU, stopped=lambda: False)


@pytest.fixture
def serving(loaded: Loaded, tmp_path: Path) -> Serving:
    """A service over one folder that runs inside a with block."""

    @contextmanager
    def run(*peers: Peer, keep_hours: float = 168, missed: bool = False) -> Iterator[Service]:
        config = NetworkConfig(
            receive=ReceiveConfig(enabled=True, port=0),
            serve=ServeConfig(port=0, keep_hours=keep_hours),
            peers=peers,
            returns=ReturnConfig(to="source", objects=("SR",)),
        )
        with Service(config, loaded, tmp_path / "state", missed=missed) as service:
            yield service

    return run


@pytest.mark.peer
def test_results_that_were_missed_are_returned_when_a_person_asks_for_them(
    serving: Serving, phantoms: tuple[Path, ...], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "cxr_desktop")
    with serving(Peer(name="other", web=WebPeer(url="https://other.example"))) as service:
        send(service.port, phantoms[0])
        look_until(lambda: sample(service.health_port, 'cxr_results_total{outcome="none"}') == 1)
    with running_orthanc(tmp_path / "orthanc") as archive:
        peer = archive.peer(name="archive", dimse=True)
        with serving(peer) as service:
            assert in_outbox(service.health_port, "waiting", "sent") == 0, "not by itself"
        with serving(peer, missed=True):
            look_until(lambda: count_reports(archive) == 1)
    assert "results that were missed are on their way, of films: 1" in caplog.text


def test_a_film_that_cannot_be_scored_is_counted_and_the_next_one_is_scored(
    serving: Serving, phantoms: tuple[Path, ...], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "cxr_desktop")
    lateral = pydicom.dcmread(phantoms[0])
    lateral.ViewPosition, lateral.SOPInstanceUID = "LL", "1.2.3.4.5"
    lateral.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4.5"
    stored = io.BytesIO()
    lateral.save_as(stored)
    with serving() as service:
        send(service.port, io.BytesIO(stored.getvalue()))
        send(service.port, phantoms[1])
        look_until(lambda: sample(service.health_port, "cxr_film_seconds_count") == 2)
        lines = get(service.health_port, "/metrics")[1].splitlines()
    refused = [line for line in lines if line.startswith("cxr_films_refused_total{")]
    assert len(refused) == 1, refused
    assert "nothing is returned" in caplog.text


def test_old_films_go_and_their_verdicts_stay(
    serving: Serving, phantoms: tuple[Path, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving() as service:
        send(service.port, phantoms[0])
        look_until(lambda: sample(service.health_port, "cxr_film_seconds_count") == 1)
    for hours, kept in ((1.0, 1), (0.0, 0)):
        with serving(keep_hours=hours) as service:
            service.tidy()
        assert len(list((tmp_path / "state" / "received").rglob("*.dcm"))) == kept
    assert audit.run(tmp_path / "state" / "store.sqlite", aside=False) == 0
    assert "verdicts-saved" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:Cyclopts application invoked")
def test_without_a_network_file_it_says_how_to_begin(
    report_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["serve", f"--bundle={report_bundle.path}", f"--network={tmp_path / 'none.toml'}"]
    monkeypatch.setattr(sys, "argv", ["cxr-desktop", *words])
    assert main() == 1
    said = capsys.readouterr().err
    assert said.startswith("error: The network is off")
    assert "Traceback" not in said
