"""What hostile, broken and slow peers do to a receiver; each attack says what came of it."""

from __future__ import annotations

import contextlib
import hashlib
import struct
import threading
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from damaged_bundles import DAMAGES
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian
from raw_peer import (
    ABORT,
    ASSOCIATE_AC,
    ASSOCIATE_RJ,
    DATA,
    DX,
    ECHO_CONTEXT,
    FILM_CONTEXT,
    VERIFICATION,
    Answer,
    Gone,
    RawPeer,
    Seed,
    answers_echo,
    associate_request,
    command_set,
    element,
    pdu,
    pdv,
    store_pdus,
    usual_contexts,
)
from receiver_child import Child

OTHER_ADDRESS = "127.0.0.2"
"""An honest caller comes from there while attackers hold all that one address may."""
_LANES = 8
_HEAD = 600


@dataclass
class Outcome:
    """What an attack led to.

    Attributes
    ----------
    acknowledged
        SHA-256 of each data set that was answered with success.
    refused
        Refusals by what they were: a status, an abort, a rejection, a closed connection.
    faults
        What should not have been.
    """

    acknowledged: list[str] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def refuse(self, how: str) -> None:
        with self.lock:
            self.refused[how] = self.refused.get(how, 0) + 1

    def acknowledge(self, data: bytes) -> None:
        with self.lock:
            self.acknowledged.append(hashlib.sha256(data).hexdigest())

    def expect(self, *, what: str, holds: bool) -> None:
        if not holds:
            with self.lock:
                self.faults.append(what)


@dataclass(frozen=True)
class Target:
    child: Child
    seeds: list[Seed]
    object_bytes: int
    idle_s: float


Attack = Callable[[Target, int, Outcome], str]


def _name(status: int | None) -> str:
    return "no status" if status is None else f"status {status:04X}"


def _damage_near_start(data: bytes, generator: np.random.Generator) -> bytes:
    """Four bytes of the header, where tags and lengths are, set to an extreme or to noise."""
    at = int(generator.integers(0, min(len(data), _HEAD)))
    extremes = (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"\xfe\xff\x00\xe0", generator.bytes(4))
    return data[:at] + extremes[int(generator.integers(0, len(extremes)))] + data[at + 4 :]


_KINDS = [*DAMAGES.values(), _damage_near_start, _damage_near_start, _damage_near_start]


