"""What the trainer says of bad input: one sentence and exit code 1, and nothing that was written is lost."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from once import made_once

from cxr_shared.bundle import InputSpec
from cxr_shared.errors import CxrError
from cxr_shared.files import sha256_file
from cxr_shared.findings import Target
from cxr_trainer.data.cache import cache_films
from cxr_trainer.data.catalog import read_catalog, read_labels
from cxr_trainer.fit.events import read_events
from cxr_trainer.fit.session import fit
from cxr_trainer.recipe_files import load_recipe, parse_fields

Trainer = Callable[..., Any]
FULL = Path("/dev/full")
SMALL = [
    "--input.size", "64", "--model.weights", "none", "--model.width", "0.25", "--decay.epochs", "1",
    "--decay.batch_size", "16", "--range_test.epochs", "1", "--clr.epochs", "1", "--clr.step_epochs", "1",
    "--clr.batch_size", "16", "--clr.max_lr", "0.01", "--split.test_fraction", "0.25",
    "--split.validation_fraction", "0.25",
]  # fmt: skip


@pytest.fixture
def folder(tiny_nih: Path, tmp_path: Path) -> Path:
    """A copy of the small data set, to break."""
    return Path(shutil.copytree(tiny_nih, tmp_path / "nih"))


@pytest.fixture
def refused(trainer: Trainer, tmp_path: Path) -> Callable[..., str]:
    """Run `fit`, which must refuse in one line with code 1 and write nothing; returns the line."""

    def run(*arguments: str | Path, disease: str = "hernia") -> str:
        out = tmp_path / "refused"
        said = trainer("fit", "--disease", disease, "--out", out, "--device", "cpu", *arguments)
        assert (said.code, said.out) == (1, "")
        assert len(said.err.splitlines()) == 1
        assert said.err.startswith("error: ")
        assert not out.exists(), "no run is begun"
        return str(said.err)

    return run


def _films(folder: Path) -> Path:
    return folder / "images_001" / "images"


def _table(folder: Path, change: Callable[[list[str]], list[str]]) -> None:
    path = folder / "Data_Entry_2017.csv"
    path.write_text("\n".join(change(path.read_text().splitlines())) + "\n")


@pytest.mark.parametrize(
    ("given_name", "meant"),
    [("hernai", "hernia"), ("Pneumothroax", "pneumothorax"), ("pleural_thickning", "pleural-thickening")],
)
def test_unknown_finding_gets_the_nearest(refused: Callable[..., str], given_name: str, meant: str) -> None:
    assert f"There is no finding '{given_name}'. Did you mean '{meant}'?" in refused(disease=given_name)


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("[decay]\nepoch = 3\n", "'decay.epoch' ({file}). Did you mean 'decay.epochs'"),
        ("[decya]\nepochs = 3\n", "section 'decya' ({file}). Did you mean 'decay'"),
        ("[decay]\nepochs = 'many'\n", "'decay.epochs' from {file}"),
        ("[decay]\nepochs = 2.5\n", "'decay.epochs' from {file}"),
        ("[clr]\npolicy = 'square'\n", "'clr.policy' from {file}"),
        ("[augment]\nbrightness = [1, 2, 3]\n", "'augment.brightness' from {file}"),
        ("[augment]\nhorizontal_flip = 'perhaps'\n", "'augment.horizontal_flip' from {file}"),
        ("[decay]\nlr0 = nan\n", "'decay.lr0' from {file}"),
        ("decay = 3\n", "'decay' from {file}: it must be a section"),
        ("[clr]\nmax_lr = 0.1\nbase_lr = 0.2\n", "base_lr must not be above max_lr"),
        ("[decay\n", "Could not read the recipe {file}"),
        ("target = 'mass'\n", "a recipe of mass, not of hernia"),
        ("target = 'mas'\n", "Did you mean 'mass'"),
    ],
)
def test_recipe_with_a_wrong_key_or_type_names_the_file_and_the_field(
    refused: Callable[..., str], tiny_nih: Path, tmp_path: Path, toml: str, words: str
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(toml)
    assert words.format(file=file) in refused("--data", tiny_nih, "--recipe", file)


def test_wrong_value_is_blamed_on_whoever_gave_it(refused: Callable[..., str], tiny_nih: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[decay]\nepochs = 3\n")
    said = refused("--data", tiny_nih, "--recipe", file, "--decay.lr0", "fast")
    assert "'decay.lr0' from the command line" in said


def test_target_of_a_recipe_file_may_be_written_as_on_the_command_line(
    refused: Callable[..., str], tmp_path: Path
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("target = 'hernia'\n")
    assert "give --data" in refused("--recipe", file)


@pytest.mark.parametrize(
    ("disease", "field", "reads"),
    [
        ("hernia", "cohort.normal", "cohort.positives and cohort.negatives"),
        ("hernia", "cohort.per_finding", "cohort.positives and cohort.negatives"),
        ("anomaly", "cohort.positives", "cohort.normal and cohort.per_finding"),
        ("anomaly", "cohort.negatives", "cohort.normal and cohort.per_finding"),
    ],
)
def test_cohort_field_of_the_other_kind_of_target_is_refused(
    refused: Callable[..., str], tiny_nih: Path, disease: str, field: str, reads: str
) -> None:
    said = refused("--data", tiny_nih, f"--{field}", "10", disease=disease)
    assert f"'{field}' has no meaning for {disease}" in said
    assert reads in said


def test_empty_cohort(refused: Callable[..., str], tiny_nih: Path, folder: Path) -> None:
    assert "No film labelled Edema" in refused("--data", tiny_nih, *SMALL, disease="edema")
    _table(folder, lambda lines: [line for line in lines if "No Finding" not in line])
    assert "No film labelled 'No Finding'" in refused("--data", folder, *SMALL)


@pytest.mark.parametrize("disease", ["hernia", "anomaly"])
def test_one_patient_cohort(refused: Callable[..., str], folder: Path, disease: str) -> None:
    def one_patient(lines: list[str]) -> list[str]:
        rows = [line.split(",") for line in lines[1:]]
        return [lines[0], *(",".join([*row[:3], "7", *row[4:]]) for row in rows)]

    _table(folder, one_patient)
    assert "of 1 patients" in refused("--data", folder, *SMALL, disease=disease)


@pytest.mark.parametrize("column", ["Image Index", "Finding Labels", "Patient ID", "Patient Age", "View Position"])
def test_missing_column(refused: Callable[..., str], folder: Path, column: str) -> None:
    _table(folder, lambda lines: [lines[0].replace(column, "Something"), *lines[1:]])
    said = refused("--data", folder, *SMALL)
    assert f"Data_Entry_2017.csv lacks the column(s) {column}" in said


def test_file_cut_off_in_a_row(refused: Callable[..., str], folder: Path) -> None:
    path = folder / "Data_Entry_2017.csv"
    path.write_text("\n".join([*path.read_text().splitlines()[:40], "00000014_000.png,Hern"]))
    assert "has no 'Patient ID' in line 41" in refused("--data", folder, *SMALL)


@pytest.mark.parametrize(("column", "name"), [(0, "Image Index"), (1, "Finding Labels"), (3, "Patient ID")])
def test_empty_cell_that_matters(refused: Callable[..., str], folder: Path, column: int, name: str) -> None:
    def emptied(lines: list[str]) -> list[str]:
        cells = lines[3].split(",")
        return [*lines[:3], ",".join([*cells[:column], " ", *cells[column + 1 :]]), *lines[4:]]

    _table(folder, emptied)
    assert f"has no '{name}' in line 4 (1 such rows)" in refused("--data", folder, *SMALL)


def test_image_listed_twice(refused: Callable[..., str], folder: Path) -> None:
    _table(folder, lambda lines: [*lines, lines[5]])
    assert "lists 00000002_001.png more than once" in refused("--data", folder, *SMALL)


def test_image_in_two_folders_with_different_content(refused: Callable[..., str], folder: Path) -> None:
    (folder / "small").mkdir()
    shutil.copy(_films(folder) / "00000003_000.png", folder / "small" / "00000002_001.png")
    said = refused("--data", folder, *SMALL)
    assert "images_001/images/00000002_001.png" in said
    assert "small/00000002_001.png" in said
    assert "Keep one" in said


def test_image_in_two_folders_with_the_same_content_is_used_and_said(folder: Path) -> None:
    (folder / "small").mkdir()
    shutil.copy(_films(folder) / "00000002_001.png", folder / "small")
    catalog = read_catalog(folder)
    assert len(catalog.films) == 96
    assert "1 films lie in two places with the same content" in catalog.notes[0]


def test_odd_ages_do_not_stop_a_catalog(folder: Path) -> None:
    odd = ["058Y", "411", "", "abc", "1e400", "006M"]

    def aged(lines: list[str]) -> list[str]:
        rows = [line.split(",") for line in lines[1:]]
        for row, age in zip(rows, odd, strict=False):
            row[4] = age
            row[2] = age  # the follow-up number too
        return [lines[0], *map(",".join, rows)]

    _table(folder, aged)
    ages = read_catalog(folder).films["age"]
    assert ages[:6].fillna(-1).tolist() == [58, -1, -1, -1, -1, 0.5]
    assert (ages[6:] == 58).all()


@pytest.mark.slow
def test_truncated_and_foreign_films_are_skipped_with_their_reason_and_counted(
    folder: Path, tmp_path: Path, trainer: Trainer
) -> None:
    broken = _films(folder) / "00000001_001.png"  # the first with hernia, so surely in the cohort
    broken.write_bytes(broken.read_bytes()[:900])
    (_films(folder) / "00000002_000.png").write_bytes(b"%PDF-1.4")
    said = trainer(
        "fit", "--disease", "hernia", "--data", folder, "--out", tmp_path / "runs", "--device", "cpu", *SMALL
    )
    assert said.code == 0
    (run,) = (tmp_path / "runs").iterdir()
    (cohort,) = read_events(run / "events.jsonl", "CohortReady")
    assert cohort["refused"] == 2
    (note,) = [note for note in cohort["notes"] if "cannot be read" in note]
    assert note.startswith("2 films cannot be read (the first: ")
    assert note in said.err
    assert "00000001_001.png" not in set(pd.read_parquet(run / "split.parquet")["image"])


def test_no_film_of_the_cohort_is_readable(refused: Callable[..., str], folder: Path) -> None:
    for path in _films(folder).iterdir():
        path.write_bytes(path.read_bytes()[:500])
    said = refused("--data", folder, *SMALL)
    assert "None of the" in said
    assert "films of the cohort can be read" in said


needs_full = pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")


class FullDisk:
    """From the `after`-th opening on, whatever opens a file of that name writes to a full disk of the kernel's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str, *, after: int = 0) -> None:
        self.name, self.after, self.opened = name, after, 0
        self._mkstemp, self._open = tempfile.mkstemp, Path.open
        monkeypatch.setattr("cxr_shared.files.tempfile.mkstemp", self._full_mkstemp)
        disk = self

        def full_open(path: Path, mode: str = "r", *arguments: Any, **options: Any) -> Any:
            return disk._full_open(path, mode, *arguments, **options)

        monkeypatch.setattr(Path, "open", full_open)

    def _hits(self, name: str) -> bool:
        if name != self.name:
            return False
        self.opened += 1
        return self.opened > self.after

    def _full_mkstemp(self, *, prefix: str, **options: Any) -> tuple[int, str]:
        handle, name = self._mkstemp(prefix=prefix, **options)
        if self._hits(prefix.strip(".")):
            os.close(handle)
            handle = os.open(FULL, os.O_WRONLY)
        return handle, name

    def _full_open(self, path: Path, mode: str, *arguments: Any, **options: Any) -> Any:
        writes = mode == ("ab" if self.name.endswith(".jsonl") else "r+b")
        return self._open(FULL if writes and self._hits(path.name) else path, mode, *arguments, **options)


