"""The outbox: what goes in comes out once, whatever happens between."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from pydicom.dataset import Dataset

from cxr_desktop.pacs.send.entries import MIGRATIONS, Backoff, Entry, Outcome, State
from cxr_desktop.pacs.send.errors import (
    EntryUnknown,
    OutboxClosed,
    OutboxDamaged,
    OutboxInUse,
    OutboxNewer,
    OutboxNotWritable,
)
from cxr_desktop.pacs.send.outbox import FILE_DAMAGED, Outbox
from cxr_shared.errors import OutputError

from .material import small_object

FILM = "f" * 64
BACKOFF = Backoff(first=10, most=100, jitter=0, settle=30)


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def outbox(tmp_path: Path, clock: Clock) -> Iterator[Outbox]:
    with Outbox(tmp_path / "outbox", clock=clock, backoff=BACKOFF) as outbox:
        yield outbox


def one(outbox: Outbox, *states: State) -> Entry:
    (entry,) = outbox.entries(*states)
    return entry


def files(folder: Path) -> set[str]:
    return {path.name for path in (folder / "objects").iterdir()}


def test_a_films_objects_wait_and_are_private(outbox: Outbox) -> None:
    objects = [small_object(kind) for kind in ("SR", "SEG", "SC")]
    assert outbox.add(objects, to="pacs", film=FILM) == 3
    entries = list(outbox.entries())
    assert [(entry.kind, entry.uid, entry.state) for entry in entries] == [
        (kind, made.SOPInstanceUID, State.WAITING) for kind, made in objects
    ]
    assert outbox.due() == entries
    assert outbox.unfinished(FILM) == 3
    assert outbox.peers() == {"pacs"}
    for path in outbox.folder.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_nothing_in_the_database_names_a_patient(outbox: Outbox) -> None:
    outbox.add([small_object()], to="pacs", film=FILM)
    outbox.close()
    for path in outbox.folder.glob("outbox.sqlite*"):
        assert b"SECRET" not in path.read_bytes().upper()


def test_the_same_object_is_taken_once_for_each_peer(outbox: Outbox) -> None:
    objects = [small_object("SR"), small_object("SC")]
    assert outbox.add(objects, to="pacs", film=FILM) == 2
    assert outbox.add(objects, to="pacs", film=FILM) == 0
    assert outbox.add(objects, to="other", film=FILM) == 2
    assert len(files(outbox.folder)) == 2


@pytest.mark.parametrize("state", [State.SENT, State.REFUSED, State.UNCONFIRMED, State.WAITING])
def test_what_was_dealt_with_is_not_taken_again(outbox: Outbox, state: State) -> None:
    outbox.add([made := small_object()], to="pacs", film=FILM)
    outbox.begin(1)
    outbox.record(Outcome(1, state, "because"))
    assert outbox.add([made], to="pacs", film=FILM) == 0
    assert one(outbox).state is state


def test_a_sent_objects_file_goes_and_its_row_stays(outbox: Outbox) -> None:
    outbox.add([made := small_object()], to="pacs", film=FILM)
    outbox.add([made], to="other", film=FILM)
    for entry in list(outbox.entries()):
        assert files(outbox.folder), "another peer needs it yet"
        outbox.begin(entry.number)
        outbox.record(Outcome(entry.number, State.SENT))
    assert files(outbox.folder) == set()
    assert [(entry.state, entry.uid, entry.reason) for entry in outbox.entries()] == [
        (State.SENT, made[1].SOPInstanceUID, "")
    ] * 2
    assert outbox.unfinished(FILM) == 0
    assert outbox.counts()[State.SENT] == 2


def test_sending_is_on_the_disk_and_becomes_unconfirmed_after_a_crash(tmp_path: Path, clock: Clock) -> None:
    outbox = Outbox(tmp_path / "outbox", clock=clock, backoff=BACKOFF)
    outbox.add([small_object(), small_object()], to="pacs", film=FILM)
    outbox.begin(1)
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in outbox.folder.glob("outbox.sqlite*"):  # what a crash at this moment leaves on the disk
        (copy / path.name).write_bytes(path.read_bytes())
    (copy / "objects").mkdir()
    for path in (outbox.folder / "objects").iterdir():
        (copy / "objects" / path.name).write_bytes(path.read_bytes())
    outbox.close()
    with Outbox(copy, clock=clock, backoff=BACKOFF) as after:
        assert [entry.state for entry in after.entries()] == [State.UNCONFIRMED, State.WAITING]
        assert [entry.number for entry in after.due()] == [2], "the peer may be storing it yet"
        clock.now += BACKOFF.settle
        assert [entry.number for entry in after.due()] == [1, 2]


def test_an_entry_is_begun_once(outbox: Outbox) -> None:
    outbox.add([small_object()], to="pacs", film=FILM)
    outbox.begin(1)
    with pytest.raises(EntryUnknown, match="must not be sent"):
        outbox.begin(1)
    outbox.record(Outcome(1, State.UNCONFIRMED))
    with pytest.raises(EntryUnknown):
        outbox.begin(1)


def test_waits_double_to_a_limit_and_a_clock_set_back_does_not_lengthen_them(outbox: Outbox, clock: Clock) -> None:
    outbox.add([small_object()], to="pacs", film=FILM)
    waits = []
    for _ in range(6):
        assert outbox.wait("pacs") == 0
        outbox.begin(1)
        outbox.record(Outcome(1, State.WAITING, "it is out of resources"))
        wait = outbox.wait("pacs")
        assert wait is not None
        waits.append(wait)
        assert outbox.due() == []
        clock.now += wait
    assert waits == [10, 20, 40, 80, 100, 100]
    outbox.begin(1)
    outbox.record(Outcome(1, State.WAITING))
    clock.now -= 1e6
    assert outbox.wait("pacs") == 0
    assert [entry.number for entry in outbox.due()] == [1]


def test_jitter_stays_within_its_share() -> None:
    for chance in (0.0, 0.5, 1.0):
        backoff = Backoff(first=10, most=1000, jitter=0.2, chance=lambda chance=chance: chance)  # type: ignore[misc]
        assert 8 <= backoff.wait(1) <= 12
        assert backoff.wait(10_000) <= backoff.longest == 1200


def test_an_answer_to_the_question_decides(outbox: Outbox, clock: Clock) -> None:
    outbox.add([small_object(), small_object(), small_object()], to="pacs", film=FILM)
    for number in (1, 2, 3):
        outbox.begin(number)
        outbox.record(Outcome(number, State.UNCONFIRMED, "no answer"))
    clock.now += 30
    outbox.record(Outcome(1, State.SENT, "the peer holds it"))
    outbox.record(Outcome(2, State.WAITING, "the peer does not hold it"))
    outbox.record(Outcome(3, State.UNCONFIRMED, "it cannot be asked"))
    assert [entry.state for entry in outbox.entries()] == [State.SENT, State.WAITING, State.UNCONFIRMED]
    assert [entry.number for entry in outbox.due()] == [2]
    clock.now += 20
    assert [entry.number for entry in outbox.due()] == [2, 3]


def test_a_peer_that_is_away_makes_all_wait_and_no_other_peer(outbox: Outbox, clock: Clock) -> None:
    outbox.add([small_object() for _ in range(3)], to="away", film=FILM)
    outbox.add([small_object()], to="here", film=FILM)
    assert outbox.postpone("away", "it cannot be reached") == 3
    assert [entry.peer for entry in outbox.due()] == ["here"]
    assert outbox.postpone("away", "again") == 0
    clock.now += 10
    assert len(outbox.due(peer="away")) == 3
    assert {entry.reason for entry in outbox.entries() if entry.peer == "away"} == {"it cannot be reached"}


def test_a_person_decides(outbox: Outbox) -> None:
    outbox.add([small_object() for _ in range(4)], to="pacs", film=FILM)
    for number, state in ((1, State.UNCONFIRMED), (2, State.REFUSED), (3, State.SENT)):
        outbox.begin(number)
        outbox.record(Outcome(number, state))
    assert outbox.retry() == 3
    assert [entry.state for entry in outbox.entries()] == [
        State.UNCONFIRMED,
        State.WAITING,
        State.SENT,
        State.WAITING,
    ], "what is unconfirmed is asked for, never sent by itself"
    assert [entry.number for entry in outbox.due()] == [1, 2, 4]
    outbox.resend(1)
    assert next(outbox.entries()).state is State.WAITING
    outbox.abandon(4)
    assert outbox.unfinished(FILM) == 2
    for refused in (3, 99):
        with pytest.raises(EntryUnknown):
            outbox.abandon(refused)
    with pytest.raises(EntryUnknown, match="only one that is unconfirmed or refused"):
        outbox.resend(2)
    assert len(files(outbox.folder)) == 2


def test_a_damaged_file_is_never_sent_and_can_be_queued_again(outbox: Outbox) -> None:
    outbox.add([made := small_object()], to="pacs", film=FILM)
    (path,) = (outbox.folder / "objects").iterdir()
    path.write_bytes(path.read_bytes()[:-1])
    assert outbox.outgoing(one(outbox)) is None
    assert (one(outbox).state, one(outbox).reason) == (State.REFUSED, FILE_DAMAGED)
    assert outbox.retry() == 0
    assert outbox.add([made], to="pacs", film=FILM) == 1
    found = outbox.outgoing(one(outbox, State.WAITING))
    assert found is not None
    assert found.uid == made[1].SOPInstanceUID


def test_what_is_unconfirmed_stays_so_without_its_file(outbox: Outbox) -> None:
    outbox.add([made := small_object()], to="pacs", film=FILM)
    outbox.begin(1)
    outbox.record(Outcome(1, State.UNCONFIRMED))
    next((outbox.folder / "objects").iterdir()).unlink()
    assert outbox.outgoing(one(outbox)) is None
    assert one(outbox).state is State.UNCONFIRMED
    assert outbox.add([made], to="pacs", film=FILM) == 0


def test_all_of_a_film_goes_in_or_none(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    broken: tuple[str, Dataset] = small_object()
    with pytest.warns(UserWarning, match="cannot be assigned"):
        broken[1].Rows = "no number"
    with pytest.raises(OutputError):
        outbox.add([small_object(), broken], to="pacs", film=FILM)
    assert list(outbox.entries()) == []

    from cxr_shared.files import write_bytes

    written: list[Path] = []

    def full(path: Path, data: bytes, *, mode: int) -> None:
        if written:
            raise OutputError("disk full")
        write_bytes(path, data, mode=mode)
        written.append(path)

    outbox.add([small_object()], to="pacs", film=FILM)
    monkeypatch.setattr("cxr_desktop.pacs.send.object_files.write_bytes", full)
    with pytest.raises(OutboxNotWritable, match="CXR_OUTBOX"):
        outbox.add([small_object(), small_object()], to="pacs", film=FILM)
    assert len(list(outbox.entries())) == 1
    assert len(files(outbox.folder)) == 1


def test_files_that_no_entry_has_are_swept_away(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox") as outbox:
        outbox.add([small_object()], to="pacs", film=FILM)
        kept = files(outbox.folder)
    (tmp_path / "outbox" / "objects" / f"{'0' * 64}.dcm").write_bytes(b"left by a crash")
    (tmp_path / "outbox" / "objects" / ".x.dcm.1.part").write_bytes(b"half")
    with Outbox(tmp_path / "outbox") as outbox:
        assert files(outbox.folder) == kept


def test_faults_are_told_apart(tmp_path: Path) -> None:
    folder = tmp_path / "outbox"
    with Outbox(folder):
        code = "import sys, pathlib; from cxr_desktop.pacs.send.outbox import Outbox; Outbox(pathlib.Path(sys.argv[1]))"
        command = [sys.executable, "-c", code, str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "OutboxInUse" in done.stderr
        with pytest.raises(OutboxInUse, match="Stop that one"):
            Outbox(folder)
    connection = sqlite3.connect(folder / Outbox.FILE)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    with pytest.raises(OutboxNewer, match="Update the program"):
        Outbox(folder)
    (folder / Outbox.FILE).write_bytes(b"no database" * 1000)
    with pytest.raises(OutboxDamaged, match="backup"):
        Outbox(folder)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutboxNotWritable):
        Outbox(tmp_path / "file")
    outbox = Outbox(tmp_path / "closed")
    outbox.close()
    with pytest.raises(OutboxClosed):
        outbox.counts()


def test_the_stores_file_is_no_outbox(tmp_path: Path) -> None:
    from cxr_desktop.store import Store

    store = Store(tmp_path / "outbox.sqlite")
    store.close()
    with pytest.raises(OutboxDamaged, match="another program"):
        Outbox(tmp_path)


def test_many_threads_begin_each_entry_once(outbox: Outbox) -> None:
    outbox.add([small_object() for _ in range(20)], to="pacs", film=FILM)
    begun: Counter[int] = Counter()

    def work() -> None:
        for number in range(1, 21):
            try:
                outbox.begin(number)
            except EntryUnknown:
                continue
            begun[number] += 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert begun == Counter(range(1, 21))


class OutboxMachine(RuleBasedStateMachine):
    """Every order of what can happen to entries, against a model of what they may do."""

    def __init__(self) -> None:
        super().__init__()
        self.place = tempfile.TemporaryDirectory()
        self.clock = Clock()
        self.outbox = self.open()
        self.states: dict[int, State] = {}
        self.uids: set[tuple[str, str]] = set()
        self.begins: Counter[int] = Counter()
        self.allowed: Counter[int] = Counter()

    def open(self) -> Outbox:
        return Outbox(Path(self.place.name), clock=self.clock, backoff=BACKOFF)

    def teardown(self) -> None:
        self.outbox.close()
        self.place.cleanup()

    def pick(self, data: st.DataObject, *states: State) -> int | None:
        numbers = [number for number, state in self.states.items() if state in states]
        return data.draw(st.sampled_from(numbers)) if numbers else None

    @rule(peer=st.sampled_from(["a", "b"]), uids=st.lists(st.integers(1, 9), min_size=1, max_size=3, unique=True))
    def add(self, peer: str, uids: list[int]) -> None:
        new = [f"2.25.{uid}" for uid in uids if (peer, f"2.25.{uid}") not in self.uids]
        added = self.outbox.add([small_object(uid=f"2.25.{uid}") for uid in uids], to=peer, film=FILM)
        assert added == len(new)
        known = {entry.uid: entry.number for entry in self.outbox.entries() if entry.peer == peer}
        for uid in new:
            self.uids.add((peer, uid))
            self.states[known[uid]] = State.WAITING
            self.allowed[known[uid]] += 1

    @rule(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        number = self.pick(data, *State)
        if number is None:
            return
        if self.states[number] is State.WAITING:
            self.outbox.begin(number)
            self.states[number] = State.SENDING
            self.begins[number] += 1
        else:
            with pytest.raises(EntryUnknown):
                self.outbox.begin(number)

    @rule(data=st.data(), state=st.sampled_from([State.SENT, State.WAITING, State.REFUSED, State.UNCONFIRMED]))
    def record(self, data: st.DataObject, state: State) -> None:
        number = self.pick(data, *State)
        if number is None:
            return
        self.outbox.record(Outcome(number, state, "said"))
        if self.states[number] in (State.SENDING, State.UNCONFIRMED):
            self.states[number] = state
            self.allowed[number] += state is State.WAITING

    @rule()
    def crash(self) -> None:
        self.outbox.close()
        self.outbox = self.open()
        for number, state in self.states.items():
            if state is State.SENDING:
                self.states[number] = State.UNCONFIRMED

    @rule(seconds=st.floats(-500, 500))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule(peer=st.sampled_from(["a", "b"]))
    def postpone(self, peer: str) -> None:
        self.outbox.postpone(peer, "away")
        assert not [entry for entry in self.outbox.due(peer=peer) if entry.state is State.WAITING]

    @rule()
    def retry(self) -> None:
        self.outbox.retry()
        for number, state in self.states.items():
            if state is State.REFUSED:
                self.states[number] = State.WAITING
                self.allowed[number] += 1

    @rule(data=st.data())
    def resend(self, data: st.DataObject) -> None:
        if (number := self.pick(data, State.UNCONFIRMED, State.REFUSED)) is not None:
            self.outbox.resend(number)
            self.states[number] = State.WAITING
            self.allowed[number] += 1

    @precondition(lambda self: State.SENDING in self.states.values() or self.states)
    @rule(data=st.data())
    def abandon(self, data: st.DataObject) -> None:
        number = self.pick(data, *State)
        assert number is not None
        if self.states[number] in (State.WAITING, State.UNCONFIRMED, State.REFUSED):
            self.outbox.abandon(number)
            self.states[number] = State.ABANDONED
        else:
            with pytest.raises(EntryUnknown):
                self.outbox.abandon(number)

    @invariant()
    def states_agree(self) -> None:
        entries = list(self.outbox.entries())
        assert {entry.number: entry.state for entry in entries} == self.states
        assert {(entry.peer, entry.uid) for entry in entries} == self.uids
        assert len(entries) == len(self.uids)
        assert self.outbox.counts() == {state: list(self.states.values()).count(state) for state in State}

    @invariant()
    def nothing_goes_out_unasked(self) -> None:
        for number, begins in self.begins.items():
            assert begins <= self.allowed[number]

    @invariant()
    def files_are_those_that_are_needed(self) -> None:
        needed = {
            f"{entry.content}.dcm"
            for entry in self.outbox.entries()
            if entry.state not in (State.SENT, State.ABANDONED)
        }
        assert files(self.outbox.folder) == needed

    @invariant()
    def what_is_due_can_be_dealt_with(self) -> None:
        assert {entry.state for entry in self.outbox.due()} <= {State.WAITING, State.UNCONFIRMED}


TestOutboxMachine = OutboxMachine.TestCase
TestOutboxMachine.settings = settings(max_examples=25, stateful_step_count=25, suppress_health_check=list(HealthCheck))
