"""Archives that keep to no standard, or mean harm."""

from __future__ import annotations

import contextlib
import http.server
import json
import logging
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pydicom
import pytest

pytest.importorskip("pynetdicom")
pytest.importorskip("dicomweb_client")

import pynetdicom
from pydicom.dataset import Dataset
from pynetdicom import evt

from cxr_desktop.pacs.config import DimsePeer, NetworkConfig, Peer, Quotas, WebPeer
from cxr_desktop.pacs.errors import PeerRefused, PeerUnreachable
from cxr_desktop.pacs.query import Archive, Found, LeftOut, Query, TooManyFound, archive_for
from cxr_desktop.pacs.query.association import Watched
from cxr_desktop.pacs.query.multipart import BodyBroken, boundary_of, parts
from cxr_desktop.pacs.spool import Spool

from .archives import film
from .material import wait_until
from .peers_own import start_scp
from .ports import free_port

pytestmark = pytest.mark.waiting

FIND, GET, MOVE = (f"1.2.840.10008.5.1.4.1.2.2.{number}" for number in (1, 3, 2))
Find = Callable[[Any], Iterator[tuple[int, Dataset | None]]]


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", Quotas(free_gigabytes=0))


@contextlib.contextmanager
def dimse_archive(
    *handlers: tuple[Any, Any], timeout: float = 30, asking: float = 30, **named: Any
) -> Iterator[Archive]:
    """An archive of pynetdicom's that does what these handlers do; it waits `asking` seconds for a request."""
    entity = pynetdicom.AE(ae_title="ODD")
    entity.dimse_timeout = entity.network_timeout = 30
    entity.acse_timeout = asking
    before = set(threading.enumerate())
    for model in (FIND, GET, MOVE):
        entity.add_supported_context(model)
    for abstract in ("1.2.840.10008.5.1.4.1.1.1", "1.2.840.10008.5.1.4.1.1.1.1"):
        entity.add_supported_context(abstract, scu_role=True, scp_role=True)
    server = start_scp(entity, *handlers)
    try:
        port = server.server_address[1]
        dimse = DimsePeer(ae_title="ODD", host="127.0.0.1", port=port, timeout_seconds=timeout, **named)
        yield archive_for(Peer(name="odd", dimse=dimse), NetworkConfig(), moves_arrive_at="CXRTRIAGE")
    finally:
        server.shutdown()
        for thread in set(threading.enumerate()) - before:
            thread.join(60)


def study(uid: str, **values: Any) -> Dataset:
    answer = Dataset()
    answer.QueryRetrieveLevel, answer.StudyInstanceUID = "STUDY", uid
    answer.ModalitiesInStudy, answer.StudyDescription = "DX", "CHEST"
    for keyword, value in values.items():
        setattr(answer, keyword, value)
    return answer


def answering(*answers: Dataset) -> Find:
    def find(event: Any) -> Iterator[tuple[int, Dataset | None]]:
        level = event.identifier.QueryRetrieveLevel
        for answer in answers:
            if answer.QueryRetrieveLevel == level:
                yield 0xFF00, answer
        yield 0x0000, None

    return find


@pytest.mark.filterwarnings("ignore")
def test_answers_without_a_usable_uid_are_left_out_and_said() -> None:
    odd = ["", "../../etc/passwd", "1.2/../3", "1.2.3 4", "1" * 65, "1.2.x", "1..2"]
    left_out: Counter[LeftOut] = Counter()
    with dimse_archive((evt.EVT_C_FIND, answering(*map(study, odd), study("1.2.3")))) as archive:
        found = list(archive.search(Query(modalities=("DX",)), left_out=lambda why: left_out.update([why])))
    assert [each.study_uid for each in found] == ["1.2.3"]
    assert left_out == {LeftOut.NO_UID: len(odd)}


@pytest.mark.filterwarnings("ignore")
def test_missing_attributes_read_as_empty_and_odd_ones_as_text() -> None:
    bare = Dataset()
    bare.QueryRetrieveLevel, bare.StudyInstanceUID, bare.ModalitiesInStudy = "STUDY", "1.2.3", "DX"
    series = Dataset()
    series.QueryRetrieveLevel, series.SeriesInstanceUID, series.Modality = "SERIES", "1.2.3.4", "DX"
    odd = study(
        "1.2.4", StudyDate="yesterday", PatientBirthDate="1960-13-99", StudyDescription="CHEST\x00\x1b[31m\nx" * 99
    )
    with dimse_archive((evt.EVT_C_FIND, answering(bare, odd, series))) as archive:
        shaped, empty = list(archive.search(Query(modalities=("DX",))))
    assert (empty.study_uid, empty.patient_id, empty.acquired, empty.instances) == ("1.2.3", "", "", None)
    assert empty.series == ("1.2.3.4",)
    assert (shaped.acquired, shaped.birth_date) == ("", "")
    assert shaped.description.isprintable()
    assert len(shaped.description) <= 256


