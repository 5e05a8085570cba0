"""The frozen program as a service: a film goes in by C-STORE, its report comes back by C-STORE."""

from __future__ import annotations

import queue
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from pydicom import Dataset, dcmread
from pydicom.uid import ComprehensiveSRStorage
from pynetdicom import AE, evt

from cxr_installer.plan import program
from cxr_installer.tools import InstallerError

_PATIENCE_S: Final = 120.0
_OURS: Final = "ARCHIVE"
_THEIRS: Final = "CXRTRIAGE"
_TIME: Final = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}"
_LINES: Final = (
    rf"{_TIME} INFO receiving as {_THEIRS} on 127\.0\.0\.1 port \d+, scoring with .+ on CPU, returning to archive; .*",
    rf"{_TIME} INFO film [0-9a-f]{{8}}: [a-z ]+; 1 objects for archive",
    rf"{_TIME} INFO SR 1 for archive: sent.*",
)
_NETWORK: Final = """\
[receive]
enabled = true
port = {port}
[[peers]]
name = "archive"
dimse = {{ ae_title = "{title}", host = "127.0.0.1", port = {archive} }}
[return]
to = "archive"
objects = ["SR"]
[serve]
port = 0
"""


def run(collection: Path, *, bundle: Path, film: Path, folder: Path, environment: dict[str, str]) -> float:
    """Serve, send one film, and wait for its report; returns the seconds that it took.

    Parameters
    ----------
    collection
        The frozen program.
    bundle, film
        What scores, and a DICOM film.
    folder
        Empty; gets the network file, the service's state and its log.
    environment
        The service's.

    Raises
    ------
    InstallerError
        No report came, it is about another film, the service did not end with 0, or it said something unexpected.
    """
    start = time.monotonic()
    port = _free_port()
    log = folder / "service.log"
    with _archive() as (archive, reports):
        words = _NETWORK.format(port=port, title=_OURS, archive=archive)
        (folder / "network.toml").write_text(words, encoding="utf-8")
        options = (f"--bundle={bundle}", f"--network={folder / 'network.toml'}", f"--state={folder / 'state'}")
        with log.open("w") as stream:
            process = subprocess.Popen([program(collection), "serve", *options], stderr=stream, env=environment)
        try:
            _send(film, port, process)
            report = reports.get(timeout=_PATIENCE_S)
            _await_line(log, "sent")
        except queue.Empty:
            raise InstallerError(f"the service returned no report:\n{log.read_text()}") from None
        finally:
            process.terminate()
            code = process.wait(60)
    _check(report, film, log.read_text(encoding="utf-8"), code)
    return time.monotonic() - start


def _check(report: Dataset, film: Path, said: str, code: int) -> None:
    study = str(dcmread(film, stop_before_pixels=True).StudyInstanceUID)
    if str(report.StudyInstanceUID) != study:
        raise InstallerError("the service returned a report about another film")
    if code != 0 and sys.platform != "win32":
        raise InstallerError(f"the service ended with {code}:\n{said}")
    for line in said.splitlines():
        if not any(re.fullmatch(each, line) for each in _LINES):
            raise InstallerError(f"the service said something unexpected: {line}")


@contextmanager
def _archive() -> Iterator[tuple[int, queue.SimpleQueue[Dataset]]]:
    """Take reports on a port of this machine."""
    taken: queue.SimpleQueue[Dataset] = queue.SimpleQueue()

    def keep(event: Any) -> int:  # noqa: ANN401  (pynetdicom's event)
        taken.put(event.dataset)
        return 0

    entity = AE(_OURS)
    entity.add_supported_context(ComprehensiveSRStorage)
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, keep)])
    assert server is not None, "a server that does not block is returned"
    try:
        yield server.server_address[1], taken
    finally:
        server.shutdown()


def _send(film: Path, port: int, process: subprocess.Popen[bytes]) -> None:
    dataset = dcmread(film)
    entity = AE(_OURS)
    entity.add_requested_context(dataset.SOPClassUID, dataset.file_meta.TransferSyntaxUID)
    end = time.monotonic() + _PATIENCE_S
    while time.monotonic() < end and process.poll() is None:
        association: Any = entity.associate("127.0.0.1", port, ae_title=_THEIRS)
        if association.is_established:
            status = association.send_c_store(dataset).Status
            association.release()
            if status:
                raise InstallerError(f"the service refused a film with status {status:04X}")
            return
        time.sleep(0.2)
    raise InstallerError("the service never took a film; see its log")


def _await_line(log: Path, word: str) -> None:
    end = time.monotonic() + _PATIENCE_S
    while word not in log.read_text(encoding="utf-8") and time.monotonic() < end:
        time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
