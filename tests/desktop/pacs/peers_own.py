"""Archives made for a test, which do what they are told: take, refuse, fall silent, or drop the connection."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

import pydicom
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.sop_class import (
    ComprehensiveSRStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
    StudyRootQueryRetrieveInformationModelFind,
)
from pynetdicom.transport import ThreadedAssociationServer

from cxr_desktop.pacs.config import DimsePeer, Peer, WebPeer

TAKE, DROP, STORE_AND_DROP, HANG = "take", "drop", "store and drop", "hang"
_LOOK_EVERY_S = 0.05
_LONGEST_SILENCE_S = 120
CLASSES = (ComprehensiveSRStorage, SegmentationStorage, SecondaryCaptureImageStorage)


@dataclass
class Archive:
    """What an archive holds and was sent.

    Attributes
    ----------
    script
        What to do with the next objects, one each: a word above, a status of C-STORE or Failure Reason (int), or for
        HTTP ``"http 503"`` and such, or ``"garbage"``. When it is used up each is taken.
    received
        SOP Instance UIDs of all objects that arrived whole, as often as they did.
    held
        Objects that it holds.
    answers
        Whether it answers when asked.
    go_on
        Where it hangs it is silent until this is set, which `close` does, and keeps nothing.
    """

    script: list[str | int] = field(default_factory=list)
    received: list[str] = field(default_factory=list)
    held: dict[str, Dataset] = field(default_factory=dict)
    answers: bool = True
    go_on: threading.Event = field(default_factory=threading.Event, repr=False)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def next(self, dataset: Dataset) -> str | int:
        with self.lock:
            act = self.script.pop(0) if self.script else TAKE
            self.received.append(str(dataset.SOPInstanceUID))
            if act in (TAKE, STORE_AND_DROP) or (isinstance(act, int) and 0xB000 <= act <= 0xBFFF):
                self.held[str(dataset.SOPInstanceUID)] = dataset
        return act


class Own(Protocol):
    """An archive that runs."""

    archive: Archive

    def peer(self, name: str = "own", seconds: float = 30) -> Peer: ...

    def is_idle(self) -> bool: ...


class _ScpServer(ThreadedAssociationServer):
    """pynetdicom's, without its sweeps of garbage every so many looks."""

    def service_actions(self) -> None:
        """Do nothing."""


def start_scp(
    entity: AE, *handlers: tuple[Any, Any], port: int = 0, tls: ssl.SSLContext | None = None
) -> ThreadedAssociationServer:
    """Start pynetdicom's server on loopback as `AE.start_server` does, whose `shutdown` takes half a second."""
    server = entity.make_server(
        ("127.0.0.1", port), server_class=_ScpServer, evt_handlers=list(handlers), ssl_context=tls
    )
    entity._servers.append(server)  # from where `shutdown` takes it
    threading.Thread(target=server.serve_forever, args=(_LOOK_EVERY_S,), daemon=True).start()
    return server


