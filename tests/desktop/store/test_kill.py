"""`kill -9` at any moment: what was shown as saved is there when the store is opened again."""

from __future__ import annotations

import contextlib
import hashlib
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cxr_desktop.inference.verdict import Scored
from cxr_desktop.store import Store
from cxr_shared.findings import Target

NEW = "b" * 64

# The victim saves film after film, whole with its read, and says so after each; it goes on where the last one died.
_VICTIM = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from conftest import scored
from cxr_desktop.store import Opinion, Read, Store
from cxr_shared.findings import Target
store, folder = Store(Path(sys.argv[1])), Path(sys.argv[2])
print("ready", flush=True)
number = len(store.load())
while True:
    film = folder / f"{number}.png"
    film.write_text(film.name)
    store.add_films([film], at=float(number))
    print("added", number, flush=True)
    verdict = scored(film, logit=number / 8)
    store.save_verdicts([verdict])
    print("scored", number, flush=True)
    store.save_read(Read(verdict.sha256, verdict.provenance.bundle_sha256, {Target.EFFUSION: Opinion.AGREE},
                         note=f"read {number}", finished=True))
    print("read", number, flush=True)
    number += 1
"""


@contextlib.contextmanager
def victim(store: Path, folder: Path) -> Iterator[subprocess.Popen[str]]:
    run = [sys.executable, "-c", _VICTIM, str(store), str(folder), str(Path(__file__).parent)]
    with subprocess.Popen(run, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def killed(store: Path, folder: Path, *, lines: int, after_s: float) -> list[str]:
    """Let a victim say some lines and save a little longer, kill it, and return all that it had said by then."""
    with victim(store, folder) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        first = [process.stdout.readline().rstrip() for _ in range(lines)]
        timer = threading.Timer(after_s, process.kill)
        timer.start()
        said = process.stdout.read().split("\n")
        timer.join()
        process.wait(60)
        assert process.returncode == -signal.SIGKILL
    return first + said[:-1]  # a line without its end was not shown


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX's")
@pytest.mark.parametrize("rounds", [2, pytest.param(30, marks=[pytest.mark.nightly, pytest.mark.slow])])
def test_nothing_that_was_shown_as_saved_is_lost(store_path: Path, tmp_path: Path, rounds: int) -> None:
    generator = random.Random(20261124)
    folder = tmp_path / "films"
    folder.mkdir()
    shown: dict[str, set[int]] = {"added": set(), "scored": set(), "read": set()}
    for number in range(rounds):
        for line in killed(store_path, folder, lines=generator.randint(3, 9), after_s=generator.uniform(0.0, 0.1)):
            what, film = line.split()
            shown[what].add(int(film))
        _check(store_path, shown, round_number=number)
    assert len(shown["read"]) >= rounds


def _check(store_path: Path, shown: dict[str, set[int]], *, round_number: int) -> None:
    store = Store(store_path)
    films = {int(film.source.stem): film for film in store.load(NEW)}
    where = f"round {round_number}"
    assert shown["added"] <= films.keys(), where
    for number in shown["scored"]:
        verdict = films[number].verdict
        assert isinstance(verdict, Scored), where
        assert verdict.sha256 == hashlib.sha256(f"{number}.png".encode()).hexdigest()
        assert verdict.scores[Target.EFFUSION].logit == number / 8
        assert (verdict.maps[Target.EFFUSION] == number / 8).all()
    for number in shown["read"]:
        read = films[number].read
        assert read is not None, where
        assert (read.note, read.finished) == (f"read {number}", True)
    store.verify_audit()
    store.close()
