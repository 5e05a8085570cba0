"""A DICOM peer that sends whatever bytes it is told to, and reads the answers; for tests of what listens."""

from __future__ import annotations

import socket
import ssl
import struct
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from pydicom import dcmread
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID, ExplicitVRLittleEndian
from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import A_ASSOCIATE, ImplementationClassUIDNotification, MaximumLengthNotification
from pynetdicom.presentation import build_context

DX = "1.2.840.10008.5.1.4.1.1.1.1"
VERIFICATION = "1.2.840.10008.1.1"
FILM_CONTEXT, ECHO_CONTEXT = 1, 3
ASSOCIATE_AC, ASSOCIATE_RJ, DATA, RELEASE_RQ, RELEASE_RP, ABORT = 2, 3, 4, 5, 6, 7
RELEASE = bytes([RELEASE_RQ, 0, 0, 0, 0, 4, 0, 0, 0, 0])
PATIENCE_S = 60.0


class Gone(Exception):
    """The connection is closed."""


class Answer(NamedTuple):
    """A PDU that came back."""

    kind: int
    body: bytes

    @property
    def status(self) -> int | None:
        """DIMSE status in it; None where it holds none."""
        at = self.body.find(struct.pack("<HHI", 0x0000, 0x0900, 2))
        return int.from_bytes(self.body[at + 8 : at + 10], "little") if self.kind == DATA and at >= 0 else None


class Seed(NamedTuple):
    """A data set as it goes over the network."""

    sop_class: str
    sop_instance: str
    syntax: str
    data: bytes


def seed_of(path: Path) -> Seed:
    """Take the data set's own bytes out of a file."""
    head = dcmread(path, stop_before_pixels=True, specific_tags=["SOPClassUID", "SOPInstanceUID"])
    return Seed(head.SOPClassUID, head.SOPInstanceUID, head.file_meta.TransferSyntaxUID, data_set_of(path.read_bytes()))


def data_set_of(whole: bytes) -> bytes:
    """The bytes of a Part 10 file that follow its meta information."""
    length = int.from_bytes(whole[140:144], "little")  # value of (0002,0000), which is the first
    return whole[144 + length :]


def pdu(kind: int, body: bytes) -> bytes:
    return bytes([kind, 0]) + len(body).to_bytes(4, "big") + body


def pdv(fragment: bytes, *, context: int, command: bool, last: bool) -> bytes:
    return (len(fragment) + 2).to_bytes(4, "big") + bytes([context, command | last << 1]) + fragment


def element(tag: int, value: bytes) -> bytes:
    return struct.pack("<HHI", tag >> 16, tag & 0xFFFF, len(value)) + value


def short(tag: int, value: int) -> bytes:
    return element(tag, value.to_bytes(2, "little"))


def padded(text: str | bytes) -> bytes:
    value = text.encode("latin-1") if isinstance(text, str) else text
    return value + b"\0" * (len(value) % 2)


def command_set(
    field: int, *, sop_class: str | bytes = b"", sop_instance: str | bytes = b"", number: int = 1, data: bool = False
) -> bytes:
    inner = element(0x00000002, padded(sop_class)) if sop_class else b""
    inner += short(0x00000100, field) + short(0x00000110, number)
    inner += short(0x00000700, 0) + short(0x00000800, 0 if data else 0x0101)
    inner += element(0x00001000, padded(sop_instance)) if sop_instance else b""
    return element(0x00000000, len(inner).to_bytes(4, "little")) + inner


def associate_request(
    contexts: Iterable[tuple[int, str, Sequence[str]]], *, called: str = "CXRTRIAGE", calling: str = "RAW"
) -> bytes:
    asked = A_ASSOCIATE()
    asked.application_context_name = UID("1.2.840.10008.3.1.1.1")
    asked.calling_ae_title, asked.called_ae_title = calling, called
    built = []
    for number, abstract, syntaxes in contexts:
        context = build_context(abstract, list(syntaxes))
        context.context_id = number
        built.append(context)
    asked.presentation_context_definition_list = built
    longest, name = MaximumLengthNotification(), ImplementationClassUIDNotification()
    longest.maximum_length_received = 16384
    name.implementation_class_uid = UID("1.2.3.4")
    asked.user_information = [longest, name]
    encoded: bytes = A_ASSOCIATE_RQ(asked).encode()
    return encoded


def usual_contexts(sop_class: str = DX, syntax: str = ExplicitVRLittleEndian) -> list[tuple[int, str, Sequence[str]]]:
    return [(FILM_CONTEXT, sop_class, [syntax]), (ECHO_CONTEXT, VERIFICATION, [ExplicitVRLittleEndian])]


