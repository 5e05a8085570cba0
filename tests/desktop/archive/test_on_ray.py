"""The same rows through Ray, whatever is killed meanwhile."""

from __future__ import annotations

import dataclasses
import os
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
from cxr_desktop.archive.errors import ArchiveOptions, MachineFailed
from cxr_desktop.archive.run import Archive, Event, Here, Rows, score_archive
from cxr_desktop.archive.settled import decide, settle
from cxr_desktop.archive.sizes import Shares, Sizes, shares
from cxr_desktop.archive.storage import Storage
from cxr_desktop.inference.kinds import Wanted
from cxr_shared.bundle import Bundle

ReadRows = Callable[[str | Path], pd.DataFrame]
_CRASHING = """
import os, signal, sys
from pathlib import Path
from cxr_desktop.intake.worker import main

def handle(request):
    if Path(request["path"]).name == "film-7.png":
        os.kill(os.getpid(), signal.SIGKILL)

sys.exit(main(handle))
"""


@pytest.fixture(scope="module")
def expected(
    archive_films: Path, bundle: Bundle, tmp_path_factory: pytest.TempPathFactory, read_rows: ReadRows
) -> pd.DataFrame:
    """Rows that this process makes."""
    out = tmp_path_factory.mktemp("expected")
    score_archive(_archive(archive_films, out), bundle, Here(bundle), tell=lambda _: None)
    return read_rows(out)


@pytest.fixture(scope="module", autouse=True)
def on_cluster(cluster: None, bundle: Bundle) -> None:
    """The cluster's first use starts threads of Ray's that stay as long as it does."""
    import ray.data

    assert ray.data.from_items([1]).map(lambda row: row).count() == 1


def _archive(films: object, out: object) -> Archive:
    return Archive((str(films),), Storage(str(out)), Wanted.CPU, part_films=20)


def _score(films: object, out: object, bundle: Bundle, tell: Callable[[Event], None], **more: Any) -> None:
    score_archive(_archive(films, out), bundle, OnRay(bundle, Sizes(), **more), tell=tell)


def test_rows_are_those_of_one_process(
    archive_films: Path, bundle: Bundle, expected: pd.DataFrame, read_rows: ReadRows, tmp_path: Path
) -> None:
    _score(archive_films, tmp_path, bundle, lambda _: None)
    pd.testing.assert_frame_equal(read_rows(tmp_path), expected)


def test_nothing_is_lost_or_doubled_when_processes_are_killed(
    archive_films: Path, bundle: Bundle, expected: pd.DataFrame, read_rows: ReadRows, tmp_path: Path
) -> None:
    killed: list[str] = []

    def kill(event: Event) -> None:
        wanted = ("MapWorker", "decode_chunk")[len(killed) % 2]
        if isinstance(event, Rows) and len(killed) < 2:
            pid = next((pid for pid, name in _workers() if wanted in name), None)
            if pid is not None:
                os.kill(pid, signal.SIGKILL)
                killed.append(wanted)

    _score(archive_films, tmp_path, bundle, kill)
    assert killed
    pd.testing.assert_frame_equal(read_rows(tmp_path), expected)


def test_films_that_crash_their_decoder_are_rows(
    archive_films: Path, bundle: Bundle, expected: pd.DataFrame, read_rows: ReadRows, tmp_path: Path
) -> None:
    script = tmp_path / "crashing.py"
    script.write_text(_CRASHING)
    _score(archive_films, tmp_path / "out", bundle, lambda _: None, decoder=(sys.executable, str(script)))
    rows = read_rows(tmp_path / "out")
    crashed = rows["refusal_kind"] == "worker-crashed"
    assert [Path(file).name for file in rows["file"][crashed]] == ["film-7.png"]
    pd.testing.assert_frame_equal(rows[~crashed], expected[~crashed])


