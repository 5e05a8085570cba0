"""From the spool to a verdict that is kept: nothing is lost when keeping fails, and a fault costs one film."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cxr_desktop.inference.kinds import Wanted
from cxr_desktop.inference.loading import Loaded, load
from cxr_desktop.inference.verdict import Refused, Scored, Verdict
from cxr_desktop.pacs.serve.pipeline import Pipeline
from cxr_shared.bundle import Bundle
from cxr_shared.errors import OutputError
from cxr_shared.files import sha256_file
from cxr_shared.phantom import write_phantoms

from .material import wait_until

pytestmark = pytest.mark.waiting


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("phantoms")
    return list(write_phantoms(folder, films=4, seed=5, dicom=True, workers=1).images)


@pytest.fixture
def films(phantoms: list[Path], tmp_path: Path) -> list[Path]:
    """Four films and garbage, named by their content, as the spool does."""
    garbage = tmp_path / "garbage"
    garbage.write_bytes(bytes(128) + b"DICM and nothing that could be read")
    named = []
    for film in (*phantoms, garbage):
        named.append(tmp_path / f"{sha256_file(film)}.dcm")
        shutil.copyfile(film, named[-1])
    return named


@pytest.fixture
def loaded(bundle: Bundle) -> Loaded:
    return load(bundle, Wanted.CPU, stopped=lambda: False)


class Keeper:
    """Takes verdicts, and fails at will."""

    def __init__(self) -> None:
        self.kept: list[Verdict] = []
        self.tries = 0
        self.faults: list[Exception] = []
        self.lock = threading.Lock()

    def __call__(self, verdict: Verdict) -> None:
        with self.lock:
            self.tries += 1
            if self.faults:
                raise self.faults.pop(0)
            self.kept.append(verdict)


@pytest.fixture
def keeper() -> Keeper:
    return Keeper()


@pytest.fixture
def pipeline(loaded: Loaded, keeper: Keeper) -> Iterator[Pipeline]:
    pipeline = Pipeline(loaded, keeper, again_s=0.05)
    pipeline.start()
    yield pipeline
    pipeline.close()
    assert not pipeline.live


def test_every_film_gets_one_verdict_under_its_content(pipeline: Pipeline, keeper: Keeper, films: list[Path]) -> None:
    for film in films:
        pipeline.submit(film)
    wait_until(lambda: len(keeper.kept) == len(films))
    assert {verdict.sha256 for verdict in keeper.kept} == {film.stem for film in films}
    assert [type(verdict) for verdict in keeper.kept if verdict.source == films[-1]] == [Refused]
    assert sum(isinstance(verdict, Scored) for verdict in keeper.kept) == len(films) - 1
    assert pipeline.live
    assert pipeline.waiting == 0


def test_a_verdict_that_cannot_be_kept_is_tried_until_it_is_and_no_other_overtakes_it(
    pipeline: Pipeline, keeper: Keeper, films: list[Path]
) -> None:
    keeper.faults = [OutputError("The disk is full. Free some space.") for _ in range(4)]
    pipeline.submit(films[0])
    wait_until(lambda: bool(pipeline.trouble) or bool(keeper.kept))
    pipeline.submit(films[1])
    wait_until(lambda: len(keeper.kept) == 2)
    assert [verdict.source for verdict in keeper.kept] == films[:2]
    assert keeper.tries == 2 + 4
    wait_until(lambda: not pipeline.trouble)


def test_trouble_is_told_while_it_lasts_and_ends_with_the_pipeline(
    loaded: Loaded, keeper: Keeper, films: list[Path]
) -> None:
    keeper.faults = [OutputError("The disk is full. Free some space.")] * 10_000
    pipeline = Pipeline(loaded, keeper, again_s=0.01)
    pipeline.start()
    pipeline.submit(films[0])
    wait_until(lambda: "disk is full" in pipeline.trouble)
    pipeline.close()  # ends although the verdict could not be kept; the film is scored at the next start
    assert keeper.kept == []


def test_a_fault_of_this_program_costs_the_film_that_it_lies_with(
    loaded: Loaded, films: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    kept: list[Path] = []
    faults: list[int] = []

    def deliver(verdict: Verdict) -> None:
        if verdict.source == films[1]:
            raise ZeroDivisionError("PHANTOM^ONE")
        kept.append(verdict.source)

    pipeline = Pipeline(loaded, deliver, on_fault=lambda: faults.append(1))
    for film in films[:4]:
        pipeline.submit(film)
    pipeline.start()
    wait_until(lambda: len(kept) >= 3 and len(faults) >= 1 and pipeline.waiting == 0)
    pipeline.submit(films[4])
    wait_until(lambda: films[4] in kept)
    pipeline.close()
    assert sorted(kept) == sorted({films[0], films[2], films[3], films[4]})
    assert "ZeroDivisionError" in caplog.text
    assert "PHANTOM" not in caplog.text


def test_one_that_was_never_started_can_be_closed(loaded: Loaded, keeper: Keeper) -> None:
    Pipeline(loaded, keeper).close()
