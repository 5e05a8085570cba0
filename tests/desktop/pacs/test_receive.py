"""Films that honest peers send: what is kept, what is answered, and what is refused with which status."""

from __future__ import annotations

import errno
import logging
import os
import select
import shutil
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import JPEG2000, UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGBaseline8Bit
from pynetdicom import AE, build_context

from cxr_desktop.pacs.config import ReceiveConfig
from cxr_desktop.pacs.errors import NetworkError, PortInUse
from cxr_desktop.pacs.receive import (
    AssociationEnded,
    AssociationOpened,
    AssociationRefused,
    CallRefusal,
    Ending,
    FilmKept,
    ObjectRefusal,
    ObjectRefused,
    Receiver,
)
from cxr_desktop.pacs.spool import Spool, origin_of
from cxr_shared.film.decode import SYNTAXES

from .material import wait_until
from .peers_dcmtk import Dcmtk
from .raw_peer import (
    ABORT,
    ASSOCIATE_AC,
    ASSOCIATE_RJ,
    DX,
    FILM_CONTEXT,
    VERIFICATION,
    Gone,
    RawPeer,
    Seed,
    answers_echo,
    associate_request,
    data_set_of,
    element,
    store_pdus,
    usual_contexts,
)
from .receiving import MakeReceiver

pytestmark = pytest.mark.waiting

CR, SC = "1.2.840.10008.5.1.4.1.1.1", "1.2.840.10008.5.1.4.1.1.7"


def _send(port: int, seed: Seed, **how: object) -> int | None:
    with RawPeer(port) as peer:
        assert peer.associate(seed).kind == ASSOCIATE_AC
        status = peer.store(seed, **how)
        assert peer.release()
        return status


def _another(seed: Seed, number: int) -> Seed:
    """The same film with other bytes at its end."""
    return seed._replace(data=seed.data + element(0xFFFCFFFC, number.to_bytes(4, "big")))


@pytest.mark.peer
def test_dcmtk_sends_a_film(make_receiver: MakeReceiver, dcmtk: Dcmtk, phantom: Path) -> None:
    receiving = make_receiver()
    echoed = dcmtk.echo(receiving.port)
    assert echoed.returncode == 0, echoed.stdout
    sent = dcmtk.store(receiving.port, phantom)
    assert sent.returncode == 0, sent.stdout
    assert "Received Store Response (Success)" in sent.stdout
    (film,) = receiving.films
    assert receiving.told == [film]
    assert data_set_of(film.read_bytes()) == data_set_of(phantom.read_bytes())
    assert origin_of(film) == "DCMTK"
    receiving.expect(FilmKept(film.stat().st_size, duplicate=False), AssociationEnded(Ending.RELEASED))
    assert dcmtk.store(receiving.port, phantom).returncode == 0
    assert receiving.films == receiving.told == [film]
    receiving.expect(FilmKept(film.stat().st_size, duplicate=True))


@pytest.mark.parametrize("number", range(6))
def test_a_film_is_kept_as_it_was_sent_in_each_syntax(
    make_receiver: MakeReceiver, seeds: list[Seed], number: int
) -> None:
    receiving, seed = make_receiver(), seeds[number]
    assert _send(receiving.port, seed) == 0
    (film,) = receiving.films
    assert data_set_of(film.read_bytes()) == seed.data
    meta = dcmread(film, stop_before_pixels=True).file_meta
    assert meta.TransferSyntaxUID == seed.syntax
    assert meta.MediaStorageSOPClassUID == seed.sop_class
    assert meta.MediaStorageSOPInstanceUID == seed.sop_instance
    assert (meta.SourceApplicationEntityTitle, meta.ReceivingApplicationEntityTitle) == ("RAW", "CXRTRIAGE")
    assert meta.ImplementationVersionName == "CXR_TRIAGE"
    assert not list(receiving.spool.incoming.iterdir())