def store_pdus(
    seed: Seed, *, size: int = 16384, number: int = 1, sop_instance: str | bytes | None = None
) -> list[bytes]:
    """All P-DATA-TF PDUs of one C-STORE-RQ; the data set in fragments of at most `size` bytes."""
    instance = seed.sop_instance if sop_instance is None else sop_instance
    command = command_set(1, sop_class=seed.sop_class, sop_instance=instance, number=number, data=True)
    pdus = [pdu(DATA, pdv(command, context=FILM_CONTEXT, command=True, last=True))]
    for at in range(0, max(len(seed.data), 1), size):
        part, last = seed.data[at : at + size], at + size >= len(seed.data)
        pdus.append(pdu(DATA, pdv(part, context=FILM_CONTEXT, command=False, last=last)))
    return pdus


class RawPeer:
    """One connection.

    Parameters
    ----------
    port
        Of loopback.
    source
        The address of this side.
    tls
        Context of a client.
    takes
        Bytes that the system receives for it before it reads; 0 for the system's own choice.
    """

    def __init__(
        self, port: int, *, source: str = "127.0.0.1", tls: ssl.SSLContext | None = None, takes: int = 0
    ) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(PATIENCE_S)
        if takes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, takes)
        self.socket.bind((source, 0))
        self.socket.connect(("127.0.0.1", port))
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise Gone from error

    def read(self) -> Answer:
        """Read the next PDU; `Gone` where the connection ends before it does."""
        head = self._exactly(6)
        return Answer(head[0], self._exactly(int.from_bytes(head[2:], "big")))

    def is_closed(self, within: float = PATIENCE_S) -> bool:
        """Whether the other side closes in time, whatever it still says."""
        by = time.monotonic() + within
        try:
            while (left := by - time.monotonic()) > 0:
                self.socket.settimeout(left)
                if not self.socket.recv(65536):
                    return True
        except TimeoutError:
            return False
        except OSError:
            return True
        return False

    def ask(self, request: bytes) -> Answer:
        self.send(request)
        return self.read()

    def associate(self, seed: Seed | None = None, **titles: str) -> Answer:
        """Ask for an association for a seed's class and syntax, and for C-ECHO."""
        contexts = usual_contexts(seed.sop_class, seed.syntax) if seed else usual_contexts()
        return self.ask(associate_request(contexts, **titles))

    def store(self, seed: Seed, **how: object) -> int | None:
        """Store one object; None where the answer is no status. `Gone` where there is none."""
        self.send(b"".join(store_pdus(seed, **how)))  # type: ignore[arg-type]
        return self.read().status

    def echo(self) -> int | None:
        command = command_set(0x0030, sop_class=VERIFICATION)
        return self.ask(pdu(DATA, pdv(command, context=ECHO_CONTEXT, command=True, last=True))).status

    def release(self) -> bool:
        """Whether the release is answered as it should be."""
        return self.ask(RELEASE).kind == RELEASE_RP

    def _exactly(self, count: int) -> bytes:
        got = bytearray()
        try:
            while len(got) < count:
                part = self.socket.recv(count - len(got))
                if not part:
                    raise Gone
                got += part
        except OSError as error:
            raise Gone from error
        return bytes(got)


def answers_echo(port: int, *, source: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> bool:
    """Whether C-ECHO is answered with success to a caller from `source`."""
    try:
        with RawPeer(port, source=source, tls=tls) as peer:
            return peer.associate().kind == ASSOCIATE_AC and peer.echo() == 0 and peer.release()
    except (Gone, OSError):
        return False


def small_seeds(folder: Path, phantom: Path, syntaxes: Sequence[str]) -> list[Seed]:
    """The same small film, 128 by 128 pixels out of a phantom, in each syntax."""
    seeds = []
    for number, syntax in enumerate(syntaxes):
        dataset = dcmread(phantom)
        pixels = dataset.pixel_array[::8, ::8]
        dataset.Rows, dataset.Columns = pixels.shape
        dataset.PixelData = pixels.tobytes()
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = UID(f"2.25.{number + 1}")
        if UID(syntax).is_compressed and not UID(syntax).is_deflated:
            dataset.compress(UID(syntax), generate_instance_uid=False)
        else:
            dataset.file_meta.TransferSyntaxUID = UID(syntax)
        path = folder / f"seed-{number}.dcm"
        dcmwrite(path, dataset, enforce_file_format=True)
        seeds.append(seed_of(path))
    return seeds
