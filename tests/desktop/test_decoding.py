"""Hostile films against real decoding processes."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from cxr_desktop.intake import reading
from cxr_desktop.intake.decoding import DecodePool
from cxr_desktop.intake.pool import MakePool, Pool
from cxr_desktop.intake.prepared import DisplayFilm, NotRead, Prepared
from cxr_shared.bundle import InputSpec
from cxr_shared.film import Refusal, RefusalKind, default_window, present, read_film

WriteFilm = Callable[..., Path]
SPEC = InputSpec(size=64)

_MISBEHAVING = """
import os, signal, sys, time
from pathlib import Path
from cxr_desktop.intake.worker import main

def handle(request):
    name = Path(request["path"]).name
    if name.startswith("kill"):
        os.kill(os.getpid(), signal.SIGKILL)
    if name.startswith("exit"):
        os._exit(3)
    if name.startswith("hang"):
        Path(request["path"]).with_suffix(".hung").touch()
        time.sleep(600)
    if name.startswith("greedy"):
        hoard = []
        while True:
            hoard.append(bytearray(2**26))
    if name.startswith("noise"):
        os.write(1, b"noise on standard output")

sys.exit(main(handle))
"""

_WATCHING = """
import sys, time
from cxr_desktop.intake.limits import end_above
from cxr_desktop.intake.worker import main

def handle(request):
    end_above(2**20)
    time.sleep(600)