def test_pynetdicom_sends_films_on_one_association(make_receiver: MakeReceiver, phantom: Path) -> None:
    receiving, film = make_receiver(), dcmread(phantom)
    caller = AE("SCU")
    caller.add_requested_context(film.SOPClassUID, ExplicitVRLittleEndian)
    caller.add_requested_context(VERIFICATION)
    association = caller.associate("127.0.0.1", receiving.port, ae_title="CXRTRIAGE")
    assert association.is_established
    assert association.send_c_echo().Status == 0
    for number in range(3):
        film.SOPInstanceUID = film.file_meta.MediaStorageSOPInstanceUID = UID(f"2.25.{number}")
        assert association.send_c_store(film).Status == 0
    assert receiving.receiver.associations == 1
    association.release()
    assert association.is_released
    assert len(receiving.films) == 3
    assert {dcmread(path).pixel_array.tobytes() for path in receiving.films} == {film.pixel_array.tobytes()}


def test_chest_films_are_negotiated_in_every_syntax_that_is_decoded_and_nothing_else(
    make_receiver: MakeReceiver,
) -> None:
    receiving = make_receiver()
    for sop_class in (DX, CR, SC):
        caller = AE("SCU")
        caller.requested_contexts = [build_context(sop_class, syntax) for syntax in sorted(SYNTAXES)]
        association = caller.associate("127.0.0.1", receiving.port, ae_title="CXRTRIAGE")
        assert {each.transfer_syntax[0] for each in association.accepted_contexts} == SYNTAXES
        association.release()
    caller = AE("SCU")
    others = ("1.2.840.10008.5.1.4.1.1.1.1.1", "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.2.2.1")
    caller.requested_contexts = [
        *(build_context(each) for each in others),
        build_context(DX, "1.2.840.10008.1.2.4.100"),
        build_context(VERIFICATION),
    ]
    association = caller.associate("127.0.0.1", receiving.port, ae_title="CXRTRIAGE")
    assert [each.abstract_syntax for each in association.accepted_contexts] == [VERIFICATION]
    assert [each.result for each in association.rejected_contexts] == [3, 3, 3, 4]
    association.release()


def test_nobody_is_asked_to_compress_lossily(make_receiver: MakeReceiver) -> None:
    receiving = make_receiver()
    caller = AE("SCU")
    caller.requested_contexts = [build_context(DX, [JPEGBaseline8Bit, JPEG2000, ImplicitVRLittleEndian])]
    association = caller.associate("127.0.0.1", receiving.port, ae_title="CXRTRIAGE")
    assert association.accepted_contexts[0].transfer_syntax == [ImplicitVRLittleEndian]
    association.release()


@pytest.mark.parametrize(
    ("config", "titles", "reason", "code"),
    [
        ({}, {"called": "OTHER"}, CallRefusal.CALLED_TITLE, b"\0\1\1\7"),
        ({"calling_titles": ("MODALITY",)}, {"calling": "RAW"}, CallRefusal.CALLING_TITLE, b"\0\1\1\3"),
    ],
)
def test_a_title_that_is_not_allowed_is_rejected_for_good(
    make_receiver: MakeReceiver, config: dict[str, object], titles: dict[str, str], reason: CallRefusal, code: bytes
) -> None:
    receiving = make_receiver(**config)
    with RawPeer(receiving.port) as peer:
        assert peer.associate(**titles) == (ASSOCIATE_RJ, code)
    receiving.expect(AssociationRefused(reason))
    assert AssociationOpened() not in receiving.events


def test_a_title_on_the_list_is_heard(make_receiver: MakeReceiver) -> None:
    receiving = make_receiver(ae_title="OURS", calling_titles=("CT 1", "RAW"))
    with RawPeer(receiving.port) as peer:
        assert peer.associate(called="OURS", calling="CT 1").kind == ASSOCIATE_AC
        assert peer.release()