class StoreScp:
    """A Storage SCP that can also be asked, by pynetdicom."""

    title = "OWN"

    def __init__(self, classes: tuple[str, ...] = CLASSES, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.archive = Archive()
        self.entity = entity = AE(ae_title=self.title)
        for each in classes:
            entity.add_supported_context(each)
        entity.add_supported_context(StudyRootQueryRetrieveInformationModelFind)
        self.associations = 0
        handlers = ((evt.EVT_C_STORE, self._store), (evt.EVT_C_FIND, self._find), (evt.EVT_ESTABLISHED, self._count))
        self.server = start_scp(entity, *handlers, port=port, tls=tls)
        self.port = int(self.server.socket.getsockname()[1])

    def peer(self, name: str = "own", seconds: float = 30) -> Peer:
        dimse = DimsePeer(ae_title=self.title, host="127.0.0.1", port=self.port, timeout_seconds=seconds)
        return Peer(name=name, dimse=dimse)

    def close(self) -> None:
        self.archive.go_on.set()
        self.server.shutdown()

    def is_idle(self) -> bool:
        """Whether no connection is open: what was sent has been read."""
        return not self.server.active_associations

    def _count(self, event: Any) -> None:
        self.associations += 1

    def _store(self, event: Any) -> int:
        act = self.archive.next(event.dataset)
        if act == HANG:
            self.archive.go_on.wait(_LONGEST_SILENCE_S)
        if act in (DROP, STORE_AND_DROP):
            with contextlib.suppress(OSError, AttributeError):
                event.assoc.dul.socket.socket.shutdown(socket.SHUT_RDWR)
        return act if isinstance(act, int) else 0x0000

    def _find(self, event: Any) -> Iterator[tuple[int, Dataset | None]]:
        if not self.archive.answers:
            yield 0xA700, None
            return
        wanted = event.identifier
        found = self.archive.held.get(str(wanted.SOPInstanceUID))
        if found is not None and found.StudyInstanceUID == wanted.StudyInstanceUID:
            yield 0xFF00, wanted


class StowServer:
    """A DICOMweb server that takes objects and can be asked."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.archive = Archive()
        self._open: set[object] = set()
        handler = type("Handler", (_Handler,), {"archive": self.archive, "open": self._open})
        self.server = _Server(("127.0.0.1", 0), handler)
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_port
        self._thread = threading.Thread(target=self.server.serve_forever, args=(_LOOK_EVERY_S,))
        self._thread.start()

    def peer(self, name: str = "own", seconds: float = 30) -> Peer:
        return Peer(name=name, web=WebPeer(url=f"http://127.0.0.1:{self.port}/dicom-web", timeout_seconds=seconds))

    def close(self) -> None:
        self.archive.go_on.set()
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()

    def is_idle(self) -> bool:
        """Whether no connection is open: what was sent has been read."""
        return not self._open


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing of callers that went away."""


class _Handler(BaseHTTPRequestHandler):
    archive: Archive
    open: set[object]
    protocol_version = "HTTP/1.1"
    timeout = 30
    disable_nagle_algorithm = True

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def setup(self) -> None:
        self.open.add(self)
        super().setup()

    def finish(self) -> None:
        try:
            super().finish()
        finally:
            self.open.discard(self)

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if len(body) < length:  # the caller went away: nothing has arrived
            self.close_connection = True
            return
        boundary = re.search(r'boundary="?([^";]+)', self.headers["Content-Type"])
        assert boundary is not None
        part = body.split(b"--" + boundary[1].encode())[1].split(b"\r\n\r\n", 1)[1]
        dataset = pydicom.dcmread(BytesIO(part))
        act = self.archive.next(dataset)
        if act == HANG:
            self.archive.go_on.wait(_LONGEST_SILENCE_S)
        if act in (DROP, STORE_AND_DROP):
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        elif act == "garbage":
            self._say(200, b"\x00not JSON at all{")
        elif isinstance(act, str) and act.startswith("http"):
            self._say(int(act.split()[1]), b"")
        else:
            self._report(dataset, act if isinstance(act, int) else 0)

    def _report(self, dataset: Dataset, reason: int) -> None:
        answer, item = Dataset(), Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
        stored = reason == 0 or 0xB000 <= reason <= 0xBFFF
        if stored and reason:
            item.WarningReason = reason
        elif reason:
            item.FailureReason = reason
        setattr(answer, "ReferencedSOPSequence" if stored else "FailedSOPSequence", [item])
        self._say(200 if reason == 0 else 202 if stored else 409, answer.to_json().encode())

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if not self.archive.answers:
            self._say(404, b"")
        elif parts.path.endswith("/metadata"):
            found = self.archive.held.get(parts.path.split("/")[-2])
            self._say(*((200, b"[%b]" % found.to_json().encode()) if found is not None else (404, b"")))
        else:
            (uid,) = parse_qs(parts.query)["SOPInstanceUID"]
            found = self.archive.held.get(uid)
            item = {"00080018": {"vr": "UI", "Value": [uid]}}
            self._say(*((200, json.dumps([item]).encode()) if found is not None else (204, b"")))

    def _say(self, code: int, body: bytes) -> None:
        self.send_response(code)
        if 300 <= code < 400:
            self.send_header("Location", f"http://127.0.0.1:{self.connection.getsockname()[1]}/elsewhere/studies")
        self.send_header("Content-Type", "application/dicom+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
