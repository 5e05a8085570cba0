"""Peers that do not keep to the protocol, and a receiver that is killed: what it acknowledged is kept."""

from __future__ import annotations

import contextlib
import hashlib
import json
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from cxr_desktop.pacs.receive.gate import counted_as, normal_address
from cxr_desktop.pacs.receive.identity import NoIdentity, read_identity
from cxr_desktop.pacs.receive.messages import Command, read_message
from cxr_desktop.pacs.receive.negotiation import read_request
from cxr_desktop.pacs.receive.wire import Ended, values

from .material import wait_until
from .raw_peer import (
    DX,
    Gone,
    RawPeer,
    Seed,
    associate_request,
    command_set,
    data_set_of,
    element,
    pdv,
    usual_contexts,
)
from .receiver_child import Child

_SUITE = Path(__file__).parents[2] / "benchmarks" / "hostile_peers.py"
_REQUEST = associate_request(usual_contexts())[6:]
_COMMAND = command_set(1, sop_class=DX, sop_instance="1.2.3", data=True)

pytestmark = pytest.mark.filterwarnings("ignore:.*:UserWarning:pydicom")


def _damaged(whole: bytes) -> st.SearchStrategy[bytes]:
    """`whole` with some bytes replaced, cut or repeated."""
    places = st.integers(0, len(whole))
    return st.builds(
        lambda at, length, put: whole[:at] + put + whole[at + length :],
        places,
        st.integers(0, 64),
        st.binary(max_size=64),
    )


@given(body=st.one_of(st.binary(max_size=300), _damaged(_REQUEST)))
@settings(max_examples=300)
def test_any_bytes_are_a_request_or_the_end(body: bytes) -> None:
    with contextlib.suppress(Ended):
        request = read_request(memoryview(body))
        assert request.calling
        assert request.called


@given(encoded=st.one_of(st.binary(max_size=300), _damaged(_COMMAND)))
@settings(max_examples=300)
def test_any_bytes_are_a_command_or_the_end(encoded: bytes) -> None:
    with contextlib.suppress(Ended):
        message = read_message(encoded)
        assert message.command in Command
        assert set(message.sop_instance) <= set("0123456789.")
        assert len(message.sop_instance) <= 64


@given(
    head=st.one_of(
        st.binary(max_size=300), _damaged(element(0x00080016, b"1.2.3\0") + element(0x00080018, b"1.2.4\0"))
    ),
    syntax=st.sampled_from(
        ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"]
    ),
)
@settings(max_examples=300)
def test_any_bytes_have_an_identity_or_none(head: bytes, syntax: str) -> None:
    with contextlib.suppress(NoIdentity):
        assert all(set(uid) <= set("0123456789.") for uid in read_identity(head, UID(syntax)))


