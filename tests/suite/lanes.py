"""Run the tests in two lanes at the same time: those that compute and those that wait.

``python tests/suite/lanes.py [--nightly] [--seed N]``. The lane of those that compute has a process for each core.
Tests marked ``waiting`` spend their time on sockets, other programs and timers, so more of them run at once, beside it.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import IO, NamedTuple

import pytest

_COUNT = re.compile(r"(\d+) (passed|failed|skipped|error)")
_DONE = (0, 5)
"""Exit codes of a lane that did what it was to do; 5: there was no such test."""


class Lane(NamedTuple):
    """A share of the tests, and how it is spread over processes."""

    name: str
    marked: str
    spread: tuple[str, ...]


COMPUTING = Lane("computing", "not waiting", ("-n", "auto", "--dist", "worksteal"))
WAITING = Lane("waiting", "waiting", ("-n", "6", "--dist", "loadgroup"))


def waiting_files(root: Path) -> list[Path]:
    """Files below a folder that mark tests as waiting: to import all others in six processes takes minutes."""
    return [file for file in sorted(root.rglob("test_*.py")) if "mark.waiting" in file.read_text("utf-8")]


def command(lane: Lane, *, nightly: bool, seed: str | None, more: list[str]) -> list[str]:
    """Command line of pytest for a lane; without a seed the tests run in the order of the files."""
    marked = lane.marked if nightly else f"{lane.marked} and not nightly"
    order = ["-p", "no:randomly"] if seed is None else [f"--randomly-seed={seed}"]
    files = waiting_files(Path("tests")) if lane is WAITING else []
    return [sys.executable, "-m", "pytest", "-m", marked, *lane.spread, *order, *more, *map(str, files)]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a mark that its file does not show, whose test would run in neither lane."""
    files = set(waiting_files(Path(__file__).parents[1]))
    for item in items:
        own = Path(__file__).parents[1] in item.path.parents
        if own and item.get_closest_marker("waiting") and item.path not in files:
            raise pytest.UsageError(f"{item.nodeid} is marked waiting, and mark.waiting is nowhere in its file")


def counts(output: str) -> Counter[str]:
    """Tests by outcome, from pytest's closing line."""
    closing = next((line for line in reversed(output.splitlines()) if _COUNT.search(line)), "")
    return Counter({outcome: int(number) for number, outcome in _COUNT.findall(closing)})


def run(*, nightly: bool, seed: str | None, more: list[str]) -> int:
    """Run both lanes, the waiting one's output after the other's; 0 where both passed and any test ran."""
    began = time.monotonic()
    with tempfile.TemporaryFile() as kept:
        waiting = _start(command(WAITING, nightly=nightly, seed=seed, more=more), kept)
        try:
            with _start(command(COMPUTING, nightly=nightly, seed=seed, more=more), subprocess.PIPE) as computing:
                first = _pass_on(computing)
            waiting.wait()
        finally:
            waiting.terminate()
        kept.seek(0)
        second = kept.read().decode(errors="replace")
    print(f"\n{second}", flush=True)
    total = counts(first) + counts(second)
    print(f"{total['passed']} passed, {total['failed'] + total['error']} failed, {total['skipped']} skipped")
    print(f"Both lanes took {time.monotonic() - began:.0f} s.", flush=True)
    return int({computing.returncode, waiting.returncode} - set(_DONE) != set() or not total["passed"])


def _start(words: list[str], output: int | IO[bytes]) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(words, stdout=output, stderr=subprocess.STDOUT, env=environment)


def _pass_on(process: subprocess.Popen[bytes]) -> str:
    """Print what a process prints as it comes, and return it."""
    assert process.stdout is not None
    chunks = []
    while chunk := os.read(process.stdout.fileno(), 65536):
        sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
        chunks.append(chunk)
    return b"".join(chunks).decode(errors="replace")


def main() -> int:
    """Read the command line and run the lanes; what is not an option here is handed to pytest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nightly", action="store_true", help="run the tests marked nightly too")
    parser.add_argument("--seed", help="shuffle the tests by this number")
    options, more = parser.parse_known_args()
    return run(nightly=options.nightly, seed=options.seed, more=more)


if __name__ == "__main__":
    raise SystemExit(main())