sys.exit(main(handle))
"""


@pytest.fixture
def command(tmp_path: Path) -> tuple[str, str]:
    script = tmp_path / "misbehaving_worker.py"
    script.write_text(_MISBEHAVING)
    return sys.executable, str(script)


@pytest.fixture
def pool(command: Sequence[str]) -> Iterator[DecodePool]:
    with DecodePool(workers=1, command=command) as pool:
        yield pool


def _until(holds: Callable[[], bool], *, at_most_s: float = 60.0) -> None:
    end = time.monotonic() + at_most_s
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def _prepared(pool: Pool, *paths: Path) -> dict[str, object]:
    return {each.source.stem: each for ready in pool.prepare(paths, SPEC) for each in ready}


def test_a_killed_worker_costs_one_film(tmp_path: Path, pool: DecodePool, write_film: WriteFilm) -> None:
    films = [write_film(tmp_path / f"{name}.png", grey=90) for name in ("a", "kill", "b", "exit", "noise", "c")]
    results = _prepared(pool, *films)
    assert {name for name, each in results.items() if isinstance(each, Prepared)} == {"a", "b", "c", "noise"}
    killed, left = results["kill"], results["exit"]
    assert isinstance(killed, NotRead)
    assert isinstance(left, NotRead)
    assert killed.kind == "worker-crashed"
    assert "signal 9" in killed.message
    assert "exit code 3" in left.message


def test_a_hung_worker_costs_one_film_and_its_time(tmp_path: Path, pool: DecodePool, write_film: WriteFilm) -> None:
    before, hangs, after = (write_film(tmp_path / f"{name}.png", grey=90) for name in ("a", "hang", "b"))
    assert isinstance(_prepared(pool, before)["a"], Prepared)
    pool._timeout_s = 1.0  # now that its process has started, which may take longer
    hung = _prepared(pool, hangs)["hang"]  # it would hang for ten minutes
    assert isinstance(hung, NotRead)
    assert (hung.kind, "longer than 1 s" in hung.message) == ("worker-timeout", True)
    pool._timeout_s = 60.0
    assert isinstance(_prepared(pool, after)["b"], Prepared)


@pytest.mark.skipif(sys.platform != "linux", reason="the system refuses memory on Linux only")
def test_a_film_that_takes_all_memory_costs_itself(
    tmp_path: Path, command: Sequence[str], write_film: WriteFilm
) -> None:
    films = [write_film(tmp_path / f"{name}.png", grey=90) for name in ("a", "greedy", "b")]
    with DecodePool(workers=1, timeout_s=60.0, command=command) as pool:
        results = _prepared(pool, *films)
    greedy = results["greedy"]
    assert isinstance(results["a"], Prepared)
    assert isinstance(results["b"], Prepared)
    assert isinstance(greedy, NotRead)
    assert greedy.kind == RefusalKind.TOO_LARGE.value
    assert "more than the 2 GiB of memory" in greedy.message


@pytest.mark.skipif(sys.platform == "win32", reason="no bound there")
def test_a_process_that_watches_its_own_memory_ends_itself(tmp_path: Path, write_film: WriteFilm) -> None:
    """What macOS gets, where the system refuses nothing."""
    script = tmp_path / "watching_worker.py"
    script.write_text(_WATCHING)
    film = write_film(tmp_path / "a.png", grey=90)
    with DecodePool(workers=1, timeout_s=60.0, command=(sys.executable, str(script))) as pool:
        (result,) = _prepared(pool, film).values()
    assert isinstance(result, NotRead)
    assert result.kind == RefusalKind.TOO_LARGE.value
    assert "of memory that one film may take" in result.message


@pytest.mark.parametrize("channels", [1, pytest.param(4, marks=pytest.mark.slow)])
def test_the_largest_film_fits_into_the_memory_of_a_process(tmp_path: Path, channels: int) -> None:
    side = 6000
    samples = np.full((side, side, channels), 65535, np.uint16)
    samples[..., : min(channels, 3)] = np.linspace(0, 65535, side).astype(np.uint16)[None, :, None]
    path = tmp_path / "large.png"
    path.write_bytes(imagecodecs.png_encode(samples.squeeze(), level=1))
    with DecodePool(workers=1) as pool:
        shown = pool.display(path)
        (prepared,) = next(iter(pool.prepare([path], SPEC, thumbnail=320)))
    assert isinstance(shown, DisplayFilm)
    assert isinstance(prepared, Prepared)
    assert prepared.facts.shape == (side, side)


@pytest.mark.skipif(sys.platform == "win32", reason="no core dumps there")
def test_no_process_leaves_a_core_dump(tmp_path: Path) -> None:
    code = (
        "import resource; from cxr_desktop.intake.limits import limit_this_process; limit_this_process()\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(0, 0)"


def test_closing_ends_a_hung_worker_at_once(tmp_path: Path, command: Sequence[str], write_film: WriteFilm) -> None:
    film = write_film(tmp_path / "hang.png", grey=90)
    pool = DecodePool(workers=1, timeout_s=300.0, command=command)
    thread = threading.Thread(target=lambda: list(pool.prepare([film], SPEC)))
    thread.start()
    _until(film.with_suffix(".hung").exists)
    pool.close()
    thread.join(timeout=60)  # its film had five minutes
    assert not thread.is_alive()


def test_a_worker_that_cannot_start_gives_a_reason(tmp_path: Path, write_film: WriteFilm) -> None:
    with DecodePool(workers=1, command=(sys.executable, "-c", "raise SystemExit(7)")) as pool:
        (result,) = _prepared(pool, write_film(tmp_path / "a.png", grey=90)).values()
    assert isinstance(result, NotRead)
    assert "exit code 7" in result.message


def test_an_iteration_that_is_left_early_leaves_nothing_running(tmp_path: Path, write_film: WriteFilm) -> None:
    films = [write_film(tmp_path / f"{index}.png", grey=90) for index in range(12)]
    with DecodePool(workers=2) as pool:
        assert len(next(iter(pool.prepare(films, SPEC, ahead=2)))) >= 1


def test_what_a_process_answers_equals_what_reading_here_gives(tmp_path: Path, write_film: WriteFilm) -> None:
    path = write_film(tmp_path / "a.png", grey=90, shape=(300, 200))
    film = read_film(path)
    assert not isinstance(film, Refusal)
    with DecodePool(workers=1) as pool:
        shown = pool.display(path)
        (prepared,) = next(iter(pool.prepare([path], SPEC, thumbnail=100)))
    assert isinstance(shown, DisplayFilm)
    assert isinstance(prepared, Prepared)
    assert prepared.pixels.shape == (64, 64)
    assert prepared.thumbnail is not None
    assert prepared.thumbnail.shape == (100, 67)
    assert prepared.facts.sha256 == shown.facts.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert shown.first + shown.step * shown.levels == pytest.approx(film.pixels, abs=shown.step)
    assert shown.window == default_window(film)
    presented = np.rint(present(film) * 255)
    assert np.abs(shown.default_lut[shown.levels].astype(float) - presented).max() <= 1


@pytest.mark.parametrize(
    ("content", "kind"),
    [(None, RefusalKind.UNREADABLE), (b"text", RefusalKind.NOT_AN_IMAGE), (b"", RefusalKind.NOT_AN_IMAGE)],
)
def test_what_is_no_film_is_refused_with_a_sentence(
    tmp_path: Path, content: bytes | None, kind: RefusalKind, warm_pools: MakePool
) -> None:
    path = tmp_path / "film.png"
    if content is not None:
        path.write_bytes(content)
    (result,) = _prepared(warm_pools(), path).values()
    assert isinstance(result, NotRead)
    assert result.kind == kind.value
    assert result.message.endswith(".")
    assert result.sha256 == ("" if content is None else hashlib.sha256(content).hexdigest())


def test_a_file_that_is_written_to_while_it_is_read_is_not_known_by_other_content(
    tmp_path: Path, write_film: WriteFilm, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, other = write_film(tmp_path / "a.png", grey=90), write_film(tmp_path / "b.png", grey=200)

    def overwritten(source: Path, *, any_view: bool = False) -> object:
        film = read_film(source, any_view=any_view)
        other.replace(source)
        return film

    monkeypatch.setattr(reading, "read_film", overwritten)
    result = reading.prepare(path, SPEC)
    assert isinstance(result, NotRead)
    assert (result.sha256, result.file_state) == ("", None)
    assert "written to while it was read" in result.message
    monkeypatch.undo()
    whole = reading.prepare(path, SPEC)
    assert isinstance(whole, Prepared)
    found = path.stat()
    assert whole.facts.file_state == (found.st_size, found.st_mtime_ns)
