"""Damages copies of a bundle in many ways and counts how many are refused, each with a sentence.

python tests/benchmarks/damaged_bundles.py chest.cxr --copies 1000
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from cxr_shared.bundle import open_bundle
from cxr_shared.errors import BundleError

Damage = Callable[[bytes, np.random.Generator], bytes]


def _place(whole: bytes, generator: np.random.Generator) -> int:
    """Anywhere; every other time near an end, where the container's own headers lie."""
    edge = min(len(whole), 4096)
    near = [0, int(generator.integers(0, edge)), len(whole) - 1 - int(generator.integers(0, edge))]
    return near[int(generator.integers(1, 3))] if generator.random() < 0.5 else int(generator.integers(0, len(whole)))


def _flip(whole: bytes, generator: np.random.Generator) -> bytes:
    place = _place(whole, generator)
    return whole[:place] + bytes([whole[place] ^ (1 << int(generator.integers(0, 8)))]) + whole[place + 1 :]


def _cut(whole: bytes, generator: np.random.Generator) -> bytes:
    return whole[: _place(whole, generator)]


def _insert(whole: bytes, generator: np.random.Generator) -> bytes:
    place = _place(whole, generator)
    return whole[:place] + generator.bytes(int(generator.integers(1, 64))) + whole[place:]


def _lose(whole: bytes, generator: np.random.Generator) -> bytes:
    place = _place(whole, generator)
    return whole[:place] + whole[place + int(generator.integers(1, 4096)) :]


def _zero(whole: bytes, generator: np.random.Generator) -> bytes:
    """A block of zeros, as a failing disk leaves it; noise where the block held zeros alone."""
    place, length = _place(whole, generator), int(generator.integers(1, 4096))
    old = whole[place : place + length]
    new = bytes(len(old)) if any(old) else bytes([1]) * len(old)
    return whole[:place] + new + whole[place + length :]


DAMAGES: dict[str, Damage] = {
    "one bit flipped": _flip,
    "cut off": _cut,
    "bytes put in": _insert,
    "bytes lost": _lose,
    "block of zeros": _zero,
}


def count_refusals(bundle: Path, copies: int, *, seed: int = 0) -> tuple[Counter[str], list[str]]:
    """Damage `copies` copies; returns refusals by kind of damage, and what was not refused or not in a sentence."""
    whole, generator = bundle.read_bytes(), np.random.default_rng(seed)
    refused: Counter[str] = Counter()
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "damaged.cxr")
        for number in range(copies):
            kind = list(DAMAGES)[number % len(DAMAGES)]
            copy.write_bytes(DAMAGES[kind](whole, generator))
            try:
                open_bundle(copy)
                faults.append(f"copy {number} ({kind}) was opened")
            except BundleError as error:
                refused[kind] += 1
                if str(copy) not in str(error) or "\n" in str(error):
                    faults.append(f"copy {number} ({kind}): {error}")
    return refused, faults


def main() -> int:
    """Print the counts; exit code 1 where one copy was not refused."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--copies", type=int, default=1000)
    given = parser.parse_args()
    start = time.perf_counter()
    refused, faults = count_refusals(given.bundle, given.copies)
    for kind, count in refused.items():
        print(f"{kind:16} {count:5} refused")
    print(f"{sum(refused.values())} of {given.copies} refused in {time.perf_counter() - start:.0f} s")
    print("\n".join(faults))
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
