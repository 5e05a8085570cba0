"""The same rows through Ray, whatever is killed meanwhile."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cxr_desktop.archive.cluster import OnRay
from cxr_desktop.archive.errors import MachineFailed
from cxr_desktop.archive.films import Film, Part
from cxr_desktop.archive.run import Archive, Event, Rows, score_archive
from cxr_desktop.archive.settled import decide, settle
from cxr_desktop.archive.sizes import Sizes
from cxr_desktop.archive.stages import BundleSource, Scorer, chunks_of, decode_chunk
from cxr_desktop.archive.storage import Storage
from cxr_desktop.inference.kinds import Wanted
from cxr_shared.bundle import Bundle

pytestmark = pytest.mark.waiting
ReadRows = Callable[[str | Path], pd.DataFrame]
_DECODER = """
import os, signal, sys, time
from pathlib import Path
from cxr_desktop.intake.worker import main

marks = Path(sys.argv.pop())

def handle(request):
    name = Path(request["path"]).name
    if name == "film-7.png":
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "film-30.png" and not (marks / "task").exists():
        (marks / "task").touch()
        os.kill(os.getppid(), signal.SIGKILL)
    while name == "film-69.png" and not (marks / "actor").exists():
        time.sleep(0.02)

sys.exit(main(handle))
"""
"""A decoder that dies of one film, once ends the process of the cluster that it decodes for, and waits with one film
until the test has ended a process that scores."""
_COMMAND = """
import sys
from cxr_desktop.cli import main
from cxr_shared import cluster

address = sys.argv.pop(1)
cluster._start = lambda ray, *_, **__: ray.init(address=address, log_to_driver=False, logging_level="error")
sys.exit(main())
"""
"""The command, which finds a cluster where it would have started one."""


@pytest.fixture(autouse=True)
def on_cluster(ray_data: None) -> None:
    """Each test of this file uses the cluster."""


def _archive(films: object, out: object) -> Archive:
    return Archive((str(films),), Storage(str(out)), Wanted.CPU, part_films=20)


def _score(films: object, out: object, bundle: Bundle, tell: Callable[[Event], None], **more: Any) -> None:
    score_archive(_archive(films, out), bundle, OnRay(bundle, Sizes(), **more), tell=tell)


@pytest.mark.slow
def test_rows_of_films_behind_a_url_are_those_of_one_process(
    s3: str, archive_films: Path, bundle: Bundle, expected: pd.DataFrame, read_rows: ReadRows
) -> None:
    import s3fs

    s3fs.S3FileSystem().put(f"{archive_films}/", f"{s3}/ray/", recursive=True)
    _score(f"{s3}/ray", f"{s3}/ray-rows", bundle, lambda _: None)
    pd.testing.assert_frame_equal(read_rows(f"{s3}/ray-rows").drop(columns="file"), expected.drop(columns="file"))


@pytest.mark.slow
def test_nothing_is_lost_or_doubled_when_processes_are_killed(
    archive_films: Path, bundle: Bundle, expected: pd.DataFrame, read_rows: ReadRows, tmp_path: Path
) -> None:
    """One that decodes, one that scores, and a decoder, whose film is a row that says so."""
    marks, script = tmp_path / "marks", tmp_path / "decoder.py"
    marks.mkdir()
    script.write_text(_DECODER)

    def kill(event: Event) -> None:
        if isinstance(event, Rows) and not (marks / "actor").exists():
            os.kill(next(pid for pid, title in _processes() if "MapWorker" in title), signal.SIGKILL)
            (marks / "actor").touch()

    _score(archive_films, tmp_path / "out", bundle, kill, decoder=(sys.executable, str(script), str(marks)))
    assert {mark.name for mark in marks.iterdir()} == {"task", "actor"}
    rows = read_rows(tmp_path / "out")
    crashed = rows["refusal_kind"] == "worker-crashed"
    assert [Path(file).name for file in rows["file"][crashed]] == ["film-7.png"]
    pd.testing.assert_frame_equal(rows[~crashed], expected[~crashed])


def test_a_machine_that_cannot_run_the_bundle_says_why(archive_films: Path, bundle: Bundle, tmp_path: Path) -> None:
    out = Storage(str(tmp_path))
    decision = decide(bundle, Wanted.CPU, films=1)
    settle(out, dataclasses.replace(decision, wanted=Wanted.CUDA))
    archive = Archive((str(archive_films),), out, Wanted.AUTO)
    with pytest.raises(MachineFailed, match="CUDA cannot be used"):
        score_archive(archive, bundle, OnRay(bundle, Sizes()), tell=lambda _: None)
    assert not list(tmp_path.glob("part-*"))


def test_processes_of_the_cluster_know_no_torch_and_no_qt(archive_films: Path, bundle: Bundle) -> None:
    """One of the cluster's own that nothing else has used decodes and scores a film."""
    import ray

    film = Film(str(archive_films / "film-0.png"), 1)
    source = BundleSource(str(bundle.path.resolve()), bundle.sha256, None)
    decision, spec = decide(bundle, Wanted.CPU, films=1), bundle.manifest.input.model_dump()

    @ray.remote(num_cpus=0, runtime_env={"env_vars": {"OMP_NUM_THREADS": "2"}})
    def loaded() -> tuple[int, set[str]]:
        import ray.data  # noqa: F401

        (chunk,) = chunks_of(Part(0, (film,)))
        rows = Scorer(source, decision, 1)(decode_chunk(chunk, spec=spec))
        return len(rows), {"torch", "PySide6", "cxr_trainer"} & set(sys.modules)

    assert ray.get(loaded.remote()) == (1, set())


