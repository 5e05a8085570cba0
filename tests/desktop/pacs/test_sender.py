"""The sender: everything arrives once, whatever the peer does, and no peer holds up another."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

pytest.importorskip("pynetdicom")
pytest.importorskip("dicomweb_client")

from cxr_desktop.pacs.config import DimsePeer, NetworkConfig, Peer, WebPeer
from cxr_desktop.pacs.send.entries import Outcome, State
from cxr_desktop.pacs.send.errors import OutboxNotWritable
from cxr_desktop.pacs.send.outbox import Outbox
from cxr_desktop.pacs.send.sender import Deferred, Refused, Sender, SendEvent, Sent, Troubled, Unconfirmed

from .material import QUICK, small_object, wait_until
from .peers_own import DROP, HANG, STORE_AND_DROP, TAKE, StoreScp, StowServer
from .ports import free_port

pytestmark = pytest.mark.waiting
FILM = "f" * 64
Own = StoreScp | StowServer


@pytest.fixture(params=["dimse", "web"])
def own(request: pytest.FixtureRequest) -> Iterator[Own]:
    peer: Own = StoreScp() if request.param == "dimse" else StowServer()
    yield peer
    peer.close()


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox(tmp_path / "outbox", backoff=QUICK) as outbox:
        yield outbox


@pytest.fixture
def events() -> list[SendEvent]:
    return []


@pytest.fixture
def sending(outbox: Outbox, events: list[SendEvent]) -> Callable[..., object]:
    """A sender that runs inside a with block."""

    @contextmanager
    def run(*peers: Peer, close: float = 5) -> Iterator[Sender]:
        sender = Sender(outbox, NetworkConfig(peers=peers), on_event=events.append)
        sender.start()
        try:
            yield sender
        finally:
            sender.close(close)

    return run


@pytest.fixture
def looked(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set when a sender found nothing that is due, and waits."""
    looked, wait = threading.Event(), outbox.wait

    def noting(peer: str) -> float | None:
        looked.set()
        return wait(peer)

    monkeypatch.setattr(outbox, "wait", noting)
    return looked


def states(outbox: Outbox) -> list[State]:
    return [entry.state for entry in outbox.entries()]


def fill(outbox: Outbox, to: str = "own", number: int = 1) -> list[str]:
    objects = [small_object() for _ in range(number)]
    outbox.add(objects, to=to, film=FILM)
    return [str(made.SOPInstanceUID) for _, made in objects]


def test_what_is_added_is_sent_at_once_when_woken(
    own: Own, outbox: Outbox, looked: threading.Event, events: list[SendEvent], sending
) -> None:
    with sending(own.peer()) as sender:
        assert looked.wait(60), "it sleeps now, for a minute"
        uids = fill(outbox, number=3)
        sender.wake()
        wait_until(lambda: states(outbox) == [State.SENT] * 3, 30)
    assert own.archive.received == uids
    assert [type(event) for event in events] == [Sent] * 3
    assert "SECRET" not in repr(events).upper()
    assert [(event.peer, event.number, event.kind) for event in events] == [("own", n, "SR") for n in (1, 2, 3)]


def test_a_stored_object_whose_answer_was_lost_is_not_sent_again(
    own: Own, outbox: Outbox, events: list[SendEvent], sending
) -> None:
    own.archive.script = [STORE_AND_DROP] * 3
    uids = fill(outbox, number=3)
    with sending(own.peer()):
        wait_until(lambda: states(outbox) == [State.SENT] * 3)
    assert Counter(own.archive.received) == Counter(uids)
    assert {entry.reason for entry in outbox.entries()} == {"no answer came, but the peer holds it"}
    assert sum(isinstance(event, Unconfirmed) for event in events) == 3


def test_an_object_that_was_dropped_is_sent_again_once_the_peer_says_so(own: Own, outbox: Outbox, sending) -> None:
    own.archive.script = [DROP, DROP]
    (uid,) = fill(outbox)
    with sending(own.peer()):
        wait_until(lambda: states(outbox) == [State.SENT])
    assert own.archive.received == [uid] * 3
    assert list(own.archive.held) == [uid]


def test_without_an_answer_to_the_question_only_a_person_has_it_sent_again(own: Own, outbox: Outbox, sending) -> None:
    own.archive.script, own.archive.answers = [STORE_AND_DROP], False
    (uid,) = fill(outbox)
    with sending(own.peer()) as sender:
        wait_until(lambda: next(outbox.entries()).attempts >= 4)
        assert states(outbox) == [State.UNCONFIRMED]
        assert own.archive.received == [uid]
        outbox.resend(1)
        sender.wake()
        wait_until(lambda: states(outbox) == [State.SENT])
    assert own.archive.received == [uid] * 2


