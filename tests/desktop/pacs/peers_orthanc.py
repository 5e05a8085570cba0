"""Orthanc as a peer: started on free loopback ports, in a folder of the test, and always ended."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cxr_desktop.pacs.config import DimsePeer, Peer, WebPeer

from .ports import free_port

_PROGRAMS = ("Orthanc", "/usr/sbin/Orthanc")
_PLUGINS = (Path("/usr/share/orthanc/plugins"), Path("/usr/lib/orthanc"))
_PATIENCE_S = 300.0
TITLE = "ORTHANC"


@dataclass(frozen=True)
class Orthanc:
    """A running Orthanc, and what it holds."""

    folder: Path
    dimse_port: int
    http_port: int
    process: subprocess.Popen[bytes] = field(repr=False)

    @property
    def url(self) -> str:
        """Root of its own REST interface."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def dimse(self) -> DimsePeer:
        return DimsePeer(ae_title=TITLE, host="127.0.0.1", port=self.dimse_port, timeout_seconds=60)

    @property
    def web(self) -> WebPeer:
        return WebPeer(url=f"{self.url}/dicom-web", timeout_seconds=60)

    def peer(self, *, name: str = "orthanc", dimse: bool = False, web: bool = False) -> Peer:
        """It as the network file names it, by one protocol or both."""
        return Peer(name=name, dimse=self.dimse if dimse else None, web=self.web if web else None)

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"{self.url}{path}", timeout=60) as answer:
            data: bytes = answer.read()
        return data

    def post(self, path: str, data: bytes) -> bytes:
        with urllib.request.urlopen(f"{self.url}{path}", data=data, timeout=60) as answer:
            read: bytes = answer.read()
        return read

    def find(self, uid: str) -> list[str]:
        """Orthanc's own identifiers of the instances with a SOP Instance UID."""
        found: list[str] = json.loads(self.post("/tools/lookup", uid.encode()))
        return [each["ID"] for each in found if each["Type"] == "Instance"]  # type: ignore[index]

    def file(self, uid: str) -> bytes:
        """The Part 10 file with a SOP Instance UID."""
        (found,) = self.find(uid)
        return self.get(f"/instances/{found}/file")


@contextlib.contextmanager
def running_orthanc(
    folder: Path, *, modalities: dict[str, tuple[str, int]] | None = None, **settings: object
) -> Iterator[Orthanc]:
    """Start it with an empty store, DICOMweb on and no authentication; wait until it answers.

    Parameters
    ----------
    folder
        Gets its configuration, its store and its log.
    modalities
        AE titles that it can C-MOVE to, each with host and port.
    settings
        More of its configuration.
    """
    program = next((found for name in _PROGRAMS if (found := shutil.which(name))), None)
    plugins = [path for place in _PLUGINS for path in place.glob("*OrthancDicomWeb*")][:1]
    if program is None or not plugins:
        pytest.skip("Orthanc with its DICOMweb plugin is not installed: apt-get install orthanc orthanc-dicomweb")
    dimse_port, http_port = free_port(), free_port()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "orthanc.json").write_text(
        json.dumps(_configuration(folder, plugins, dimse_port, http_port, modalities or {}) | settings)
    )
    with (folder / "orthanc.log").open("wb") as log:
        process = subprocess.Popen([program, str(folder / "orthanc.json")], stdout=log, stderr=log, cwd=folder)
        try:
            peer = Orthanc(folder, dimse_port, http_port, process)
            _wait(peer)
            yield peer
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _configuration(
    folder: Path, plugins: list[Path], dimse_port: int, http_port: int, modalities: dict[str, tuple[str, int]]
) -> dict[str, object]:
    return {
        "Name": "test",
        "StorageDirectory": str(folder / "store"),
        "IndexDirectory": str(folder / "store"),
        "Plugins": [str(path) for path in plugins],
        "DicomAet": TITLE,
        "DicomPort": dimse_port,
        "DicomCheckCalledAet": True,
        "DicomAlwaysAllowFind": True,
        "DicomAlwaysAllowGet": True,
        "DicomAlwaysAllowMove": True,
        "DicomAlwaysAllowStore": True,
        "DicomModalities": {title: [title, *place] for title, place in modalities.items()},
        "HttpPort": http_port,
        "RemoteAccessAllowed": True,
        "AuthenticationEnabled": False,
        "OverwriteInstances": False,
        "SynchronousCMove": True,
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/", "EnableWado": True},
    }


def _wait(peer: Orthanc) -> None:
    end = time.monotonic() + _PATIENCE_S
    while time.monotonic() < end:
        if peer.process.poll() is not None:
            break
        with contextlib.suppress(urllib.error.URLError, OSError):
            peer.get("/system")
            return
        time.sleep(0.05)
    raise AssertionError(f"Orthanc did not start: {(peer.folder / 'orthanc.log').read_text()[-2000:]}")


@pytest.fixture(scope="session")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    """One Orthanc for all tests of a process; what a test stores must have UIDs of its own."""
    with running_orthanc(tmp_path_factory.mktemp("orthanc")) as peer:
        yield peer
