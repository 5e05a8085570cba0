"""A watched folder: films that arrive slowly, under temporary names, or not at all."""

from __future__ import annotations

import inspect
import os
import threading
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate

from cxr_desktop.intake import watch
from cxr_desktop.intake.complete import is_complete
from cxr_desktop.intake.watch import FolderWatch
from cxr_shared.opencv import cv2

WriteFilm = Callable[..., Path]


class Told:
    """What a watch said."""

    def __init__(self, folder: Path, **times: float) -> None:
        self.films: list[Path] = []
        self.troubles: list[str] = []
        self.watch = FolderWatch(folder, self.films.extend, on_trouble=self.troubles.append, **times)

    def look(self, times: int = 2) -> list[str]:
        """Names of the films that it reports when it looks so often."""
        before = len(self.films)
        for _ in range(times):
            self.watch.look()
        return [film.name for film in self.films[before:]]


def _at_once(folder: Path) -> Told:
    return Told(folder, settle_s=0.0)


def test_films_that_lie_there_and_films_that_arrive_are_reported_once(tmp_path: Path, write_film: WriteFilm) -> None:
    write_film(tmp_path / "film-10.png", grey=90)
    write_film(tmp_path / "film-9.png", grey=90)
    (tmp_path / "notes.txt").write_text("no film")
    told = _at_once(tmp_path)
    assert told.look() == ["film-9.png", "film-10.png"]
    (tmp_path / "a" / "b").mkdir(parents=True)
    write_film(tmp_path / "a" / "b" / "new.png", grey=90)
    assert told.look() == ["new.png"]
    assert told.look() == []


