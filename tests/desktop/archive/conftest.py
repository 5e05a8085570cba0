"""An archive of phantom-like films, its rows, and a bucket."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from cxr_desktop.archive.run import Archive, Here, score_archive
from cxr_desktop.archive.storage import Storage
from cxr_desktop.inference.kinds import Wanted
from cxr_shared.bundle import Bundle

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


@pytest.fixture(scope="session")
def scored(archive_films: Path, bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the archive's rows in parts of 20 films, made in this process; not to be changed."""
    out = tmp_path_factory.mktemp("scored")
    archive = Archive((str(archive_films),), Storage(str(out)), Wanted.CPU, part_films=20)
    score_archive(archive, bundle, Here(bundle), tell=lambda _: None)
    return out


@pytest.fixture(scope="session")
def expected(scored: Path) -> pd.DataFrame:
    """Rows that this process makes."""
    return rows_of(scored)


@pytest.fixture(scope="session")
def ray_data(cluster: None) -> None:
    """The cluster, after the first use of Ray Data, which starts threads that stay as long as it does."""
    import ray.data

    assert ray.data.from_items([1]).map(lambda row: row).count() == 1


@pytest.fixture(scope="session")
def s3(object_store: None) -> str:
    """URL of a bucket of this folder's tests."""
    import s3fs

    s3fs.S3FileSystem().mkdir("films")
    return "s3://films"


def rows_of(folder: str | Path) -> pd.DataFrame:
    """All rows of a place as one table, in order, without the times that the films took."""
    table = pd.read_parquet(folder)
    return table.sort_values(["part", "number"], ignore_index=True).drop(columns=["read_ms", "infer_ms"])


@pytest.fixture(scope="session")
def read_rows() -> Callable[[str | Path], pd.DataFrame]:
    return rows_of