@pytest.mark.parametrize(
    ("charset", "raw"), [("ISO_IR 100", "Müller^Jörg"), ("ISO_IR 192", "山田^太郎"), ("", "Mueller^J")]
)
def test_names_come_in_their_character_set(charset: str, raw: str) -> None:
    named = study("1.2.3", PatientName=raw)
    if charset:
        named.SpecificCharacterSet = charset
    with dimse_archive((evt.EVT_C_FIND, answering(named))) as archive:
        (found,) = archive.search(Query(modalities=("DX",)))
    assert found.patient_name == raw


@pytest.mark.filterwarnings("ignore")
def test_an_unknown_character_set_stops_nothing() -> None:
    named = study("1.2.3", PatientName="Doe^Jane")
    named.SpecificCharacterSet = "ISO_IR 9999"
    with dimse_archive((evt.EVT_C_FIND, answering(named))) as archive:
        (found,) = archive.search(Query(modalities=("DX",)))
    assert found.study_uid == "1.2.3"


@pytest.mark.parametrize("same", [True, False])
def test_answers_without_an_end_end(same: bool) -> None:
    sent = 0

    def endless(event: Any) -> Iterator[tuple[int, Dataset | None]]:
        nonlocal sent
        while not event.is_cancelled and event.assoc.is_established:
            sent += 1
            yield 0xFF00, study("1.2.3" if same else f"1.2.3.{sent}")

    with dimse_archive((evt.EVT_C_FIND, endless)) as archive:
        answers = archive.search(Query(modalities=("DX",), limit=20))
        found = []
        with pytest.raises(TooManyFound):
            found.extend(answers)
    assert sent < 2000


def test_an_archive_that_blasts_waits_until_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []
    associate = pynetdicom.AE.associate

    def spying(*arguments: Any, **named: Any) -> Any:
        opened.append(associate(*arguments, **named))
        return opened[-1]

    monkeypatch.setattr(pynetdicom.AE, "associate", spying)
    many = [study(f"1.2.{number}", PatientID="x" * 64) for number in range(400)]
    with dimse_archive((evt.EVT_C_FIND, answering(*many)), timeout=30) as archive:
        answers = archive.search(Query(modalities=("DX",), limit=800))
        next(answers)
        assert 100 < settled(opened[0].dimse.msg_queue.qsize) <= 200
        assert sum(1 for _ in answers) == 399, "and none is lost"


def settled(size: Callable[[], int], *, looks: int = 50) -> int:
    """Wait until so many looks in a row find the same number, and return it."""
    found: deque[int] = deque(maxlen=looks)

    def same() -> bool:
        found.append(size())
        return len(found) == looks and len(set(found)) == 1

    wait_until(same)
    return found[-1]


@contextlib.contextmanager
def silent_archive(*, timeout: float) -> Iterator[Archive]:
    """One that accepts the question and says nothing."""
    over = threading.Event()

    def silent(event: Any) -> Iterator[tuple[int, Dataset | None]]:
        over.wait(60)
        yield 0x0000, None

    with dimse_archive((evt.EVT_C_FIND, silent), timeout=timeout) as archive:
        try:
            yield archive
        finally:
            over.set()


def test_a_silent_archive_is_said_to_be() -> None:
    with silent_archive(timeout=2) as archive, pytest.raises(PeerUnreachable, match="silent for 2 s"):
        list(archive.search(Query()))


def test_a_stop_ends_the_wait_for_a_silent_archive() -> None:
    with silent_archive(timeout=30) as archive:
        begun = time.monotonic()
        assert list(archive.search(Query(), stopped=lambda: time.monotonic() > begun + 0.3)) == []
        assert time.monotonic() - begun < 20


def test_a_stop_ends_the_wait_for_one_who_takes_the_call_and_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        peer = DimsePeer(ae_title="X", host="127.0.0.1", port=listener.getsockname()[1], timeout_seconds=30)
        begun = time.monotonic()
        archive = archive_for(Peer(name="odd", dimse=peer), NetworkConfig())
        assert list(archive.search(Query(), stopped=lambda: time.monotonic() > begun + 0.3)) == []
        assert time.monotonic() - begun < 20


