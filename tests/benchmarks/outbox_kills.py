"""Kill a sending process at random moments; every object must be at the peer once, and none twice.

Run from the project's folder: ``python -m tests.benchmarks.outbox_kills --kills 20``. A child process sends from an
outbox to an archive in this process, which counts what arrives whole. The child gets SIGKILL after a random time, and
the next one goes on with the same outbox, until the kills are done; the last one sends to the end.

A SIGKILL leaves what was written to the operating system; a loss of power, which fsync is for, is not tried here.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.desktop.pacs.material import small_object, wait_until
from tests.desktop.pacs.peers_own import StoreScp, StowServer

from cxr_desktop.pacs.config import NetworkConfig, Peer
from cxr_desktop.pacs.send.entries import Backoff, State
from cxr_desktop.pacs.send.outbox import Outbox
from cxr_desktop.pacs.send.sender import Sender

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120.0
BACKOFF = Backoff(first=0.2, most=1.0, settle=0.5)
FILM = "f" * 64


@dataclass(frozen=True)
class Found:
    """What a run of kills came to.

    Attributes
    ----------
    objects, kills
        How many there were.
    interrupted
        Objects that were being sent at a kill.
    arrived
        Of those, objects that the peer held when it was asked, so that they were not sent again.
    lost, doubled
        Objects that are not at the peer, and those that came more than once.
    left
        Entries that are not *sent* at the end.
    seconds
        All of it.
    """

    objects: int
    kills: int
    interrupted: int
    arrived: int
    lost: int
    doubled: int
    left: int
    seconds: float


def kill_often(folder: Path, protocol: str, *, kills: int, objects: int, seed: int = 0) -> Found:
    """Send objects over a protocol, ``dimse`` or ``web``, with a process that is killed so many times."""
    chance = random.Random(seed)
    start = time.monotonic()
    peer = StoreScp() if protocol == "dimse" else StowServer()
    try:
        made = [small_object(padding=chance.choice((0, 2_000, 200_000))) for _ in range(objects)]
        with Outbox(folder, backoff=BACKOFF) as outbox:
            outbox.add(made, to="own", film=FILM)
        interrupted = arrived = 0
        for _ in range(kills):
            _killed(folder, peer, chance)
            with Outbox(folder, backoff=BACKOFF) as outbox:  # opening it makes unconfirmed what was being sent
                unsure = [entry.uid for entry in outbox.entries(State.UNCONFIRMED)]
            wait_until(peer.is_idle)  # what is in the kernel's buffers has arrived
            interrupted += len(unsure)
            arrived += sum(uid in peer.archive.held for uid in unsure)
        child = _child(folder, peer)
        assert child.wait(PATIENCE_S) == 0, "the last one did not send to the end"
        with Outbox(folder, backoff=BACKOFF) as outbox:
            left = objects - outbox.counts()[State.SENT]
        received = Counter(peer.archive.received)
    finally:
        peer.close()
    uids = {str(each.SOPInstanceUID) for _, each in made}
    doubled = sum(count > 1 for count in received.values())
    lost = len(uids - set(received))
    return Found(objects, kills, interrupted, arrived, lost, doubled, left, time.monotonic() - start)


def _killed(folder: Path, peer: StoreScp | StowServer, chance: random.Random) -> None:
    """Start a child, wait until it has sent something, and kill it a random time later."""
    before = len(peer.archive.received)
    child = _child(folder, peer)
    end = time.monotonic() + PATIENCE_S
    while len(peer.archive.received) == before and child.poll() is None:
        assert time.monotonic() < end, "nothing was sent"
        time.sleep(0.001)
    time.sleep(chance.uniform(0, 0.2))
    child.send_signal(signal.SIGKILL)
    child.wait()


def _child(folder: Path, peer: StoreScp | StowServer) -> subprocess.Popen[bytes]:
    config = peer.peer(seconds=10).model_dump_json()
    command = [sys.executable, "-m", "tests.benchmarks.outbox_kills", "--child", str(folder), config]
    return subprocess.Popen(command, cwd=ROOT)


def _send_all(folder: Path, config: str) -> int:
    peer = Peer.model_validate_json(config)
    with Outbox(folder, backoff=BACKOFF) as outbox:
        sender = Sender(outbox, NetworkConfig(peers=(peer,)), on_event=lambda event: None)
        sender.start()
        while outbox.unfinished(FILM):
            time.sleep(0.02)
        sender.close()
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--objects", type=int, default=0, help="by default 20 for each kill")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.child:
        return _send_all(Path(chosen.child[0]), chosen.child[1])
    wrong = 0
    for protocol in ("dimse", "web"):
        with tempfile.TemporaryDirectory() as folder:
            found = kill_often(
                Path(folder) / "outbox",
                protocol,
                kills=chosen.kills,
                objects=chosen.objects or 20 * chosen.kills,
                seed=chosen.seed,
            )
        print(protocol, found, flush=True)
        wrong += found.lost + found.doubled + found.left
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main())