@pytest.fixture(scope="module")
def whole_run(tiny_nih: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that met no full disk."""
    recipe = load_recipe(Target.HERNIA, overrides=parse_fields(SMALL))
    runs = made_once(tmp_path_factory, "small-run", lambda out: fit(recipe, data=tiny_nih, out=out, device="cpu"))
    return next(runs.iterdir())


@pytest.mark.slow
@needs_full
@pytest.mark.parametrize("name", ["checkpoint.pt", "events.jsonl", "metrics.json"])
def test_full_disk_stops_a_run_in_one_sentence_and_resume_ends_as_if_nothing_had_been(
    name: str, tiny_nih: Path, tmp_path: Path, trainer: Trainer, whole_run: Path
) -> None:
    arguments = ("fit", "--disease", "hernia", "--data", tiny_nih, "--device", "cpu", *SMALL)
    after = {"checkpoint.pt": 2, "events.jsonl": 7}.get(name, 0)
    with pytest.MonkeyPatch.context() as patch:
        disk = FullDisk(patch, name, after=after)
        said = trainer(*arguments, "--out", tmp_path / "full")
        assert disk.opened > after
    (run,) = (tmp_path / "full").iterdir()
    last = said.err.splitlines()[-1]
    assert said.code == 1
    assert last.startswith("error: Could not write ")
    assert f"{name}: No space left on device" in last
    assert "ree some space" in last
    assert f"cxr-trainer resume {run}" in last
    assert not list(run.rglob("*.part"))
    assert (run / "state" / "checkpoint.pt").stat().st_size > 0, "the earlier checkpoint is whole"
    assert trainer("resume", run).code == 0
    for each in ("best.safetensors", "split.parquet", "predictions.parquet"):
        assert sha256_file(run / each) == sha256_file(whole_run / each)


@needs_full
@pytest.mark.parametrize("name", ["pixels.u8", "records.i8"])
def test_full_disk_while_caching_keeps_the_films_read(
    name: str, tiny_nih: Path, tmp_path: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    monkeypatch.setenv("CXR_CACHE", str(cache))
    catalog, spec = read_catalog(tiny_nih), InputSpec(size=64)
    before = cache_films(catalog, catalog.films.iloc[:40], spec=spec).pixels[np.arange(40)]
    with pytest.MonkeyPatch.context() as patch:
        FullDisk(patch, name)
        said = refused("--data", tiny_nih, *SMALL)
    assert "No space left on device" in said
    assert "Could not write the film cache" in said
    assert "Free space or set CXR_CACHE" in said
    seen: list[int] = []
    again = cache_films(catalog, catalog.films, spec=spec, progress=lambda done, _total: seen.append(done))
    np.testing.assert_array_equal(again.pixels[np.arange(40)], before)
    assert 0 < len(seen) <= 56, "the films that were read are not read again"
    fresh = cache_films(catalog, catalog.films, spec=spec, folder=tmp_path / "fresh")
    rows = np.arange(len(catalog.films))
    np.testing.assert_array_equal(again.pixels[rows], fresh.pixels[rows])


def test_full_disk_that_no_writer_foresaw_is_one_sentence(
    trainer: Trainer, tiny_nih: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/somewhere/file")

    monkeypatch.setattr("cxr_trainer.audit.audit.find_images", full)
    said = trainer("audit", "--data", tiny_nih)
    assert said.code == 1
    assert said.err == (
        "error: No space left on device while writing /somewhere/file. Free some space, then run the same command "
        "again.\n"
    )


@given(data=st.binary(max_size=400), header=st.booleans())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_for_a_label_file_are_read_or_explained(
    data: bytes, header: bool, tiny_nih: Path, tmp_path: Path
) -> None:
    path = tmp_path / "Data_Entry_2017.csv"
    first = (tiny_nih / path.name).read_bytes().splitlines()[0] + b"\n"
    path.write_bytes((first if header else b"") + data)
    try:
        columns, message = set(read_labels(path).columns), ""
    except CxrError as error:
        columns, message = set(), str(error)
    if message:
        assert str(path) in message
        assert "\n" not in message
    else:
        assert {"image", "patient", "age", "Hernia"} <= columns