def test_who_does_not_listen_is_named_and_who_refuses_is_too() -> None:
    port = free_port()
    nobody = Peer(name="gone", dimse=DimsePeer(ae_title="GONE", host="127.0.0.1", port=port, timeout_seconds=2))
    with pytest.raises(PeerUnreachable, match=f"gone \\(GONE at 127.0.0.1 port {port}\\)"):
        archive_for(nobody, NetworkConfig()).check()

    def no(event: Any) -> Iterator[tuple[int, Dataset | None]]:
        yield 0xA900, None

    with dimse_archive((evt.EVT_C_FIND, no)) as archive:
        with pytest.raises(PeerRefused, match="0xA900: the question does not fit"):
            list(archive.search(Query(patient_id="SECRET")))
        with pytest.raises(PeerRefused, match="does not offer what is asked"):
            archive.check()


def test_no_plain_talk_where_tls_is_wanted() -> None:
    with dimse_archive((evt.EVT_C_FIND, answering()), asking=1) as plain:
        peer = plain._link.peer.model_copy(update={"tls": {}})
        peer = DimsePeer.model_validate(peer.model_dump() | {"tls": {}, "timeout_seconds": 2})
        with pytest.raises(PeerUnreachable, match="over TLS"):
            list(archive_for(Peer(name="odd", dimse=peer), NetworkConfig()).search(Query()))


def wanted(each: Dataset) -> Found:
    return Found("odd", str(each.StudyInstanceUID), series=(str(each.SeriesInstanceUID),))


def giving(*films: Dataset, after: Callable[[int], None] = lambda _: None) -> Find:
    def get(event: Any) -> Iterator[Any]:
        yield len(films)
        for number, each in enumerate(films):
            if event.is_cancelled:
                yield 0xFE00, None
                return
            after(number)
            yield 0xFF00, each

    return get


def test_a_film_of_another_study_is_refused_and_the_others_stay(spool: Spool) -> None:
    mine, other = film(patient="P1"), film(patient="P2")
    with dimse_archive((evt.EVT_C_GET, giving(other, mine))) as archive:
        fetched = archive.fetch(wanted(mine), into=spool)
    assert [pydicom.dcmread(path).PatientID for path in fetched.kept] == ["P1"]
    assert fetched.refused == ("It is of another study than was asked for.",)


def test_a_stop_in_mid_transfer_keeps_what_came(spool: Spool) -> None:
    first = film(patient="P1")
    films = [first, *(film(patient="P1", study=first.StudyInstanceUID) for _ in range(20))]
    with dimse_archive((evt.EVT_C_GET, giving(*films))) as archive:
        fetched = archive.fetch(wanted(first), into=spool, stopped=lambda: len(list(spool.films())) >= 3)
    assert 3 <= len(fetched.kept) < 21
    assert not fetched.complete
    assert set(fetched.kept) == set(spool.films())


def test_an_archive_that_breaks_off_leaves_what_came_and_says_so(spool: Spool) -> None:
    first = film(patient="P1")
    films = [first, film(patient="P1", study=first.StudyInstanceUID)]

    def get(event: Any) -> Iterator[Any]:
        yield 2
        yield 0xFF00, films[0]
        event.assoc.abort()
        yield 0xFF00, films[1]

    with dimse_archive((evt.EVT_C_GET, get)) as archive:
        fetched = archive.fetch(wanted(first), into=spool)
    assert (len(fetched.kept), fetched.complete) == (1, False)
    assert isinstance(fetched.trouble, PeerUnreachable)


@pytest.mark.parametrize("received", [False, True])
def test_an_object_beyond_the_bound_ends_the_transfer_in_its_middle(
    spool: Spool, monkeypatch: pytest.MonkeyPatch, received: bool
) -> None:
    if received:  # a cut does nothing where the system has received all of it before
        monkeypatch.setattr(Watched, "_cut", lambda self: None)
    huge = film(patient="P1", side=1200)
    with dimse_archive((evt.EVT_C_GET, giving(huge))) as archive:
        small = Archive("odd", archive._link, origin="ODD", object_bytes=1_000_000)
        with pytest.raises(PeerRefused, match="more than is taken"):
            small.fetch(wanted(huge), into=spool)
    assert not list(spool.films())
    assert not list(spool.incoming.iterdir())


def test_a_pdu_of_four_gigabytes_is_not_read() -> None:
    def answer(listener: socket.socket) -> None:
        with contextlib.suppress(OSError), listener.accept()[0] as connection:
            connection.recv(1 << 16)
            connection.sendall(b"\x02\x00\xff\xff\xff\xf0")
            for _ in range(200):
                connection.sendall(bytes(1 << 16))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer, args=(listener,))
        thread.start()
        peer = DimsePeer(ae_title="X", host="127.0.0.1", port=listener.getsockname()[1], timeout_seconds=30)
        begun = time.monotonic()
        with pytest.raises((PeerUnreachable, PeerRefused)):
            archive_for(Peer(name="odd", dimse=peer), NetworkConfig()).check()
        assert time.monotonic() - begun < 20
        thread.join(60)


