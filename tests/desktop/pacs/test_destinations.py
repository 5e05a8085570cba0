"""Both ways to an archive keep the same promises; each test runs against both."""

from __future__ import annotations

import contextlib
import gc
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("pynetdicom")
pytest.importorskip("dicomweb_client")

from pydicom.uid import UID
from pynetdicom.pdu import A_ASSOCIATE_AC
from pynetdicom.pdu_primitives import A_ASSOCIATE, ImplementationClassUIDNotification, MaximumLengthNotification
from pynetdicom.presentation import build_context

from cxr_desktop.pacs.config import DimsePeer, Peer, Tls, WebPeer
from cxr_desktop.pacs.errors import PeerRefused, PeerUnreachable
from cxr_desktop.pacs.send.destination import destination_for, outcome_of
from cxr_desktop.pacs.send.entries import Outcome, Outgoing, State
from cxr_desktop.pacs.send.stow import _ANSWER_BYTES

from .material import outgoing, small_object, wait_until
from .peers_own import DROP, HANG, STORE_AND_DROP, StoreScp, StowServer
from .ports import free_port

pytestmark = pytest.mark.waiting

Own = StoreScp | StowServer


@pytest.fixture(params=["dimse", "web"])
def own(request: pytest.FixtureRequest) -> Iterator[Own]:
    peer: Own = StoreScp() if request.param == "dimse" else StowServer()
    yield peer
    peer.close()


@pytest.fixture
def objects(tmp_path: Path) -> list[Outgoing]:
    return outgoing(tmp_path, [small_object(kind) for kind in ("SR", "SEG", "SC")])


def send(peer: Peer, objects: list[Outgoing]) -> tuple[list[Outcome], list[int]]:
    """Send, and give the outcomes and the numbers of those that were said to be going out."""
    begun: list[int] = []
    with contextlib.closing(destination_for(peer, "CXRTRIAGE")) as way:
        return list(way.send(objects, lambda each: begun.append(each.number))), begun


def holds(peer: Peer, each: Outgoing) -> bool | None:
    with contextlib.closing(destination_for(peer, "CXRTRIAGE")) as way:
        return way.holds(each)


def test_objects_arrive_once_and_whole(own: Own, objects: list[Outgoing]) -> None:
    outcomes, begun = send(own.peer(), objects)
    assert outcomes == [Outcome(each.number, State.SENT) for each in objects]
    assert begun == [1, 2, 3]
    assert own.archive.received == [each.uid for each in objects]
    assert own.archive.held[objects[0].uid].PatientName == "Secret^Patient"


def test_it_is_said_before_each_object_goes_out(own: Own, objects: list[Outgoing]) -> None:
    with contextlib.closing(destination_for(own.peer(), "CXRTRIAGE")) as way:
        outcomes = way.send(objects, lambda each: seen.append(len(own.archive.received)))
        seen: list[int] = []
        assert [outcome.state for outcome in outcomes] == [State.SENT] * 3
    assert seen == [0, 1, 2]


@pytest.mark.parametrize("act", [DROP, STORE_AND_DROP])
def test_a_lost_answer_is_unconfirmed_and_the_peer_can_be_asked(own: Own, objects: list[Outgoing], act: str) -> None:
    own.archive.script = [act]
    outcomes, begun = send(own.peer(), objects[:1])
    assert [outcome.state for outcome in outcomes] == [State.UNCONFIRMED]
    assert begun == [1]
    assert holds(own.peer(), objects[0]) is (act == STORE_AND_DROP)


def test_silence_is_unconfirmed(own: Own, objects: list[Outgoing]) -> None:
    own.archive.script = [HANG]
    outcomes, _ = send(own.peer(seconds=2), objects[:1])
    assert [outcome.state for outcome in outcomes] == [State.UNCONFIRMED]


def test_a_peer_that_does_not_answer_the_question_is_no_answer(own: Own, objects: list[Outgoing]) -> None:
    own.archive.answers = False
    assert holds(own.peer(), objects[0]) is None


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (0xB000, State.SENT),
        (0xA700, State.WAITING),
        (0x0110, State.WAITING),
        (0xA900, State.REFUSED),
        (0xC000, State.REFUSED),
        (0x0124, State.REFUSED),
        (0x0122, State.REFUSED),
        (0x0111, State.SENT),
    ],
)
def test_a_status_is_understood_and_the_rest_still_goes(
    own: Own, objects: list[Outgoing], status: int, state: State
) -> None:
    own.archive.script = [status]
    outcomes, _ = send(own.peer(), objects)
    assert [outcome.state for outcome in outcomes] == [state, State.SENT, State.SENT], outcomes
    assert f"{status:04X}" in outcomes[0].reason or status == 0x0111


