"""Receivers on free ports of loopback, what they told, and small films to send them."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from cxr_desktop.pacs.config import Quotas, ReceiveConfig
from cxr_desktop.pacs.receive import Receiver, ReceiverEvent
from cxr_desktop.pacs.spool import Spool
from cxr_shared.phantom import write_phantoms

from .material import wait_until
from .raw_peer import Seed, small_seeds

SYNTAXES = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    DeflatedExplicitVRLittleEndian,
    RLELossless,
    JPEG2000Lossless,
    JPEGLSLossless,
)


class Receiving:
    """A running receiver, its spool, and what it told."""

    def __init__(
        self, folder: Path, *, quotas: dict[str, float], on_film: Callable[[Path], None] | None, **config: object
    ) -> None:
        self.told: list[Path] = []
        self.events: list[ReceiverEvent] = []
        self.config = ReceiveConfig(port=0, quotas=Quotas(free_gigabytes=0, **quotas), **config)
        self.spool = Spool(folder, self.config.quotas)
        self.receiver = Receiver(
            self.config, self.spool, on_film=on_film or self.told.append, on_event=self.events.append
        )
        self.receiver.start()

    @property
    def port(self) -> int:
        return self.receiver.port

    @property
    def films(self) -> list[Path]:
        return list(self.spool.films())

    def expect(self, *events: ReceiverEvent) -> None:
        """Wait until these happened; other events may have happened too."""
        wait_until(lambda: all(event in self.events for event in events))


MakeReceiver = Callable[..., Receiving]


@pytest.fixture
def make_receiver(tmp_path: Path) -> Iterator[MakeReceiver]:
    """Starts receivers with a configuration; ends them, and looks that no thread of theirs is left."""
    running: list[Receiving] = []

    def make(
        *,
        folder: Path = tmp_path / "spool",
        quotas: dict[str, float] | None = None,
        on_film: Callable[[Path], None] | None = None,
        **config: object,
    ) -> Receiving:
        running.append(Receiving(folder, quotas=quotas or {}, on_film=on_film, **config))
        return running[-1]

    yield make
    with contextlib.ExitStack() as closing:
        for each in running:
            closing.callback(each.receiver.close)
    wait_until(lambda: not {"receiver", "receiver-caller"} & {thread.name for thread in threading.enumerate()}, 30)


@pytest.fixture(scope="session")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DX phantom as a file."""
    images = write_phantoms(tmp_path_factory.mktemp("phantom"), films=1, seed=3, dicom=True, workers=1).images
    return images[0]


@pytest.fixture(scope="session")
def seeds(tmp_path_factory: pytest.TempPathFactory, phantom: Path) -> list[Seed]:
    """A small film in each of six transfer syntaxes."""
    return small_seeds(tmp_path_factory.mktemp("seeds"), phantom, SYNTAXES)


@pytest.fixture(scope="session")
def seed(seeds: list[Seed]) -> Seed:
    """A small film in Explicit VR Little Endian."""
    return seeds[0]


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of loopback that signs itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 -keyout"
    subprocess.run(["openssl", *words.split(), str(key), "-out", str(certificate)], check=True, capture_output=True)
    return certificate, key