def test_a_move_needs_a_receiver_and_counts_what_was_sent(spool: Spool) -> None:
    asked: list[str] = []

    def move(event: Any) -> Iterator[Any]:
        asked.append(event.move_destination)
        yield None, None

    with dimse_archive((evt.EVT_C_MOVE, move), retrieve="move") as archive:
        with pytest.raises(PeerRefused, match="0xA801: it does not know"):
            archive.fetch(Found("odd", "1.2", series=("1.2.3",)), into=spool)
        alone = archive_for(Peer(name="odd", dimse=archive._link.peer), NetworkConfig())
        with pytest.raises(PeerRefused, match="does not run"):
            alone.fetch(Found("odd", "1.2", series=("1.2.3",)), into=spool)
    assert asked == ["CXRTRIAGE"]


# By HTTP.

Reply = Callable[[http.server.BaseHTTPRequestHandler], None]


@contextlib.contextmanager
def web_archive(reply: Reply, *, timeout: float = 30, **named: Any) -> Iterator[Archive]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with contextlib.suppress(OSError):
                reply(self)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}/dicom-web"
        yield archive_for(Peer(name="odd", web=WebPeer(url=url, timeout_seconds=timeout, **named)), NetworkConfig())
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def saying(body: bytes, *, status: int = 200, kind: str = "application/dicom+json", **headers: str) -> Reply:
    def reply(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body)

    return reply


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        (saying(b"<html>login</html>", kind="text/html"), PeerRefused, "no DICOM JSON"),
        (saying(b'"text"'), PeerRefused, "no DICOM JSON"),
        (saying(b"[" * 200_000), PeerRefused, "no DICOM JSON"),
        (saying(b"x", status=401), PeerRefused, "HTTP 401: it wants other credentials"),
        (saying(b"x", status=500), PeerRefused, "HTTP 500"),
        (saying(b"", status=302, Location="http://127.0.0.1:9/"), PeerRefused, "redirects"),
    ],
)
def test_answers_that_are_no_json_are_said_in_a_sentence(reply: Reply, error: type[Exception], words: str) -> None:
    with web_archive(reply) as archive, pytest.raises(error, match=words) as said:
        list(archive.search(Query(patient_id="SECRET")))
    assert "SECRET" not in str(said.value)


@pytest.mark.filterwarnings("ignore")
def test_odd_items_in_json_are_left_out() -> None:
    good = {
        "0020000D": {"vr": "UI", "Value": ["1.2.3"]},
        "00080061": {"vr": "CS", "Value": ["DX"]},
        "00081030": {"vr": "LO", "Value": ["CHEST"]},
    }
    odd: list[Any] = [None, 7, "x", [], {"0020000D": 3}, {"0020000D": {"vr": "??", "Value": {}}}, {"zzz": {}}]
    traversal = good | {"0020000D": {"vr": "UI", "Value": ["../../secret"]}}
    left_out: Counter[LeftOut] = Counter()
    with web_archive(saying(json.dumps([*odd, traversal, good]).encode())) as archive:
        found = list(archive.search(Query(modalities=("DX",)), left_out=lambda why: left_out.update([why])))
    assert [each.study_uid for each in found] == ["1.2.3"]
    assert left_out.total() >= len(odd)


def paging(total: int, *, most: int, minds_offset: bool) -> Reply:
    """Answer at most so many studies at once, with a Warning where there are more."""

    def reply(request: http.server.BaseHTTPRequestHandler) -> None:
        asked = parse_qs(urlsplit(request.path).query)
        first = int(asked.get("offset", ["0"])[0]) if minds_offset else 0
        last = min(total, first + most)
        page = [
            {
                "0020000D": {"vr": "UI", "Value": [f"1.2.{number + 1}"]},
                "00080061": {"vr": "CS", "Value": ["DX"]},
                "00081030": {"vr": "LO", "Value": ["CHEST"]},
            }
            for number in range(first, last)
        ]
        more = {"Warning": "299 x: there are more"} if last < total else {}
        saying(json.dumps(page).encode(), **more)(request)

    return reply


def test_an_archive_that_answers_in_parts_is_asked_for_the_rest() -> None:
    with web_archive(paging(25, most=10, minds_offset=True)) as archive:
        assert len(list(archive.search(Query(modalities=("DX",))))) == 25