def mutated_data_sets(target: Target, count: int, outcome: Outcome) -> str:
    """Send `count` damaged data sets, on eight associations that are opened again when they were aborted."""

    def of(number: int) -> Seed:
        return target.seeds[number // 64 % len(target.seeds)]

    def lane(number: int) -> None:
        generator = np.random.default_rng(number)
        todo = list(range(number, count, _LANES))
        while todo:
            seed = of(todo[-1])
            with RawPeer(target.child.port) as peer, contextlib.suppress(Gone):
                if peer.associate(seed).kind != ASSOCIATE_AC:
                    outcome.refuse("rejected")
                    time.sleep(0.1)
                    continue
                while todo and of(todo[-1]) is seed:
                    kind = _KINDS[todo.pop() % len(_KINDS)]
                    data = kind(seed.data, generator)
                    try:
                        status = peer.store(seed._replace(data=data))
                    except Gone:
                        outcome.refuse("closed")
                        break
                    if status == 0:
                        outcome.acknowledge(data)
                    else:
                        outcome.refuse(_name(status))
                else:
                    peer.release()

    _in_parallel(lane, _LANES)
    return f"{count} mutations of {len(target.seeds)} seed films, each in another transfer syntax"


def mutated_conversations(target: Target, count: int, outcome: Outcome) -> str:
    """Damage what is around the data set: request, PDU and PDV headers, command sets; sent without waiting."""

    def lane(number: int) -> None:
        generator = np.random.default_rng(1000 + number)
        for index in range(number, count, _LANES):
            seed = target.seeds[index % len(target.seeds)]
            small = seed._replace(data=seed.data[:2048])
            parts = [associate_request(usual_contexts(seed.sop_class, seed.syntax)), *store_pdus(small, size=512)]
            which = 0 if index % 2 else int(generator.integers(0, len(parts)))
            parts[which] = _KINDS[index % len(_KINDS)](parts[which], generator)
            with RawPeer(target.child.port) as peer:
                try:
                    peer.send(b"".join(parts))
                    peer.socket.shutdown(1)
                    answers = _all_answers(peer)
                except (Gone, OSError):
                    outcome.refuse("closed")
                    continue
            if any(answer.status == 0 for answer in answers):
                outcome.acknowledge(_data_in(parts))
            else:
                outcome.refuse(_last_word([answer.kind for answer in answers]))

    _in_parallel(lane, _LANES)
    return f"{count} conversations with a damaged request, header or command"


def many_at_once(target: Target, count: int, outcome: Outcome) -> str:
    """Open `count` associations at the same moment and send a film on each, asking again while rejected."""
    start = threading.Barrier(count)

    def one(number: int) -> None:
        seed = target.seeds[number % len(target.seeds)]
        own = seed._replace(data=seed.data + element(0xFFFCFFFC, number.to_bytes(4, "big")))
        start.wait()
        for _ in range(400):
            try:
                with RawPeer(target.child.port) as peer:
                    answer = peer.associate(seed)
                    if answer.kind == ASSOCIATE_AC:
                        status = peer.store(own)
                        if status == 0:
                            outcome.acknowledge(own.data)
                            peer.release()
                            return
                        outcome.refuse(_name(status))
                        return
                    outcome.expect(what=f"rejection {answer.body.hex()}", holds=answer.body[1:2] == b"\2")
                    outcome.refuse("rejected, transient")
            except Gone:
                outcome.refuse("closed")
            time.sleep(0.05)

    _in_parallel(one, count)
    outcome.expect(what=f"only {len(outcome.acknowledged)} of {count} films", holds=len(outcome.acknowledged) == count)
    return f"{count} callers at once, a film each, asking again when rejected"


def silent_callers(target: Target, count: int, outcome: Outcome) -> str:
    """Hold `count` connections on which nothing is said, while another address wants an echo."""
    with contextlib.ExitStack() as held:
        peers = [held.enter_context(RawPeer(target.child.port)) for _ in range(count)]
        outcome.expect(
            what="no echo for another address while silent callers wait",
            holds=answers_echo(target.child.port, source=OTHER_ADDRESS),
        )
        outcome.expect(what=f"{target.child.threads} threads", holds=target.child.threads < 120)
        for peer in peers:
            _expect_closed(peer, outcome, within=target.idle_s + 15)
    return f"{count} connections that say nothing, and an honest caller from another address meanwhile"


def slow_callers(target: Target, count: int, outcome: Outcome) -> str:
    """Send a byte of the request, or of an object, every half second."""
    seed = target.seeds[0]
    request = associate_request(usual_contexts(seed.sop_class, seed.syntax))
    body = b"".join(store_pdus(seed))

    def one(number: int) -> None:
        with RawPeer(target.child.port) as peer:
            words = request
            if number % 2:
                if peer.ask(request).kind != ASSOCIATE_AC:
                    outcome.refuse("rejected")
                    return
                words = body
            by = time.monotonic() + target.idle_s + 20
            try:
                for each in words:
                    peer.send(bytes([each]))
                    time.sleep(0.5)
                    if time.monotonic() > by:
                        outcome.expect(what="a slow caller is still heard", holds=False)
                        return
            except Gone:
                outcome.refuse("closed")

    _in_parallel(one, count)
    return f"{count} callers that send a byte every half second, of their request or of an object"


def absurd_lengths(target: Target, count: int, outcome: Outcome) -> str:
    """Announce PDUs, PDVs and items of up to 4 GiB, or send unknown and unexpected PDUs."""
    head = (0xFFFFFFFF).to_bytes(4, "big")
    before = [bytes([kind, 0]) + head + b"x" * 4096 for kind in (1, 4, 7, 99)]
    before += [bytes([1, 0]) + (10**6).to_bytes(4, "big") + b"x" * 4096]
    after = [
        bytes([DATA, 0]) + head + b"x" * 4096,
        pdu(DATA, head + bytes([FILM_CONTEXT, 3]) + b"x" * 64),
        pdu(DATA, b"\0\0\0\0" * 16),
        pdu(DATA, b""),
        pdu(DATA, pdv(b"x" * 9000, context=FILM_CONTEXT, command=True, last=False)),
        pdu(DATA, pdv(element(0x00000002, b"x" * 16), context=FILM_CONTEXT, command=True, last=True)),
        pdu(DATA, pdv(b"x", context=99, command=True, last=True)),
        pdu(DATA, pdv(b"x", context=FILM_CONTEXT, command=False, last=True)),
        *(_command(field, number) for number, field in enumerate((0x20, 0x21, 0x10, 0x0100, 0x0150, 0x8001, 0x7777))),
        associate_request(usual_contexts()),
    ]

    def lane(first: int) -> None:
        for number in range(first, count, _LANES):
            which = number % (len(before) + len(after))
            with RawPeer(target.child.port) as peer:
                if which >= len(before):
                    outcome.expect(what="no association", holds=peer.associate().kind == ASSOCIATE_AC)
                with contextlib.suppress(Gone):
                    peer.send((before + after)[which])
                _expect_closed(peer, outcome, within=5)

    _in_parallel(lane, _LANES)
    return f"{count} absurd lengths, unknown PDUs and commands that are not offered"


def _command(field_: int, number: int) -> bytes:
    command = command_set(field_, sop_class=VERIFICATION, number=number, data=bool(number % 2))
    return pdu(DATA, pdv(command, context=ECHO_CONTEXT, command=True, last=True))


def endless_objects(target: Target, count: int, outcome: Outcome) -> str:
    """Send objects whose last fragment never comes."""
    seed = target.seeds[1]
    begin = store_pdus(seed)[0]
    more = pdu(DATA, pdv(seed.data[:8192] + bytes(57000), context=FILM_CONTEXT, command=False, last=False))

    def one(_number: int) -> None:
        with RawPeer(target.child.port) as peer, contextlib.suppress(Gone):
            if peer.associate(seed).kind != ASSOCIATE_AC:
                outcome.refuse("rejected")
                return
            peer.send(begin)
            sent = 0
            try:
                while sent < 4 * target.object_bytes:
                    peer.send(more)
                    sent += len(more)
                outcome.expect(what="an object of four times the largest is still taken", holds=False)
            except Gone:
                outcome.refuse("closed")

    _in_parallel(one, count)
    return f"{count} objects without an end, largest allowed {target.object_bytes / 1e6:.0f} MB"


def half_sent(target: Target, count: int, outcome: Outcome) -> str:
    """Vanish in mid-object: closing, resetting, aborting, or asking for release."""
    for number in range(count):
        seed = target.seeds[number % len(target.seeds)]
        with RawPeer(target.child.port) as peer:
            if peer.associate(seed).kind != ASSOCIATE_AC:
                outcome.refuse("rejected")
                continue
            pdus = store_pdus(seed, size=1024)
            peer.send(b"".join(pdus[: len(pdus) // 2]) + pdus[len(pdus) // 2][: 100 * (number % 3)])
            if number % 4 == 1:
                peer.socket.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SO_LINGER of nothing: a reset
            elif number % 4 == 2:
                peer.send(pdu(ABORT, bytes(4)))
        outcome.refuse("left by the peer")
    outcome.expect(what="callers that left are still served", holds=target.child.wait_until_alone())
    outcome.expect(what="something is left of them", holds=not target.child.unfinished)
    return f"{count} peers that vanish, reset or abort in mid-object"


def deaf_callers(target: Target, count: int, outcome: Outcome) -> str:
    """Send echoes and read no answer."""
    command = command_set(0x0030, sop_class=VERIFICATION)
    echo = pdu(DATA, pdv(command, context=ECHO_CONTEXT, command=True, last=True))

    def one(_number: int) -> None:
        with RawPeer(target.child.port, takes=4096) as peer:
            if peer.associate().kind != ASSOCIATE_AC:
                outcome.refuse("rejected")
                return
            by = time.monotonic() + 6 * target.idle_s + 30
            try:
                while time.monotonic() < by:
                    peer.send(echo * 500)
                outcome.expect(what="a deaf caller is still served", holds=False)
            except Gone:
                outcome.refuse("closed")

    _in_parallel(one, count)
    return f"{count} peers that ask without end and read nothing"


def bombs(target: Target, count: int, outcome: Outcome) -> str:
    """Send small objects that inflate, nest or multiply."""
    for _ in range(count):
        for seed in _bombs():
            with RawPeer(target.child.port) as peer:
                outcome.expect(what="no association", holds=peer.associate(seed).kind == ASSOCIATE_AC)
                status = peer.store(seed, size=100_000)
                if status == 0:
                    outcome.acknowledge(seed.data)
                else:
                    outcome.refuse(_name(status))
                peer.release()
    return f"{count} each of: 1 GB of zeros deflated; 30,000 nested sequences, 900,000 items, before and after the UIDs"


@cache
def _bombs() -> tuple[Seed, ...]:
    instance = "2.25.77"
    identity = _explicit(0x00080016, b"UI", DX) + _explicit(0x00080018, b"UI", instance)
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    deflated = deflater.compress(identity + struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OW", 0, 10**9))
    deflated += deflater.flush(zlib.Z_FULL_FLUSH)
    megabyte = deflater.compress(bytes(10**6)) + deflater.flush(zlib.Z_FULL_FLUSH)  # the same wherever it stands
    deflated += megabyte * 1000 + deflater.flush()
    sequence, item = struct.pack("<HH2sHI", 0x0008, 0x0006, b"SQ", 0, 0xFFFFFFFF), b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    empty = b"\xfe\xff\x00\xe0\0\0\0\0"
    late = struct.pack("<HH2sHI", 0x0008, 0x1140, b"SQ", 0, 0xFFFFFFFF)
    plain = (
        (sequence + item) * 30_000,
        sequence + empty * 900_000,
        identity + (late + item) * 30_000,
        identity + late + empty * 900_000,
    )
    return (
        Seed(DX, instance, DeflatedExplicitVRLittleEndian, deflated),
        *(Seed(DX, instance, ExplicitVRLittleEndian, data) for data in plain),
    )


def _explicit(tag: int, vr: bytes, text: str) -> bytes:
    value = text.encode() + b"\0" * (len(text) % 2)
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, len(value)) + value


def traversal(target: Target, count: int, outcome: Outcome) -> str:
    """Name objects by paths, in the command, in the data set, and in titles."""
    names = (
        *("../../../../tmp/x", "/etc/passwd", "..\\..\\x", "1.2/../../3", "1.2\0/../x"),
        *("%2e%2e/", "C:\\x", "a" * 64, "", "."),
    )
    seed = target.seeds[1]
    for number in range(count):
        name = names[number % len(names)]
        data = seed.data if number % 2 else _explicit(0x00080016, b"UI", DX) + _explicit(0x00080018, b"UI", name)
        with RawPeer(target.child.port) as peer, contextlib.suppress(Gone):
            peer.associate(seed, calling="../../x" if number % 3 else "RAW")
            status = peer.store(seed._replace(data=data), sop_instance=name)
            if status == 0:
                outcome.expect(what=f"{name!r} was taken for a UID", holds=False)
                outcome.acknowledge(data)
            else:
                outcome.refuse(_name(status))
    spool = target.child.folder / "spool"
    outcome.expect(
        what="a file is elsewhere or named by a peer",
        holds=all(path.parent.parent == spool and len(path.stem) == 64 for path in target.child.films),
    )
    return f"{count} objects named by paths, in command, data set and title"


def flooding(target: Target, count: int, outcome: Outcome) -> str:
    """Send objects one after the other without waiting for an answer."""
    seed = target.seeds[1]
    with RawPeer(target.child.port) as peer:
        peer.associate(seed)
        variants = [seed._replace(data=seed.data + element(0xFFFCFFFC, n.to_bytes(4, "big"))) for n in range(count)]
        sender = threading.Thread(target=lambda: [peer.send(b"".join(store_pdus(each))) for each in variants])
        sender.start()
        for each in variants:
            status = peer.read().status
            if status == 0:
                outcome.acknowledge(each.data)
            else:
                outcome.refuse(_name(status))
        sender.join()
        peer.release()
    return f"{count} objects sent without waiting for answers"


def _in_parallel(work: Callable[[int], None], count: int) -> None:
    with ThreadPoolExecutor(count) as pool:
        list(pool.map(work, range(count)))


def _expect_closed(peer: RawPeer, outcome: Outcome, *, within: float) -> None:
    closed = peer.is_closed(within)
    outcome.expect(what="a connection stays open", holds=closed)
    if closed:
        outcome.refuse("closed")


def _all_answers(peer: RawPeer) -> list[Answer]:
    answers = []
    with contextlib.suppress(Gone):
        while True:
            answers.append(peer.read())
    return answers


def _last_word(kinds: list[int]) -> str:
    words = {ASSOCIATE_RJ: "rejected", ABORT: "aborted", DATA: "refused by status"}
    return words.get(kinds[-1], "closed") if kinds else "closed"


def _data_in(parts: list[bytes]) -> bytes:
    """The data set that a receiver reads in PDUs, some of which may be damaged within their bounds."""
    whole, data, at = b"".join(parts[1:]), b"", 0
    while at + 6 <= len(whole):
        length = int.from_bytes(whole[at + 2 : at + 6], "big")
        inner, end = at + 6, at + 6 + length
        at = end
        while inner + 6 <= end:
            size, control = int.from_bytes(whole[inner : inner + 4], "big"), whole[inner + 5]
            if not control & 1:
                data += whole[inner + 6 : inner + 4 + size]
                if control & 2:
                    return data
            inner += 4 + size
    return data