@pytest.mark.slow
def test_the_same_command_goes_on_with_what_a_killed_driver_left(
    archive_films: Path, bundle_path: Path, scored: Path, expected: pd.DataFrame, read_rows: ReadRows, tmp_path: Path
) -> None:
    import ray

    out = shutil.copytree(scored, tmp_path / "out")
    for number in (1, 3):
        (out / f"part-0000{number}.parquet").unlink()
    left = {part: part.stat().st_mtime_ns for part in out.glob("part-*.parquet")}
    command = [sys.executable, "-c", _COMMAND, ray.get_runtime_context().gcs_address]
    words = _words(archive_films, bundle_path, out)
    found = subprocess.run([*command, *words], check=False, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    assert "73 films, 40 of them scored before" in found.stderr
    assert {part: part.stat().st_mtime_ns for part in left} == left
    pd.testing.assert_frame_equal(read_rows(out), expected)


@pytest.mark.nightly
@pytest.mark.slow
def test_a_driver_that_is_killed_with_its_own_cluster_loses_nothing(
    archive_films: Path, bundle_path: Path, expected: pd.DataFrame, read_rows: ReadRows, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "cxr_desktop.cli", *_words(archive_films, bundle_path, out)]
    environment = {**os.environ, "RAY_DEFAULT_OBJECT_STORE_MAX_MEMORY_BYTES": "100000000"}
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment, start_new_session=True) as child:
        while child.poll() is None and not any(out.glob("part-*.parquet")):
            threading.Event().wait(0.005)
        child.send_signal(signal.SIGKILL)
    found = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert found.returncode == 0, found.stderr
    pd.testing.assert_frame_equal(read_rows(out), expected)


def _words(films: Path, bundle: Path, out: Path) -> list[str]:
    words = ("triage", str(films), "--bundle", str(bundle), "--parquet", str(out), "--provider", "cpu")
    return [*words, "--part-films", "20", "--on", "ray"]


def _processes() -> Iterator[tuple[int, str]]:
    """Process ids and titles of the processes below this one."""
    parents, titles = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            titles[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:  # it ended meanwhile
            continue
    for pid, title in titles.items():
        above = pid
        while above not in (0, os.getpid()):
            above = parents.get(above, 0)
        if above:
            yield pid, title