def test_a_list_that_is_not_complete_is_said_to_be() -> None:
    with web_archive(paging(25, most=10, minds_offset=False)) as archive:
        answers = archive.search(Query(modalities=("DX",)))
        assert len(list(islice(answers, 10))) == 10
        with pytest.raises(PeerRefused, match="a part of its answers"):
            next(answers)


def test_an_answer_without_an_end_is_not_read_to_it() -> None:
    def endless(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "application/dicom+json")
        request.end_headers()
        request.wfile.write(b"[")
        while True:
            request.wfile.write(b" " * (1 << 20))

    with web_archive(endless) as archive, pytest.raises(PeerRefused, match="longer answer"):
        list(archive.search(Query()))


def test_a_stop_ends_a_web_answer_that_never_comes() -> None:
    over = threading.Event()

    def dripping(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "application/dicom+json")
        request.end_headers()
        request.wfile.write(b"[")
        request.wfile.flush()
        over.wait(60)

    with web_archive(dripping, timeout=30) as archive:
        begun = time.monotonic()
        assert list(archive.search(Query(), stopped=lambda: time.monotonic() > begun + 0.3)) == []
        assert time.monotonic() - begun < 20
        over.set()


def multipart(*objects: bytes) -> bytes:
    head = b"\r\n--xyz\r\nContent-Type: application/dicom\r\n\r\n"
    return b"".join(head + each for each in objects) + b"\r\n--xyz--\r\n"


def as_file(each: Dataset, folder: Path) -> bytes:
    path = folder / "written.dcm"
    each.save_as(path, enforce_file_format=True)
    return path.read_bytes()


_MULTIPART = 'multipart/related; type="application/dicom"; boundary="xyz"'


def test_rubbish_among_parts_is_refused_and_films_are_kept(spool: Spool, tmp_path: Path) -> None:
    mine = film(patient="P1")
    good = as_file(mine, tmp_path)
    body = multipart(b"rubbish", good, good[:140] + b"\xff" * 50, as_file(film(patient="P2"), tmp_path), b"")
    with web_archive(saying(body, kind=_MULTIPART)) as archive:
        fetched = archive.fetch(wanted(mine), into=spool)
    assert [pydicom.dcmread(path).PatientID for path in fetched.kept] == ["P1"]
    assert len(fetched.refused) == 4
    assert fetched.complete
    assert not list(spool.incoming.iterdir())


def test_a_body_that_is_cut_off_leaves_what_came(spool: Spool, tmp_path: Path) -> None:
    mine = film(patient="P1")
    good = as_file(mine, tmp_path)
    with web_archive(saying(multipart(good, good)[: len(good) + 5000], kind=_MULTIPART)) as archive:
        fetched = archive.fetch(wanted(mine), into=spool)
    assert (len(fetched.kept), fetched.complete) == (1, False)
    assert isinstance(fetched.trouble, PeerUnreachable)


def test_credentials_come_from_files_and_go_nowhere_else(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    heard: list[str] = []

    def reply(request: http.server.BaseHTTPRequestHandler) -> None:
        heard.append(request.headers["Authorization"])
        assert request.headers["Host"].endswith(str(request.server.server_address[1]))  # type: ignore[attr-defined]
        saying(b"[]")(request)

    token, password = tmp_path / "token", tmp_path / "password"
    token.write_text("abc.def\n")
    password.write_text("päss\n", "utf-8")
    with web_archive(reply, token_file=token) as archive:
        list(archive.search(Query(patient_id="SECRET")))
    with web_archive(reply, user="reader", password_file=password) as archive:
        archive.check()
    assert heard[0] == "Bearer abc.def"
    assert heard[-1].startswith("Basic ")
    assert "SECRET" not in caplog.text
    assert "abc.def" not in caplog.text
    with web_archive(reply, token_file=tmp_path / "none") as archive, pytest.raises(PeerUnreachable, match="none"):
        archive.check()


def test_parts_are_told_apart_however_they_are_cut() -> None:
    body = multipart(b"one", b"", b"two\r\n--xy", b"x" * 5000)
    for size in (1, 2, 3, 7, 64, len(body)):
        chunks = (body[start : start + size] for start in range(0, len(body), size))
        assert [b"".join(each) for each in parts(chunks, b"xyz")] == [b"one", b"", b"two\r\n--xy", b"x" * 5000]
    with pytest.raises(BodyBroken):
        list(parts(iter([b"--xyz\r\n" + b"h" * 40_000]), b"xyz"))
    assert boundary_of("Multipart/Related; a=b; boundary=q") == b"q"
    assert boundary_of("application/json") == b""
