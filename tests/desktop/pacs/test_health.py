"""Health and metrics over HTTP, and what systemd is told."""

from __future__ import annotations

import http.client
import json
import os
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cxr_desktop.inference.lanes import DEFAULT_POLICY
from cxr_desktop.pacs.errors import PortInUse
from cxr_desktop.pacs.serve.http import Checks, HealthServer
from cxr_desktop.pacs.serve.notify import notify, watchdog_seconds

pytest.importorskip("prometheus_client")

from cxr_desktop.pacs.serve.metrics import CONTENT_TYPE, Metrics

from .material import wait_until

pytestmark = pytest.mark.waiting


@dataclass
class State:
    """What the checks say."""

    live: bool = True
    faults: dict[str, str] = field(default_factory=dict)


@pytest.fixture
def state() -> State:
    return State()


@pytest.fixture
def server(state: State) -> Iterator[HealthServer]:
    metrics = Metrics(DEFAULT_POLICY)
    metrics.watch("cxr_films_waiting", "Films that wait", lambda: 3)
    metrics.watch_each("cxr_outbox_objects", "Objects", "state", values=["waiting", "sent"], of=len)
    metrics.received.inc()
    checks = Checks(lambda: state.live, lambda: state.faults, lambda: (metrics.text(), CONTENT_TYPE))
    server = HealthServer("127.0.0.1", 0, checks).start()
    yield server
    server.close()


def _get(server: HealthServer, path: str) -> tuple[int, str, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, answer.headers["Content-Type"], body


def test_health_follows_what_the_parts_say(server: HealthServer, state: State) -> None:
    assert _get(server, "/health/live")[::2] == (200, '{"live": true}')
    assert json.loads(_get(server, "/health/ready")[2]) == {"ready": True, "faults": {}}
    state.live, state.faults = False, {"spool": "The disk is full.", "sender": ""}
    assert _get(server, "/health/live")[0] == 503
    status, _, body = _get(server, "/health/ready")
    assert (status, json.loads(body)["faults"]) == (503, {"spool": "The disk is full."})


def test_metrics_are_prometheus_text(server: HealthServer) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    status, kind, body = _get(server, "/metrics")
    assert status == 200
    assert kind.startswith("text/plain; version=")
    samples = {
        (sample.name, sample.labels.get("state", "")): sample.value
        for family in text_string_to_metric_families(body)
        for sample in family.samples
    }
    assert samples["cxr_films_received_total", ""] == 1
    assert samples["cxr_films_waiting", ""] == 3
    assert samples["cxr_outbox_objects", "waiting"] == len("waiting")


@pytest.mark.parametrize("request_line", [b"GET /../../etc/passwd HTTP/1.1", b"POST /metrics HTTP/1.1", b"\0\xff\r"])
def test_anything_else_gets_a_refusal(server: HealthServer, request_line: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as caller:
        caller.sendall(request_line + b"\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        answer = caller.recv(2000)
    assert b" 200 " not in answer.partition(b"\r\n")[0]
    assert _get(server, "/health/live")[0] == 200


def test_callers_that_stay_cost_no_thread_beyond_the_bound_and_are_sent_away(
    server: HealthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cxr_desktop.pacs.serve.http._TIMEOUT_S", 1.0)
    before = threading.active_count()
    callers = [socket.create_connection(("127.0.0.1", server.port), timeout=60) for _ in range(60)]
    try:
        for caller in callers:
            _send_quietly(caller, b"GET /metr")
        wait_until(lambda: threading.active_count() > before)
        assert threading.active_count() - before <= 2 * 16  # a caller's thread and its clock
        for caller in callers:  # every one is hung up on, the slow ones within seconds
            assert _rest(caller) in (b"", None)
    finally:
        for caller in callers:
            caller.close()
    wait_until(lambda: threading.active_count() <= before)
    assert _get(server, "/health/live")[0] == 200


def test_closing_takes_a_moment() -> None:
    checks = Checks(lambda: True, dict, lambda: (b"", ""))
    seconds = []
    for _ in range(5):
        server = HealthServer("127.0.0.1", 0, checks).start()
        began = time.monotonic()
        server.close()
        seconds.append(time.monotonic() - began)
    assert min(seconds) < 0.3, "each took longer, however busy the machine is"


def test_a_port_that_is_taken_is_named(server: HealthServer) -> None:
    checks = Checks(lambda: True, dict, lambda: (b"", ""))
    with pytest.raises(PortInUse, match=str(server.port)):
        HealthServer("127.0.0.1", server.port, checks)


def test_systemd_hears_of_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(tempfile.mkdtemp(prefix="n"))  # a socket's name is short
    address = folder / "s"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(address))
        manager.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(address))
        assert notify(READY="1", STATUS="receiving")
        assert manager.recv(1000) == b"READY=1\nSTATUS=receiving"
    assert not notify(WATCHDOG="1")  # nobody there any more
    address.unlink()
    folder.rmdir()


def test_without_systemd_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    assert not notify(READY="1")
    assert watchdog_seconds() is None
    monkeypatch.setenv("WATCHDOG_USEC", "120000000")
    assert watchdog_seconds() == 60
    monkeypatch.setenv("NOTIFY_SOCKET", os.devnull)
    assert not notify(READY="1")


def _send_quietly(caller: socket.socket, data: bytes) -> None:
    try:
        caller.sendall(data)
    except OSError:
        return


def _rest(caller: socket.socket) -> bytes | None:
    """All that still comes; None where the connection was reset."""
    try:
        return caller.recv(100)
    except ConnectionError:
        return None