def test_an_address_that_is_not_allowed_gets_no_word(make_receiver: MakeReceiver) -> None:
    receiving = make_receiver(addresses=("127.0.0.2/32", "::1/128"))
    with RawPeer(receiving.port) as peer:
        assert peer.is_closed()
    receiving.expect(AssociationRefused(CallRefusal.ADDRESS))
    assert answers_echo(receiving.port, source="127.0.0.2")


def test_another_application_context_or_protocol_version_is_rejected(make_receiver: MakeReceiver) -> None:
    receiving = make_receiver()
    request = associate_request(usual_contexts())
    with RawPeer(receiving.port) as peer:
        other = request.replace(b"1.2.840.10008.3.1.1.1", b"1.2.840.10008.3.1.1.2")
        assert peer.ask(other) == (ASSOCIATE_RJ, b"\0\1\1\2")
    with RawPeer(receiving.port) as peer:
        assert peer.ask(request[:6] + b"\0\2" + request[8:]) == (ASSOCIATE_RJ, b"\0\1\2\2")


def test_too_many_associations_are_rejected_for_now(make_receiver: MakeReceiver) -> None:
    receiving = make_receiver(quotas={"associations": 3, "associations_per_address": 2})
    with RawPeer(receiving.port) as one, RawPeer(receiving.port) as two, RawPeer(receiving.port) as three:
        assert one.associate().kind == two.associate().kind == ASSOCIATE_AC
        assert three.associate() == (ASSOCIATE_RJ, b"\0\2\3\2")
        receiving.expect(AssociationRefused(CallRefusal.ASSOCIATIONS_PER_ADDRESS))
        with RawPeer(receiving.port, source="127.0.0.2") as other:
            assert other.associate().kind == ASSOCIATE_AC
            assert receiving.receiver.associations == 3
            with RawPeer(receiving.port, source="127.0.0.3") as last:
                assert last.associate() == (ASSOCIATE_RJ, b"\0\2\3\2")
            receiving.expect(AssociationRefused(CallRefusal.ASSOCIATIONS))
        assert one.release()
    assert answers_echo(receiving.port)


def test_too_many_objects_a_minute_are_refused_for_now(make_receiver: MakeReceiver, seed: Seed) -> None:
    receiving = make_receiver(quotas={"objects_per_minute": 2})
    with RawPeer(receiving.port) as peer:
        peer.associate(seed)
        assert [peer.store(_another(seed, number)) for number in range(4)] == [0, 0, 0xA700, 0xA700]
        assert peer.echo() == 0
    receiving.expect(ObjectRefused(ObjectRefusal.RATE, 0xA700))
    assert len(receiving.films) == 2
    with RawPeer(receiving.port, source="127.0.0.2") as other:
        other.associate(seed)
        assert other.store(seed) == 0


def test_an_object_that_is_too_large_is_refused_and_the_next_is_kept(make_receiver: MakeReceiver, seed: Seed) -> None:
    receiving = make_receiver(quotas={"object_megabytes": 0.05})
    large = seed._replace(data=seed.data + bytes(20_000))
    with RawPeer(receiving.port) as peer:
        peer.associate(seed)
        assert [peer.store(large), peer.store(seed)] == [0xC001, 0]
    receiving.expect(ObjectRefused(ObjectRefusal.TOO_LARGE, 0xC001))
    assert [data_set_of(film.read_bytes()) for film in receiving.films] == [seed.data]


def test_a_full_spool_refuses_and_loses_nothing(make_receiver: MakeReceiver, seed: Seed) -> None:
    receiving = make_receiver(quotas={"spool_gigabytes": 2.5 * len(seed.data) / 1e9})
    variants = [_another(seed, number) for number in range(5)]
    with RawPeer(receiving.port) as peer:
        peer.associate(seed)
        assert [peer.store(each) for each in variants] == [0, 0, 0xA700, 0xA700, 0xA700]
        receiving.expect(ObjectRefused(ObjectRefusal.QUOTA, 0xA700))
        receiving.spool.remove(receiving.films[0])
        assert peer.store(variants[4]) == 0
        assert peer.store(variants[3]) == 0xA700
    assert len(receiving.films) == 2
    assert not list(receiving.spool.incoming.iterdir())


