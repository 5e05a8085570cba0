"""Health and metrics over HTTP: three paths that are only read, few callers at a time, none for long."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Self

from cxr_desktop.pacs.errors import PortInUse

LIVE: Final = "/health/live"
READY: Final = "/health/ready"
METRICS: Final = "/metrics"
_CALLERS: Final = 16
_TIMEOUT_S: Final = 5.0
_LOOK_EVERY_S: Final = 0.05
"""Poll interval of the server's loop, and so the longest that `close` waits for it."""
_JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Checks:
    """What the paths answer.

    Attributes
    ----------
    live
        Whether the service should be left running.
    ready
        For each part, why it cannot do its work now; nothing where it can.
    metrics
        Prometheus' text and its content type.
    """

    live: Callable[[], bool]
    ready: Callable[[], Mapping[str, str]]
    metrics: Callable[[], tuple[bytes, str]]


class HealthServer:
    """Answers on a thread of its own until it is closed.

    Parameters
    ----------
    host, port
        Where; port 0 lets the system choose.
    checks
        What is answered.

    Raises
    ------
    PortInUse
        The port cannot be had.
    """

    def __init__(self, host: str, port: int, checks: Checks) -> None:
        try:
            self._server = _Server((host, port), checks)
        except OSError as error:
            raise PortInUse(
                f"Health and metrics cannot be answered at {host} port {port}: {error.strerror}. End the program that "
                "has it, or set another serve.port."
            ) from error
        serve = self._server.serve_forever
        self._thread = threading.Thread(target=serve, args=(_LOOK_EVERY_S,), name="cxr-health", daemon=True)

    @property
    def port(self) -> int:
        """The port that it has."""
        return int(self._server.server_address[1])

    def start(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def close(self) -> None:
        """Answer no more."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 4 * _CALLERS  # who does not fit in calls again only after a second

    def __init__(self, address: tuple[str, int], checks: Checks) -> None:
        self.checks = checks
        self._free = threading.BoundedSemaphore(_CALLERS)
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401  (socketserver's own)
        if not self._free.acquire(blocking=False):  # rather no answer than threads without end
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Say nothing: a caller that goes away is no fault, and its address belongs into no log."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version = "cxr-desktop"
    sys_version = ""
    timeout = _TIMEOUT_S

    def setup(self) -> None:
        super().setup()
        # A timeout of each read alone lets a caller that sends a byte now and then stay for ever.
        self._end = threading.Timer(_TIMEOUT_S, self._hang_up)
        self._end.daemon = True
        self._end.start()

    def finish(self) -> None:
        self._end.cancel()
        super().finish()

    def do_GET(self) -> None:
        checks = self.server.checks
        if self.path == LIVE:
            live = checks.live()
            self._answer_json({"live": live}, ok=live)
        elif self.path == READY:
            faults = {part: words for part, words in checks.ready().items() if words}
            self._answer_json({"ready": not faults, "faults": faults}, ok=not faults)
        elif self.path == METRICS:
            self._answer(*checks.metrics(), HTTPStatus.OK)
        else:
            self._answer(b"there are /health/live, /health/ready and /metrics\n", "text/plain", HTTPStatus.NOT_FOUND)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401
        """Log no request: they come every few seconds."""

    def _answer_json(self, value: Mapping[str, Any], *, ok: bool) -> None:
        status = HTTPStatus.OK if ok else HTTPStatus.SERVICE_UNAVAILABLE
        self._answer(json.dumps(value).encode(), _JSON, status)

    def _answer(self, body: bytes, kind: str, status: HTTPStatus) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _hang_up(self) -> None:
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
