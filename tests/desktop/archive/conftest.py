"""An archive of phantom-like films, and one cluster for the tests that need it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

FILMS = 70
BAD = ("broken.png", "cut.png", "films.zip")


@pytest.fixture(scope="session")
def archive_films(tmp_path_factory: pytest.TempPathFactory, write_film: Callable[..., Path]) -> Path:
    """`FILMS` films in two folders, and `BAD` ones among them."""
    folder = tmp_path_factory.mktemp("archive")
    (folder / "sub").mkdir()
    for number in range(FILMS):
        below = folder / "sub" if number % 2 else folder
        write_film(below / f"film-{number}.png", grey=40 + 180 * number // FILMS, seed=number, shape=(80, 64))
    (folder / "broken.png").write_text("this is text")
    (folder / "cut.png").write_bytes((folder / "film-0.png").read_bytes()[:900])
    (folder / "films.zip").write_bytes(b"PK")
    return folder


@pytest.fixture(scope="module")
def cluster(s3: str) -> Iterator[None]:
    """Two CPUs of this machine as a cluster, whose processes reach the bucket."""
    ray = pytest.importorskip("ray", reason="Ray is not installed")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(
        address="local",
        num_cpus=2,
        object_store_memory=100_000_000,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="error",
    )
    yield
    ray.shutdown()


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a bucket on a server of this machine, with credentials in the environment."""
    server = pytest.importorskip("moto.server", reason="moto is not installed")
    s3fs = pytest.importorskip("s3fs", reason="s3fs is not installed")
    thread = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    thread.start()
    host, port = thread.get_host_and_port()
    patch = pytest.MonkeyPatch()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        patch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()  # one that another test made has another server's address
    s3fs.S3FileSystem().mkdir("films")
    yield "s3://films"
    s3fs.S3FileSystem.clear_instance_cache()
    thread.stop()
    patch.undo()


def rows_of(folder: str | Path) -> pd.DataFrame:
    """All rows of a place as one table, in order, without the times that the films took."""
    table = pd.read_parquet(folder)
    return table.sort_values(["part", "number"], ignore_index=True).drop(columns=["read_ms", "infer_ms"])


@pytest.fixture(scope="session")
def read_rows() -> Callable[[str | Path], pd.DataFrame]:
    return rows_of