class Clock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time that a watch goes by."""
    clock = Clock()
    monkeypatch.setattr(watch, "time", clock)
    return clock


def test_a_file_that_changes_waits_until_it_stands_still(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "film"
    told = Told(tmp_path, settle_s=3.0)
    for size in (1, 2, 3):
        path.write_bytes(b"x" * size)
        assert told.look() == []
        clock.now += 2.0
    assert told.look() == []
    clock.now += 1.0
    assert told.look(1) == ["film"]


def test_a_half_written_film_waits_for_its_end_but_not_for_ever(
    tmp_path: Path, write_film: WriteFilm, clock: Clock
) -> None:
    whole = write_film(tmp_path / "whole.png", grey=90).read_bytes()
    for name in ("arriving.png", "torn.png", "empty.png"):
        (tmp_path / name).write_bytes(whole[: len(whole) // 2] if name != "empty.png" else b"")
    told = Told(tmp_path, settle_s=0.0, give_up_s=60.0)
    assert told.look() == ["whole.png"]
    (tmp_path / "arriving.png").write_bytes(whole)
    assert told.look() == ["arriving.png"]
    clock.now += 59.0
    assert told.look() == []
    clock.now += 1.0
    assert told.look(1) == ["empty.png", "torn.png"]


@pytest.mark.parametrize("name", ["a.png.part", "a.tmp", "a.dcm.crdownload", ".a.png.swp", "~a.png", "a.png~"])
def test_a_temporary_name_waits_for_its_rename(tmp_path: Path, write_film: WriteFilm, name: str) -> None:
    film = write_film(tmp_path / "film.png", grey=90)
    film.rename(tmp_path / name)
    told = _at_once(tmp_path)
    assert told.look() == []
    (tmp_path / name).rename(tmp_path / "done.png")
    assert told.look() == ["done.png"]


def test_the_folder_may_vanish_and_return(tmp_path: Path, write_film: WriteFilm) -> None:
    folder = tmp_path / "drive"
    folder.mkdir()
    write_film(folder / "a.png", grey=90)
    told = _at_once(folder)
    assert told.look() == ["a.png"]
    folder.rename(tmp_path / "away")
    assert told.look(3) == []
    (tmp_path / "away").rename(folder)
    write_film(folder / "b.png", grey=90)
    assert told.look() == ["b.png"]
    assert len(told.troubles) == 2
    assert "cannot be read" in told.troubles[0]
    assert "can be read again" in told.troubles[1]


def test_a_film_that_went_and_came_again_is_reported_again(tmp_path: Path, write_film: WriteFilm) -> None:
    film = write_film(tmp_path / "a.png", grey=90)
    told = _at_once(tmp_path)
    assert told.look() == ["a.png"]
    film.unlink()
    assert told.look() == []
    write_film(film, grey=200)
    assert told.look() == ["a.png"]


def test_a_folder_that_stays_closed_keeps_no_other_film_from_being_forgotten(
    tmp_path: Path, write_film: WriteFilm, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed, scan = tmp_path / "closed", os.scandir
    closed.mkdir()
    inside, outside = write_film(closed / "in.png", grey=90), write_film(tmp_path / "a.png", grey=90)

    def refuse(folder: str) -> object:
        if Path(folder) == closed and shut:
            raise PermissionError(13, "Permission denied", folder)
        return scan(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    shut, told = False, _at_once(tmp_path)
    assert set(told.look()) == {"a.png", "in.png"}
    shut, content = True, outside.read_bytes()
    state = outside.stat()
    outside.unlink()
    assert told.look() == []
    outside.write_bytes(content)  # as it was, so that only its absence can tell
    os.utime(outside, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert told.look() == ["a.png"]
    shut = False
    assert told.look() == []  # what could not be looked for is not reported anew
    assert inside.exists()


@pytest.mark.skipif(os.name == "nt" or not hasattr(os, "getuid") or os.getuid() == 0, reason="root reads everything")
def test_a_folder_that_may_not_be_read_costs_itself(tmp_path: Path, write_film: WriteFilm) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    write_film(tmp_path / "a.png", grey=90)
    told = _at_once(tmp_path)
    assert told.look() == ["a.png"]
    assert len(told.troubles) == 1


def test_the_thread_reports_and_ends_at_once(tmp_path: Path, write_film: WriteFilm) -> None:
    arrived = threading.Event()

    def arrive(_films: list[Path]) -> None:
        folder._interval_s = 600.0  # so that it rests for long from now on
        arrived.set()

    folder = FolderWatch(tmp_path, arrive, interval_s=0.05, settle_s=0.1)
    with folder:
        write_film(tmp_path / "a.png", grey=90)
        assert arrived.wait(20)
        start = time.monotonic()
    assert time.monotonic() - start < 60, "it did not wait for its interval of ten minutes"
    assert "cxr-watch" not in {thread.name for thread in threading.enumerate()}


def test_many_files_are_reported_in_parts_and_cost_little_memory(tmp_path: Path) -> None:
    count = 3000
    for number in range(count):
        (tmp_path / f"film-{number:05}.dcm").write_bytes(b"x")
    sizes: list[int] = []
    watch = FolderWatch(tmp_path, lambda films: sizes.append(len(films)), settle_s=0.0)
    tracemalloc.start(8)
    watch.look()
    watch.look()
    own = tracemalloc.Filter(inclusive=True, filename_pattern=inspect.getfile(FolderWatch), all_frames=True)
    traces = tracemalloc.take_snapshot().filter_traces([own]).traces
    # Large blocks are tables that double, such as the interpreter's own of interned strings.
    held = sum(trace.size for trace in traces if trace.size < 100_000)
    tracemalloc.stop()
    assert sizes == [500] * 6
    assert 50 * count < held < 600 * count, "bytes"


def _dicom(path: Path, syntax: uid.UID, data: bytes) -> Path:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = uid.DigitalXRayImageStorageForPresentation
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = "1.2.3"
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.Rows = dataset.Columns = 64
    dataset.BitsAllocated = 16
    dataset.add_new(0x7FE00010, "OW", encapsulate([data]) if syntax.is_encapsulated else data)
    dataset["PixelData"].is_undefined_length = syntax.is_encapsulated
    dataset.save_as(path, enforce_file_format=True)
    return path


def _kinds(folder: Path) -> list[Path]:
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8)
    data = pixels.astype(np.uint16).tobytes()
    for name in ("a.png", "a.jpg"):
        cv2.imwrite(str(folder / name), pixels)
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.writestr("film.dcm", data)
    syntaxes = (
        uid.ExplicitVRLittleEndian,
        uid.ImplicitVRLittleEndian,
        uid.ExplicitVRBigEndian,
        uid.JPEG2000Lossless,
    )
    return [
        *(folder / name for name in ("a.png", "a.jpg", "a.zip")),
        *(_dicom(folder / f"{syntax}.dcm", syntax, data) for syntax in syntaxes),
    ]


def test_each_kind_is_complete_at_its_end_and_not_before(tmp_path: Path) -> None:
    torn = tmp_path / "torn"
    for path in _kinds(tmp_path):
        whole = path.read_bytes()
        assert is_complete(path), path.name
        for share in (0.2, 0.6, 0.95):
            torn.write_bytes(whole[: int(len(whole) * share)])
            assert not is_complete(torn), (path.name, share)


def test_what_has_no_mark_is_complete_unless_it_is_empty_or_gone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert not is_complete(path)
    path.write_bytes(b"")
    assert not is_complete(path)
    path.write_bytes(b"text")
    assert is_complete(path)


def test_a_deflated_film_only_has_to_come_to_rest(tmp_path: Path) -> None:
    path = _dicom(tmp_path / "a.dcm", uid.DeflatedExplicitVRLittleEndian, bytes(8192))
    assert is_complete(path)