def test_nobody_there_means_that_nothing_was_sent(own: Own, objects: list[Outgoing]) -> None:
    peer = own.peer(seconds=2)
    nobody = (
        Peer(name="none", web=WebPeer(url=f"http://127.0.0.1:{free_port()}"))
        if peer.web
        else Peer(name="none", dimse=DimsePeer(ae_title="NONE", host="127.0.0.1", port=free_port()))
    )
    with pytest.raises(PeerUnreachable, match="'none'"):
        send(nobody, objects)
    assert holds(nobody, objects[0]) is None


def test_a_class_that_is_not_taken_costs_only_itself(objects: list[Outgoing]) -> None:
    own = StoreScp(classes=(objects[1].sop_class, objects[2].sop_class))
    try:
        outcomes, begun = send(own.peer(), objects)
        assert [outcome.state for outcome in outcomes] == [State.REFUSED, State.SENT, State.SENT]
        assert begun == [2, 3]
        alone, begun = send(own.peer(), objects[:1])
        assert [outcome.state for outcome in alone] == [State.REFUSED]
        assert begun == []
    finally:
        own.close()


def test_one_association_takes_all(objects: list[Outgoing]) -> None:
    own = StoreScp()
    try:
        send(own.peer(), objects)
        assert own.associations == 1
    finally:
        own.close()


def test_what_comes_after_a_broken_association_was_not_sent(objects: list[Outgoing]) -> None:
    own = StoreScp()
    try:
        own.archive.script = [STORE_AND_DROP]
        begun: list[int] = []
        found: list[Outcome] = []
        with pytest.raises(PeerUnreachable):
            found.extend(destination_for(own.peer(), "CXRTRIAGE").send(objects, lambda each: begun.append(each.number)))
        assert begun == [1]
        assert own.archive.received == [objects[0].uid]
    finally:
        own.close()


@pytest.fixture
def web() -> Iterator[StowServer]:
    server = StowServer()
    yield server
    server.close()


def test_a_closed_way_leaves_no_connection_open(
    web: StowServer, objects: list[Outgoing], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cxr_desktop.pacs.send.stow._ANSWER_BYTES", 8)
    gc.disable()  # a collection would close what an error still refers to
    try:
        send(web.peer(), objects[:1])
        wait_until(web.is_idle, 10)
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("act", "state"),
    [
        ("http 500", State.UNCONFIRMED),
        ("http 502", State.UNCONFIRMED),
        ("http 504", State.UNCONFIRMED),
        ("http 408", State.UNCONFIRMED),
        ("http 409", State.REFUSED),
        ("http 413", State.REFUSED),
        ("http 415", State.REFUSED),
        ("http 400", State.REFUSED),
        ("garbage", State.UNCONFIRMED),
        ("http 200", State.UNCONFIRMED),
        ("http 204", State.UNCONFIRMED),
    ],
)
def test_http_answers_are_understood(web: StowServer, objects: list[Outgoing], act: str, state: State) -> None:
    web.archive.script = [act]
    outcomes, _ = send(web.peer(), objects)
    assert [outcome.state for outcome in outcomes] == [state, State.SENT, State.SENT], outcomes
    assert web.archive.received == [each.uid for each in objects], "the client repeated by itself"


@pytest.mark.parametrize("code", [401, 403, 404, 405, 429, 501, 503, 302])
def test_http_answers_that_concern_all_end_the_try(web: StowServer, objects: list[Outgoing], code: int) -> None:
    web.archive.script = [f"http {code}"] * 5
    with pytest.raises(PeerRefused, match=str(code) if code != 302 else "elsewhere"):
        send(web.peer(), objects)
    assert web.archive.received == [objects[0].uid]