@pytest.mark.parametrize(
    ("syntax", "form"),
    [(ImplicitVRLittleEndian, "<HHI"), (ExplicitVRLittleEndian, "<HH2sH"), (ExplicitVRBigEndian, ">HH2sH")],
)
def test_an_object_is_identified_in_each_encoding(syntax: UID, form: str) -> None:
    vr = [b"UI"] if "2s" in form else []
    data = b"".join(struct.pack(form, 8, tag, *vr, 6) + uid for tag, uid in ((0x16, b"1.2.3\0"), (0x18, b"1.2.4\0")))
    assert read_identity(data, syntax) == ("1.2.3", "1.2.4")
    with pytest.raises(NoIdentity):
        read_identity(data[: len(data) // 2], syntax)


@given(
    fragments=st.lists(st.tuples(st.integers(0, 255), st.booleans(), st.booleans(), st.binary(max_size=50)), min_size=1)
)
def test_what_is_packed_is_unpacked(fragments: list[tuple[int, bool, bool, bytes]]) -> None:
    body = b"".join(pdv(data, context=number, command=command, last=last) for number, command, last, data in fragments)
    found = [
        (number, bool(control & 1), bool(control & 2), bytes(data))
        for number, control, data in values(memoryview(body))
    ]
    assert found == fragments


@given(body=st.binary(max_size=200))
@example(body=b"\0\0\0\1\1\3")
@example(body=b"\xff\xff\xff\xff\1\3")
def test_values_end_or_stay_within_their_pdu(body: bytes) -> None:
    with contextlib.suppress(Ended):
        assert sum(len(data) + 6 for _, _, data in values(memoryview(body))) == len(body)


@pytest.mark.parametrize(
    ("address", "normal", "counted"),
    [
        ("127.0.0.1", "127.0.0.1", "127.0.0.1"),
        ("::ffff:10.0.0.7", "10.0.0.7", "10.0.0.7"),
        ("fe80::1%eth0", "fe80::1", "fe80::/64"),
        ("2001:db8::1:2", "2001:db8::1:2", "2001:db8::/64"),
    ],
)
def test_one_host_is_counted_as_one(address: str, normal: str, counted: str) -> None:
    assert normal_address(address) == normal
    assert counted_as(normal) == counted


def test_an_association_survives_no_violation(seed: Seed, make_receiver: Callable[..., object]) -> None:
    receiving = make_receiver()
    with RawPeer(receiving.port) as peer:
        peer.associate(seed)
        peer.send(bytes([4, 0]) + (0xFFFFFFFF).to_bytes(4, "big"))
        answer = peer.read()
        assert (answer.kind, answer.body) == (7, b"\0\0\2\6")
        with pytest.raises(Gone):
            peer.read()


@pytest.mark.slow
@pytest.mark.waiting
@pytest.mark.skipif(sys.platform != "linux", reason="the receiver's memory and threads are read from /proc")
def test_hostile_peers_small() -> None:
    """The suite of `tests/benchmarks/hostile_peers.py`, a hundredth of it."""
    words = [sys.executable, str(_SUITE), "--scale", "0.01", "--idle", "2", "--json"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=600, check=False)
    assert done.stdout, done.stderr
    found = json.loads(done.stdout)
    assert found["faults"] == []
    assert len(found["rows"]) == 13
    for row in found["rows"]:
        assert row["all_kept"], row
        assert row["answers"], row
        assert row["peak_mb"] < 250, row
    assert done.returncode == 0


@pytest.mark.waiting
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="nothing can be killed so suddenly there")
@pytest.mark.parametrize(
    "many", [40, *(pytest.param(number, marks=pytest.mark.nightly) for number in range(80, 401, 40))]
)
def test_what_was_acknowledged_outlives_a_kill(tmp_path: Path, seed: Seed, many: int) -> None:
    acknowledged: list[str] = []

    def send(lane: int) -> None:
        with contextlib.suppress(Gone, OSError), RawPeer(child.port) as peer:
            peer.associate(seed)
            for number in range(10_000):
                own = seed._replace(data=seed.data + element(0xFFFCFFFC, struct.pack(">HH", lane, number)))
                if peer.store(own) == 0:
                    acknowledged.append(hashlib.sha256(own.data).hexdigest())

    child = Child(tmp_path, quotas={"objects_per_minute": 0, "free_gigabytes": 0})
    lanes = [threading.Thread(target=send, args=(lane,)) for lane in range(4)]
    for lane in lanes:
        lane.start()
    try:
        wait_until(lambda: len(acknowledged) >= many)
    finally:
        child.kill()
    for lane in lanes:
        lane.join()
    kept = {hashlib.sha256(data_set_of(film.read_bytes())).hexdigest() for film in child.films}
    assert set(acknowledged) <= kept
    again = Child(tmp_path, quotas={"objects_per_minute": 0, "free_gigabytes": 0})
    assert not again.unfinished
    with RawPeer(again.port) as peer:
        peer.associate(seed)
        assert peer.store(seed) == 0
    again.close()