def test_a_full_disk_refuses(make_receiver: MakeReceiver, seed: Seed, monkeypatch: pytest.MonkeyPatch) -> None:
    receiving = make_receiver()
    usage = shutil.disk_usage(receiving.spool.folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: usage._replace(free=-1))
    assert _send(receiving.port, seed) == 0xA700
    receiving.expect(ObjectRefused(ObjectRefusal.QUOTA, 0xA700))
    assert receiving.films == []


def test_a_folder_that_cannot_be_written_refuses_until_it_can(make_receiver: MakeReceiver, seed: Seed) -> None:
    receiving = make_receiver()
    receiving.spool.incoming.rmdir()
    assert _send(receiving.port, seed) == 0xA700
    receiving.expect(ObjectRefused(ObjectRefusal.NOT_WRITABLE, 0xA700))
    receiving.spool.incoming.mkdir()
    assert _send(receiving.port, seed) == 0


def test_no_answer_comes_before_the_film_is_on_the_disk(
    make_receiver: MakeReceiver, seed: Seed, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiving, flushed = make_receiver(), os.fsync
    asked: list[bool] = []
    turns = threading.Semaphore(0)

    def wait_then_flush(descriptor: int) -> None:
        asked.append(stat.S_ISDIR(os.fstat(descriptor).st_mode))
        assert turns.acquire(timeout=90)
        flushed(descriptor)

    monkeypatch.setattr(os, "fsync", wait_then_flush)
    with RawPeer(receiving.port) as peer:
        peer.associate(seed)
        peer.send(b"".join(store_pdus(seed)))
        for number in range(3):  # the file, its folder, and the folder of that, which is new
            wait_until(lambda number=number: len(asked) > number)
            assert not select.select([peer.socket], [], [], 0.05)[0]
            turns.release()
        assert peer.read().status == 0
    assert asked == [False, True, True]


@pytest.mark.parametrize("of_folders", [False, True])
def test_what_the_disk_does_not_take_is_not_acknowledged(
    make_receiver: MakeReceiver, seed: Seed, monkeypatch: pytest.MonkeyPatch, *, of_folders: bool
) -> None:
    def fail(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode) == of_folders:
            raise OSError(errno.ENOSPC, "No space left on device")

    receiving = make_receiver()
    monkeypatch.setattr(os, "fsync", fail)
    assert _send(receiving.port, seed) == 0xA700
    assert receiving.films == []
    assert not list(receiving.spool.incoming.iterdir())
    assert receiving.spool.bytes == 0
    monkeypatch.undo()
    assert _send(receiving.port, seed) == 0
    assert len(receiving.told) == 1


@pytest.mark.parametrize(
    ("how", "status", "reason"),
    [
        ({"sop_instance": "2.25.999"}, 0xA900, ObjectRefusal.OTHER_OBJECT),
        ({"sop_instance": "../../x"}, 0x0117, ObjectRefusal.INVALID_UID),
        ({"sop_instance": ""}, 0x0117, ObjectRefusal.INVALID_UID),
    ],
)
def test_an_object_that_is_not_the_one_announced_is_refused(
    make_receiver: MakeReceiver, seed: Seed, how: dict[str, object], status: int, reason: ObjectRefusal
) -> None:
    receiving = make_receiver()
    assert _send(receiving.port, seed, **how) == status
    receiving.expect(ObjectRefused(reason, status))
    assert receiving.films == []
    assert _send(receiving.port, seed) == 0


def test_an_object_of_another_class_than_its_context_is_refused(make_receiver: MakeReceiver, seed: Seed) -> None:
    receiving = make_receiver()
    with RawPeer(receiving.port) as peer:
        assert peer.ask(associate_request([(FILM_CONTEXT, CR, [ExplicitVRLittleEndian])])).kind == ASSOCIATE_AC
        assert peer.store(seed) == 0x0122
    with RawPeer(receiving.port) as peer:
        peer.ask(associate_request([(FILM_CONTEXT, CR, [ExplicitVRLittleEndian])]))
        assert peer.store(seed._replace(sop_class=CR)) == 0xA900
    assert receiving.films == []


@pytest.mark.parametrize("data", [b"", b"\0", b"GIF89a" * 5000, bytes(100_000), b"\xff" * 30_000])
def test_what_is_no_data_set_is_refused(make_receiver: MakeReceiver, seed: Seed, data: bytes) -> None:
    receiving = make_receiver()
    assert _send(receiving.port, seed._replace(data=data)) == 0xC000
    receiving.expect(ObjectRefused(ObjectRefusal.UNREADABLE, 0xC000))
    assert receiving.films == []


@pytest.mark.peer
def test_dcmtk_is_told_why(make_receiver: MakeReceiver, dcmtk: Dcmtk, phantom: Path, tmp_path: Path) -> None:
    receiving = make_receiver(quotas={"spool_gigabytes": 0.001})
    sent = dcmtk.store(receiving.port, phantom, options=("-d",))
    assert sent.returncode != 0
    assert "0xa700" in sent.stdout
    assert "No room left for received films" in sent.stdout
    scan = dcmread(phantom)
    scan.SOPClassUID = scan.file_meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.2")
    scan.save_as(tmp_path / "ct.dcm")
    assert "No valid Presentation Context ID" in dcmtk.store(receiving.port, tmp_path / "ct.dcm").stdout


def test_a_listener_that_fails_or_blocks_costs_no_film(
    make_receiver: MakeReceiver, seed: Seed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cxr_desktop.pacs.receive.notifier.PATIENCE", 0.2)

    def fail(_film: Path) -> None:
        raise RuntimeError("the listener is broken")

    blocked = threading.Event()
    failing = make_receiver(on_film=fail)
    assert _send(failing.port, seed) == 0
    blocking = make_receiver(folder=failing.spool.folder.parent / "other", on_film=lambda _film: blocked.wait(300))
    with RawPeer(blocking.port) as peer:
        peer.associate(seed)
        assert [peer.store(_another(seed, number)) for number in range(5)] == [0] * 5
    assert (len(failing.films), len(blocking.films)) == (1, 5)
    blocked.set()


def test_a_film_is_found_when_the_listener_is_told(make_receiver: MakeReceiver, seed: Seed) -> None:
    found: list[bytes] = []
    receiving = make_receiver(on_film=lambda film: found.append(data_set_of(film.read_bytes())))
    assert _send(receiving.port, seed) == 0
    assert found == [seed.data]


def test_a_port_that_is_taken_is_said(make_receiver: MakeReceiver, tmp_path: Path) -> None:
    receiving = make_receiver()
    config = receiving.config.model_copy(update={"port": receiving.port})
    with pytest.raises(PortInUse, match=r"receive\.port"):
        Receiver(config, receiving.spool, on_film=print).start()
    with pytest.raises(NetworkError, match=r"receive\.host"):
        Receiver(ReceiveConfig(host="192.0.2.1", port=0), receiving.spool, on_film=print).start()
    with pytest.raises(NetworkError, match="started before"):
        receiving.receiver.start()
    receiving.receiver.close()
    with Receiver(config, Spool(tmp_path / "again", config.quotas), on_film=print) as again:
        assert answers_echo(again.port)


def test_closing_takes_a_moment(make_receiver: MakeReceiver, tmp_path: Path) -> None:
    seconds = []
    for number in range(5):
        receiving = make_receiver(folder=tmp_path / str(number))
        began = time.monotonic()
        receiving.receiver.close()
        seconds.append(time.monotonic() - began)
    assert min(seconds) < 0.1 or sys.platform != "linux", "each took longer, however busy the machine is"


def test_closing_ends_everybody_in_time(make_receiver: MakeReceiver, seed: Seed) -> None:
    receiving = make_receiver()
    with RawPeer(receiving.port) as open_, RawPeer(receiving.port) as silent, RawPeer(receiving.port) as sending:
        assert open_.associate().kind == sending.associate(seed).kind == ASSOCIATE_AC
        sending.send(b"\4\0\0\0\xff\xff")
        began = time.monotonic()
        receiving.receiver.close()
        assert time.monotonic() - began < 20
        assert open_.read().kind == ABORT
        assert silent.is_closed(10)
        assert sending.is_closed(10)
    receiving.expect(AssociationEnded(Ending.STOPPED))
    assert receiving.receiver.associations == 0
    receiving.receiver.close()


def test_an_idle_association_is_aborted(make_receiver: MakeReceiver) -> None:
    receiving = make_receiver(quotas={"idle_seconds": 2.0})
    with RawPeer(receiving.port) as peer:
        peer.associate()
        began = time.monotonic()
        assert peer.echo() == 0
        assert peer.read().kind == ABORT
        assert time.monotonic() - began >= 2.0
        with pytest.raises(Gone):
            peer.read()
    receiving.expect(AssociationEnded(Ending.SILENT))


def test_ipv6_is_heard(make_receiver: MakeReceiver) -> None:
    try:
        receiving = make_receiver(host="::1")
    except NetworkError:
        pytest.skip("this machine has no IPv6")
    caller = AE("SCU")
    caller.add_requested_context(VERIFICATION)
    association = caller.associate("::1", receiving.port, ae_title="CXRTRIAGE")
    assert association.send_c_echo().Status == 0
    association.release()


def test_the_log_names_no_patient_and_no_object(
    make_receiver: MakeReceiver, seed: Seed, caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
) -> None:
    caplog.set_level(logging.DEBUG)
    receiving = make_receiver(quotas={"objects_per_minute": 2})
    for how in ({}, {"sop_instance": "2.25.999"}, {"sop_instance": "Doe^Jane"}):
        _send(receiving.port, seed, **how)
    _send(receiving.port, seed._replace(data=b"Doe^Jane" * 4000))
    assert "an object from 127.0.0.1 was refused: other object (status A900)" in caplog.text
    said = caplog.text + "".join(str(each.message) for each in recwarn)
    assert not [word for word in ("Phantom", "Doe", "2.25.", "1.2.840") if word in said]


def test_pynetdicom_is_not_imported_before_it_is_needed() -> None:
    code = (
        "import sys; import cxr_desktop.pacs.receive; assert 'pynetdicom' not in sys.modules; "
        "sys.modules['pynetdicom'] = None\n"
        "import tempfile; from pathlib import Path; from cxr_desktop.pacs.config import ReceiveConfig\n"
        "from cxr_desktop.pacs.spool import Spool; config = ReceiveConfig(port=0)\n"
        "receiver = cxr_desktop.pacs.receive.Receiver(config, Spool(Path(tempfile.mkdtemp()), config.quotas),"
        " on_film=print)\n"
        "from cxr_shared.errors import MissingExtra\n"
        "try:\n    receiver.start()\nexcept MissingExtra as error:\n    print(error)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "pip install 'cxr-triage[pacs]'" in said


def test_a_caller_that_only_looks_leaves_no_trace(make_receiver: MakeReceiver) -> None:
    receiving = make_receiver()
    for _ in range(5):
        socket.create_connection(("127.0.0.1", receiving.port)).close()
    receiving.expect(AssociationRefused(CallRefusal.NO_REQUEST))
    assert receiving.receiver.associations == 0
    assert answers_echo(receiving.port)