def test_an_endless_answer_is_not_read_to_its_end(
    web: StowServer, objects: list[Outgoing], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cxr_desktop.pacs.send.stow._ANSWER_BYTES", 8)
    assert _ANSWER_BYTES < 1e8
    outcomes, _ = send(web.peer(), objects[:1])
    assert [outcome.state for outcome in outcomes] == [State.UNCONFIRMED]


def test_credentials_go_along_and_stay_out_of_messages(
    web: StowServer, objects: list[Outgoing], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str | None] = []
    handler = web.server.RequestHandlerClass
    original = handler.do_POST  # type: ignore[attr-defined]

    def noting(self: object) -> None:
        seen.append(self.headers.get("Authorization"))  # type: ignore[attr-defined]
        original(self)

    monkeypatch.setattr(handler, "do_POST", noting)
    (tmp_path / "token").write_text("t0ken\n")
    (tmp_path / "password").write_text("pässword\n")
    url = f"http://127.0.0.1:{web.port}"
    token = WebPeer(url=url, token_file=tmp_path / "token")
    basic = WebPeer(url=url, user="anna", password_file=tmp_path / "password")
    for settings in (token, basic):
        send(Peer(name="web", web=settings), objects[:1])
    assert seen == ["Bearer t0ken", "Basic YW5uYTpww6Rzc3dvcmQ="]
    gone = Peer(name="web", web=WebPeer(url=url, token_file=tmp_path / "gone"))
    with pytest.raises(PeerUnreachable, match="gone cannot be read"):
        send(gone, objects)


def test_every_status_has_an_outcome() -> None:
    for status in range(0x10000):
        outcome = outcome_of(1, status)
        assert outcome.state in (State.SENT, State.WAITING, State.REFUSED)
        assert (outcome.state is State.SENT) == (status in (0, 1, 0x0107, 0x0116, 0x0111) or 0xB000 <= status <= 0xBFFF)


@contextlib.contextmanager
def listening(answer: bytes | None) -> Iterator[int]:
    """Something that takes connections, and says the same to all, or nothing."""
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.05)
    over = threading.Event()

    def serve() -> None:
        held = []
        while not over.is_set():
            with contextlib.suppress(OSError):
                connection, _ = server.accept()
                held.append(connection)
                if answer is not None:
                    connection.recv(4096)
                    connection.sendall(answer)
                    connection.close()
        for connection in held:
            connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        over.set()
        thread.join()
        server.close()


# pynetdicom's own thread ends with an error where a PDU holds what none may.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("answer", [None, b"\x00" * 64, b"HTTP/1.1 nonsense\r\n\r\n", b"\x03\x00\x00\x00\x00\x04abcd"])
def test_who_is_silent_or_speaks_nonsense_is_no_dimse_peer(objects: list[Outgoing], answer: bytes | None) -> None:
    with listening(answer) as port:
        peer = Peer(name="odd", dimse=DimsePeer(ae_title="ODD", host="127.0.0.1", port=port, timeout_seconds=0.5))
        begun: list[int] = []
        with contextlib.closing(destination_for(peer, "CXRTRIAGE")) as way:
            with pytest.raises((PeerUnreachable, PeerRefused)):
                list(way.send(objects, lambda each: begun.append(each.number)))
            assert way.holds(objects[0]) is None
        assert begun == []


@pytest.mark.parametrize("answer", [None, b"\x00" * 64, b"HTTP/1.1 nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\n"])
def test_a_web_peer_that_is_silent_or_speaks_nonsense_may_hold_the_object(
    objects: list[Outgoing], answer: bytes | None
) -> None:
    with listening(answer) as port:
        peer = Peer(name="odd", web=WebPeer(url=f"http://127.0.0.1:{port}", timeout_seconds=0.5))
        outcomes, _ = send(peer, objects[:1])
        assert [outcome.state for outcome in outcomes] == [State.UNCONFIRMED]
        assert holds(peer, objects[0]) is None


@pytest.fixture(params=["dimse", "web"])
def over_tls(request: pytest.FixtureRequest, certificate: tuple[Path, Path]) -> Iterator[Own]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    peer: Own = StoreScp(tls=context) if request.param == "dimse" else StowServer(tls=context)
    yield peer
    peer.close()