def test_films_behind_a_url(
    s3: str, archive_films: Path, bundle: Bundle, expected: pd.DataFrame, read_rows: ReadRows
) -> None:
    import s3fs

    s3fs.S3FileSystem().put(f"{archive_films}/", f"{s3}/ray/", recursive=True)
    _score(f"{s3}/ray", f"{s3}/ray-rows", bundle, lambda _: None)
    pd.testing.assert_frame_equal(read_rows(f"{s3}/ray-rows").drop(columns="file"), expected.drop(columns="file"))


def test_a_machine_that_cannot_run_the_bundle_says_why(
    archive_films: Path, bundle: Bundle, expected: pd.DataFrame, tmp_path: Path
) -> None:
    out = Storage(str(tmp_path))
    decision = decide(bundle, Wanted.CPU, films=1)
    settle(out, dataclasses.replace(decision, wanted=Wanted.CUDA))
    archive = Archive((str(archive_films),), out, Wanted.AUTO)
    with pytest.raises(MachineFailed, match="CUDA cannot be used"):
        score_archive(archive, bundle, OnRay(bundle, Sizes()), tell=lambda _: None)
    assert not list(tmp_path.glob("part-*"))


def test_processes_of_the_cluster_know_no_torch_and_no_qt(cluster: None) -> None:
    import ray

    @ray.remote
    def loaded() -> set[str]:
        import ray.data  # noqa: F401

        return {"torch", "PySide6", "cxr_trainer"} & set(sys.modules)

    assert ray.get(loaded.remote()) == set()


@pytest.mark.slow
def test_a_driver_that_is_killed_loses_nothing(
    archive_films: Path, bundle_path: Path, expected: pd.DataFrame, read_rows: ReadRows, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = ("triage", str(archive_films), "--bundle", str(bundle_path), "--parquet", str(out), "--provider", "cpu")
    command = [sys.executable, "-m", "cxr_desktop.cli", *words, "--part-films", "20", "--on", "ray"]
    environment = {**os.environ, "RAY_DEFAULT_OBJECT_STORE_MAX_MEMORY_BYTES": "100000000"}
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment, start_new_session=True) as child:
        while child.poll() is None and not any(out.glob("part-*.parquet")):
            threading.Event().wait(0.005)
        child.send_signal(signal.SIGKILL)
    found = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert found.returncode == 0, found.stderr
    pd.testing.assert_frame_equal(read_rows(out), expected)


def _workers() -> Iterator[tuple[int, str]]:
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


@pytest.mark.parametrize(
    ("sizes", "machines", "wanted", "found"),
    [
        (Sizes(), [{"CPU": 2.0}], Wanted.AUTO, Shares(1, 2, 2, 1.5, 0.0, 0.25)),
        (Sizes(), [{"CPU": 16.0}, {"CPU": 8.0}], Wanted.AUTO, Shares(6, 12, 4, 3.5, 0.0, 0.25)),
        (Sizes(actors=8), [{"CPU": 16.0}], Wanted.CPU, Shares(8, 16, 2, 1.5, 0.0, 0.25)),
        (Sizes(), [{"CPU": 16.0, "GPU": 2.0}, {"CPU": 8.0}], Wanted.AUTO, Shares(2, None, 1, 1.0, 1.0, 1.0)),
        (Sizes(3, None, 0.25), [{"CPU": 16.0, "GPU": 2.0}], Wanted.CUDA, Shares(8, 3, 1, 1.0, 0.25, 1.0)),
        (Sizes(), [{"CPU": 16.0, "GPU": 2.0}], Wanted.CPU, Shares(4, 8, 4, 3.5, 0.0, 0.25)),
    ],
)
def test_how_machines_are_shared_out(
    sizes: Sizes, machines: list[dict[str, float]], wanted: Wanted, found: Shares
) -> None:
    assert shares(sizes, machines, wanted) == found


def test_gpus_that_are_not_there_are_refused() -> None:
    with pytest.raises(ArchiveOptions, match="No machine of the cluster has 1 GPUs"):
        shares(Sizes(gpus_per_actor=1.0), [{"CPU": 4.0}], Wanted.AUTO)