def test_a_peer_without_room_is_tried_again(own: Own, outbox: Outbox, events: list[SendEvent], sending) -> None:
    own.archive.script = [0xA700, 0xA700]
    (uid,) = fill(outbox)
    with sending(own.peer()):
        wait_until(lambda: states(outbox) == [State.SENT])
    assert own.archive.received == [uid] * 3
    assert [type(event) for event in events] == [Deferred, Deferred, Sent]


def test_a_refusal_is_final_until_a_person_retries(
    own: Own, outbox: Outbox, looked: threading.Event, events: list[SendEvent], sending
) -> None:
    own.archive.script = [0xC000]
    (uid,) = fill(outbox)
    with sending(own.peer()) as sender:
        wait_until(lambda: states(outbox) == [State.REFUSED])
        looked.clear()
        sender.wake()
        assert looked.wait(60)
        assert own.archive.received == [uid]
        outbox.retry()
        sender.wake()
        wait_until(lambda: states(outbox) == [State.SENT])
    assert isinstance(events[0], Refused)
    assert "C000" in events[0].reason


def test_a_peer_that_hangs_holds_up_no_other(outbox: Outbox, sending) -> None:
    slow, quick = StoreScp(), StowServer()
    try:
        slow.archive.script = [HANG]
        fill(outbox, "slow"), fill(outbox, "quick", 5)
        with sending(slow.peer("slow", seconds=100), quick.peer("quick")):
            wait_until(lambda: states(outbox) == [State.SENDING, *[State.SENT] * 5])
            slow.archive.go_on.set()
            wait_until(lambda: states(outbox)[0] is State.SENT)
    finally:
        slow.close(), quick.close()


def test_closing_takes_no_longer_than_said_and_leaves_what_hung_unconfirmed(own: Own, tmp_path: Path) -> None:
    own.archive.script = [HANG]
    with Outbox(tmp_path / "closing", backoff=QUICK) as outbox:
        fill(outbox, number=2)
        sender = Sender(outbox, NetworkConfig(peers=(own.peer(seconds=60),)), on_event=lambda event: None)
        sender.start()
        wait_until(lambda: State.SENDING in states(outbox))
        start = time.monotonic()
        sender.close(0.2)
        assert time.monotonic() - start < 10, "it did not wait for the answer, for which the peer has a minute"
    with Outbox(tmp_path / "closing", backoff=QUICK) as outbox:
        assert states(outbox) == [State.UNCONFIRMED, State.WAITING]


def test_a_peer_that_comes_back_gets_what_waited(outbox: Outbox, events: list[SendEvent], sending) -> None:
    port = free_port()
    away = Peer(name="own", dimse=DimsePeer(ae_title="OWN", host="127.0.0.1", port=port, timeout_seconds=5))
    uids = fill(outbox, number=3)
    with sending(away):
        wait_until(lambda: any(entry.attempts >= 2 for entry in outbox.entries()))
        assert states(outbox) == [State.WAITING] * 3
        assert "did not answer" in next(outbox.entries()).reason
        own = StoreScp(port=port)
        try:
            wait_until(lambda: states(outbox) == [State.SENT] * 3)
            assert own.archive.received == uids
        finally:
            own.close()
    assert {event.number for event in events if isinstance(event, Deferred)} == {0}