def tls_peer(own: Own, authorities: Path | None, host: str = "127.0.0.1") -> Peer:
    if isinstance(own, StoreScp):
        tls = Tls(authorities=authorities)
        return Peer(name="tls", dimse=DimsePeer(ae_title="OWN", host=host, port=own.port, tls=tls, timeout_seconds=5))
    url = f"https://{host}:{own.port}/dicom-web"
    return Peer(name="tls", web=WebPeer(url=url, authorities=authorities, timeout_seconds=5))


def test_objects_go_over_tls_to_a_peer_that_is_believed(
    over_tls: Own, certificate: tuple[Path, Path], objects: list[Outgoing]
) -> None:
    peer = tls_peer(over_tls, certificate[0])
    outcomes, _ = send(peer, objects)
    assert [outcome.state for outcome in outcomes] == [State.SENT] * 3
    assert holds(peer, objects[0]) is True


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_nothing_goes_to_a_peer_that_is_not_believed(
    over_tls: Own, certificate: tuple[Path, Path], objects: list[Outgoing], host: str
) -> None:
    """Its authority is unknown, or its certificate is of another name."""
    peer = tls_peer(over_tls, None if host == "127.0.0.1" else certificate[0], host)
    with pytest.raises(PeerUnreachable):
        send(peer, objects)
    assert over_tls.archive.received == []


def test_nothing_goes_in_plain_text_where_tls_is_asked_for(
    own: Own, certificate: tuple[Path, Path], objects: list[Outgoing]
) -> None:
    if isinstance(own, StoreScp):
        own.entity.acse_timeout = 1  # for so long pynetdicom waits for a caller who is gone
    with contextlib.suppress(PeerUnreachable):
        outcomes, _ = send(tls_peer(own, certificate[0]), objects[:1])
        assert [outcome.state for outcome in outcomes] == [State.UNCONFIRMED]
    assert own.archive.received == []


def accepting(classes: list[str], result: int) -> bytes:
    """Answer to an association request whose presentation contexts all get the same result."""
    contexts = []
    for number, each in enumerate(sorted(set(classes))):
        context = build_context(each, "1.2.840.10008.1.2.1")
        context.context_id, context.result = 2 * number + 1, result
        contexts.append(context)
    longest, implementation = MaximumLengthNotification(), ImplementationClassUIDNotification()
    longest.maximum_length_received, implementation.implementation_class_uid = 16382, UID("1.2.3")
    answer = A_ASSOCIATE()
    answer.application_context_name = UID("1.2.840.10008.3.1.1.1")
    answer.calling_ae_title, answer.called_ae_title, answer.result, answer.result_source = "CXRTRIAGE", "ODD", 0, 1
    answer.presentation_context_definition_results_list = contexts
    answer.user_information = [longest, implementation]
    encoded = A_ASSOCIATE_AC()
    encoded.from_primitive(answer)
    return bytes(encoded.encode())


@pytest.mark.parametrize(("result", "state"), [(1, State.WAITING), (2, State.WAITING), (3, State.REFUSED)])
def test_only_a_class_that_is_not_supported_is_refused_for_good(
    objects: list[Outgoing], result: int, state: State
) -> None:
    with listening(accepting([each.sop_class for each in objects], result)) as port:
        peer = Peer(name="odd", dimse=DimsePeer(ae_title="ODD", host="127.0.0.1", port=port, timeout_seconds=30))
        outcomes, begun = send(peer, objects)
        assert [outcome.state for outcome in outcomes] == [state] * 3
        assert begun == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_pdu_without_end_is_not_read_into_memory(objects: list[Outgoing]) -> None:
    sent = 0

    def flood(server: socket.socket) -> None:
        nonlocal sent
        connection, _ = server.accept()
        with connection, contextlib.suppress(OSError):
            connection.settimeout(60)
            connection.recv(4096)
            connection.sendall(b"\x02\x00\xf0\x00\x00\x00")
            while sent < 1 << 28:
                sent += connection.send(bytes(1 << 20))

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=flood, args=(server,))
        thread.start()
        port = server.getsockname()[1]
        peer = Peer(name="odd", dimse=DimsePeer(ae_title="ODD", host="127.0.0.1", port=port, timeout_seconds=2))
        with pytest.raises((PeerUnreachable, PeerRefused)):
            send(peer, objects)
        thread.join(60)
    assert sent < 1 << 24, "no more than what the system's buffers hold"
