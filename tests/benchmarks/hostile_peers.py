"""Attacks a receiver in a process of its own, and prints what came of it as a Markdown table.

python tests/benchmarks/hostile_peers.py                      # all, at full size: some minutes
python tests/benchmarks/hostile_peers.py --scale 0.03 --json  # small
"""

from __future__ import annotations

import argparse
import hashlib
import json
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "desktop" / "pacs"))

import hostile_attacks as attacks
from hostile_attacks import OTHER_ADDRESS, Attack, Outcome, Target
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)
from raw_peer import RawPeer, answers_echo, data_set_of, small_seeds
from receiver_child import Child

from cxr_shared.phantom import write_phantoms

OBJECT_MB = 8
SYNTAXES = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    DeflatedExplicitVRLittleEndian,
    RLELossless,
    JPEG2000Lossless,
    JPEGLSLossless,
)
FULL: dict[Attack, int] = {
    attacks.mutated_data_sets: 10_000,
    attacks.mutated_conversations: 2_000,
    attacks.many_at_once: 200,
    attacks.silent_callers: 200,
    attacks.slow_callers: 16,
    attacks.absurd_lengths: 200,
    attacks.endless_objects: 16,
    attacks.half_sent: 400,
    attacks.deaf_callers: 8,
    attacks.bombs: 10,
    attacks.traversal: 200,
    attacks.flooding: 2_000,
}
QUOTAS = {
    "objects_per_minute": 0,
    "object_megabytes": OBJECT_MB,
    "free_gigabytes": 0,
}


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    done: str
    acknowledged: int
    refused: dict[str, int]
    logged: int
    peak_mb: float
    seconds: float
    all_kept: bool
    answers: bool
    faults: list[str]


def attack(target: Target, what: Attack, count: int) -> Row:
    child, outcome = target.child, Outcome()
    child.forget_peak()
    lines, began = child.log.count(" WARNING "), time.monotonic()
    done = what(target, count, outcome)
    outcome.expect(what="callers are still served", holds=child.wait_until_alone())
    kept = {hashlib.sha256(data_set_of(path.read_bytes())).hexdigest() for path in child.films}
    return Row(
        done=done,
        acknowledged=len(outcome.acknowledged),
        refused=outcome.refused,
        logged=child.log.count(" WARNING ") - lines,
        peak_mb=child.peak_mb,
        seconds=time.monotonic() - began,
        all_kept=set(outcome.acknowledged) <= kept,
        answers=answers_echo(child.port),
        faults=outcome.faults,
    )


def attack_tls(folder: Path, count: int) -> Row:
    """Hold connections that never finish their handshake."""
    certificate, key = make_certificate(folder)
    child = Child(folder / "tls", tls={"certificate": str(certificate), "key": str(key)}, quotas=QUOTAS)
    context = ssl.create_default_context(cafile=str(certificate))
    context.check_hostname = False
    child.forget_peak()
    began, outcome = time.monotonic(), Outcome()
    peers = [socket.create_connection(("127.0.0.1", child.port)) for _ in range(count)]
    for number, peer in enumerate(peers):
        if number % 2:
            peer.send(b"\x16\x03\x01\x02\x00\x01")  # the first bytes of a ClientHello
    outcome.expect(
        what="no echo over TLS while handshakes wait",
        holds=answers_echo(child.port, source=OTHER_ADDRESS, tls=context),
    )
    for peer in peers:
        peer.close()
    outcome.expect(what="callers are still served", holds=child.wait_until_alone())
    with RawPeer(child.port) as plain:
        plain.send(b"GET / HTTP/1.0\r\n\r\n" * 10)
        outcome.expect(what="plain text is heard", holds=plain.is_closed(5))
    row = Row(
        done=f"{count} TLS handshakes that do not end, and an honest caller over TLS meanwhile",
        acknowledged=0,
        refused={"closed": count},
        logged=child.log.count(" WARNING "),
        peak_mb=child.peak_mb,
        seconds=time.monotonic() - began,
        all_kept=True,
        answers=answers_echo(child.port, tls=context),
        faults=outcome.faults,
    )
    child.close()
    return row


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for loopback that signs itself, and its key, with the `openssl` program."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost -keyout"
    subprocess.run(["openssl", *words.split(), str(key), "-out", str(certificate)], check=True, capture_output=True)
    return certificate, key


def run(folder: Path, scale: float, idle_s: float) -> tuple[list[Row], list[str]]:
    phantom = write_phantoms(folder / "phantoms", films=1, seed=3, dicom=True, workers=1).images[0]
    seeds = small_seeds(folder, phantom, SYNTAXES)
    quotas = {**QUOTAS, "idle_seconds": idle_s}
    child = Child(folder / "receiver", quotas=quotas)
    print(f"idle: {child.peak_mb:.0f} MB", file=sys.stderr)
    target = Target(child, seeds, object_bytes=OBJECT_MB * 10**6, idle_s=idle_s)
    rows = []
    try:
        for what, count in FULL.items():
            rows.append(attack(target, what, max(round(count * scale), 2)))
            print(f"{what.__name__}: {rows[-1].seconds:.0f} s {rows[-1].faults or ''}", file=sys.stderr)
        rows.append(attack_tls(folder, max(round(100 * scale), 4)))
        words = child.log
        counted = child.close()
        print(f"events: {counted}", file=sys.stderr)
        faults = [f"the log holds {word!r}" for word in ("Phantom", "2.25.", "1.2.840", "passwd") if word in words]
        faults += [] if not counted.get("AssociationEnded fault") else ["a fault of the program"]
        faults += ["a fault of the program"] * ("fault of this program" in words)
    finally:
        child.kill()
    return rows, faults


def table(rows: list[Row]) -> str:
    lines = [
        "| what peers did | acknowledged | refused | warnings logged | peak memory, MB | s | all kept | answers |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        refused = ", ".join(f"{count} {how}" for how, count in sorted(row.refused.items())) or "0"
        cells = (row.done, row.acknowledged, refused, row.logged, f"{row.peak_mb:.0f}", f"{row.seconds:.0f}")
        words = (*map(str, cells), "yes" if row.all_kept else "NO", "yes" if row.answers else "NO")
        lines.append(f"| {' | '.join(words)} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--idle", type=float, default=5.0, help="the receiver's idle_seconds")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows, faults = run(Path(folder), chosen.scale, chosen.idle)
    faults += [f"{row.done}: {fault}" for row in rows for fault in row.faults]
    print(json.dumps({"rows": [asdict(row) for row in rows], "faults": faults}) if chosen.json else table(rows))
    if faults and not chosen.json:
        print("\n".join(["", *faults]))
    return int(bool(faults) or not all(row.all_kept and row.answers for row in rows))


if __name__ == "__main__":
    sys.exit(main())