def test_many_objects_share_associations(outbox: Outbox, sending, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cxr_desktop.pacs.send.sender._BATCH", 20)
    own = StoreScp()
    try:
        uids = fill(outbox, number=25)
        with sending(own.peer()):
            wait_until(lambda: outbox.counts()[State.SENT] == 25)
        assert own.archive.received == uids
        assert own.associations == 2
    finally:
        own.close()


def test_what_was_being_sent_when_the_program_ended_is_asked_for(own: Own, tmp_path: Path) -> None:
    with Outbox(tmp_path / "again", backoff=QUICK) as outbox:
        held, lost = small_object(), small_object()
        outbox.add([held, lost], to="own", film=FILM)
        outbox.begin(1), outbox.begin(2)
    own.archive.held[str(held[1].SOPInstanceUID)] = held[1]
    with Outbox(tmp_path / "again", backoff=QUICK) as outbox:
        sender = Sender(outbox, NetworkConfig(peers=(own.peer(),)), on_event=lambda event: None)
        sender.start()
        wait_until(lambda: states(outbox) == [State.SENT] * 2)
        sender.close()
    assert own.archive.received == [str(lost[1].SOPInstanceUID)]


def test_a_peer_that_is_not_in_the_network_file_waits_with_a_reason(
    own: Own, outbox: Outbox, events: list[SendEvent], sending
) -> None:
    fill(outbox, "gone")
    with sending(own.peer()):
        pass
    assert states(outbox) == [State.WAITING]
    assert next(outbox.entries()).reason == "no peer called 'gone' is in the network file"
    assert [type(event) for event in events] == [Deferred]


def test_a_missing_token_puts_all_off_without_haste(
    outbox: Outbox, events: list[SendEvent], tmp_path: Path, sending
) -> None:
    fill(outbox, number=2)
    outbox.begin(1)
    peer = Peer(name="own", web=WebPeer(url="http://127.0.0.1:1", token_file=tmp_path / "gone"))
    outbox.record(Outcome(1, State.UNCONFIRMED))
    with sending(peer):
        wait_until(lambda: min(entry.attempts for entry in outbox.entries()) >= 3)
        assert len(events) < 20
    assert states(outbox) == [State.UNCONFIRMED, State.WAITING]
    assert all("gone cannot be read" in entry.reason for entry in outbox.entries())


def test_without_the_extra_the_reason_says_what_to_install() -> None:
    code = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("pynetdicom", "dicomweb_client"):
            raise ModuleNotFoundError(f"blocked: {name}", name=name)
sys.meta_path.insert(0, Blocked())
import cxr_desktop.pacs.send.sender, cxr_desktop.pacs.send.show, cxr_desktop.pacs.send.results
from cxr_desktop.pacs.config import DimsePeer, Peer, WebPeer
from cxr_desktop.pacs.send.destination import destination_for
from cxr_shared.errors import MissingExtra
for peer in (Peer(name="a", dimse=DimsePeer(ae_title="A", host="h", port=1)), Peer(name="a", web=WebPeer(url="https://h"))):
    try:
        destination_for(peer, "CXR")
    except MissingExtra as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("pip install 'cxr-triage[pacs]'") == 2


@pytest.mark.parametrize("number", [0, *(pytest.param(number, marks=pytest.mark.nightly) for number in range(1, 8))])
def test_whatever_a_peer_does_an_object_that_it_holds_is_never_sent_again(
    own: Own, outbox: Outbox, sending, number: int
) -> None:
    chance = random.Random(number)
    own.archive.script = chance.choices([DROP, STORE_AND_DROP, 0xA700, 0xB000, TAKE], k=25)
    uids = fill(outbox, number=15)
    refused = Counter[str]()
    original = own.archive.next

    def noting(dataset: Dataset) -> str | int:
        uid = str(dataset.SOPInstanceUID)
        assert uid not in own.archive.held, "it was sent although the peer holds it"
        act = original(dataset)
        refused[uid] += act in (DROP, 0xA700)
        return act

    own.archive.next = noting  # type: ignore[method-assign]
    with sending(own.peer()):
        wait_until(lambda: outbox.counts()[State.SENT] == 15)
    assert set(own.archive.held) == set(uids)
    assert Counter(own.archive.received) == Counter({uid: 1 + refused[uid] for uid in uids})


def test_an_outcome_that_the_disk_did_not_take_is_kept_later_and_nothing_is_sent_twice(
    own: Own, outbox: Outbox, events: list[SendEvent], sending, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cxr_desktop.pacs.send.sender._AFTER_FAULT_S", 0.05)
    original, faults = outbox.record, [OutboxNotWritable(outbox.folder, "disk full") for _ in range(3)]

    def full(outcome: Outcome) -> None:
        if faults:
            raise faults.pop()
        original(outcome)

    monkeypatch.setattr(outbox, "record", full)
    uids = fill(outbox, number=2)
    with sending(own.peer()):
        wait_until(lambda: states(outbox) == [State.SENT] * 2)
    assert own.archive.received == uids
    assert sum(isinstance(event, Troubled) for event in events) == 3


def test_whoever_listens_and_fails_stops_nothing(own: Own, outbox: Outbox) -> None:
    def failing(event: SendEvent) -> None:
        raise RuntimeError("no counter")

    fill(outbox, number=2)
    sender = Sender(outbox, NetworkConfig(peers=(own.peer(),)), on_event=failing)
    sender.start()
    wait_until(lambda: states(outbox) == [State.SENT] * 2)
    sender.close()
