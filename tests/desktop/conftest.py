"""Bundles and films for the desktop's tests."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pydicom
import pytest

from cxr_desktop.inference.kinds import Wanted
from cxr_desktop.inference.lanes import Lane
from cxr_desktop.inference.toy import write_toy_bundle
from cxr_desktop.intake import unpacked
from cxr_desktop.intake.watch import FolderWatch
from cxr_desktop.settings import load_settings
from cxr_desktop.store import Store
from cxr_shared.bundle import Bundle, open_bundle
from cxr_shared.findings import Target
from cxr_shared.opencv import cv2

from .warm import WarmPools

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication
    from pytestqt.qtbot import QtBot

    from cxr_desktop.intake.pool import MakePool
    from cxr_desktop.ui.window import MainWindow

# Gain and offset of the brightness meters: dark films are a pneumothorax, bright ones an effusion.
METERS = {Target.PNEUMOTHORAX: (-12.0, 4.0), Target.EFFUSION: (12.0, -8.0)}


class Room:
    """A window, and how to open it again on what it kept."""

    def __init__(self, qtbot: QtBot, bundle: Bundle, folder: Path, make_pool: MakePool) -> None:
        self.qtbot, self.bundle, self.folder, self.make_pool = qtbot, bundle, folder, make_pool
        self.window: MainWindow | None = None

    def open(self) -> MainWindow:
        from cxr_desktop.ui.desk import Desk
        from cxr_desktop.ui.window import MainWindow

        file = self.folder / "settings.json"
        settings = load_settings(file)
        store = Store(self.folder / "store.sqlite")
        desk = Desk(store=store, policy=settings.triage_policy, make_pool=self.make_pool)
        self.window = MainWindow(desk, settings=settings, settings_file=file)
        self.window.resize(1200, 800)
        self.window.show()
        return self.window

    def open_scored(self, paths: list[Path]) -> MainWindow:
        window = self.open()
        window.desk.use_bundle(self.bundle, wanted=Wanted.CPU)
        window.open_paths(paths)
        films = sum(len(list(path.iterdir())) if path.is_dir() else 1 for path in set(paths))
        self.qtbot.waitUntil(lambda: self.done(window, films), timeout=60000)
        window.list_actions.most_urgent()
        return window

    def open_shown(self, path: Path) -> MainWindow:
        """Open one film, scored and on the screen."""
        window = self.open_scored([path])
        self.qtbot.waitUntil(lambda: window.viewer.shown_source == path, timeout=60000)
        return window

    def close(self) -> None:
        from PySide6.QtWidgets import QApplication

        if self.window is not None:
            self.window.close()
            QApplication.processEvents()
            self.window = None

    @staticmethod
    def done(window: MainWindow, films: int = 1) -> bool:
        """Whether at least so many films are on the list, which may come in parts, and every one has a verdict."""
        return len(window.desk.sheet.rows) >= films and not window.desk.sheet.count(Lane.WAITING)


def make_film(path: Path, *, grey: int, shape: tuple[int, int] = (320, 256), seed: int = 0) -> Path:
    """Write a grey PNG with a gradient and some noise, so that it is not blank."""
    ramp = np.linspace(-25, 25, shape[1])[None, :] + np.random.default_rng(seed).normal(0, 3, shape)
    cv2.imwrite(str(path), np.clip(grey + ramp, 0, 255).astype(np.uint8))
    return path


@pytest.fixture(scope="session")
def write_film() -> Callable[..., Path]:
    return make_film


@pytest.fixture(scope="session")
def bundle_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundle") / "meters.cxr"
    write_toy_bundle(path, METERS, size=64)
    return path


@pytest.fixture(scope="session")
def bundle(bundle_path: Path) -> Bundle:
    return open_bundle(bundle_path)


@pytest.fixture
def films(tmp_path: Path) -> dict[str, Path]:
    """One film for each lane, and one that is none."""
    folder = tmp_path / "films"
    folder.mkdir()
    (folder / "broken.png").write_text("this is text")
    return {
        "dark": make_film(folder / "dark.png", grey=40, seed=1),
        "bright": make_film(folder / "bright.png", grey=220, seed=2),
        "middle": make_film(folder / "middle.png", grey=128, seed=3),
        "broken": folder / "broken.png",
    }


@pytest.fixture(scope="session")
def qapp() -> QApplication:
    """The application as the program makes it; pytest-qt's fixtures use it."""
    from cxr_desktop.app import make_application

    return make_application()


@pytest.fixture(scope="session")
def warm_pools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmPools]:
    """Decoding processes for every test that is not about them."""
    pools = WarmPools(make_film(tmp_path_factory.mktemp("warm") / "film.png", grey=90))
    yield pools
    pools.close()


@pytest.fixture
def room(qtbot: QtBot, bundle: Bundle, tmp_path: Path, warm_pools: WarmPools) -> Iterator[Room]:
    """A window's place; it is closed at the end."""
    folder = tmp_path / "kept"
    folder.mkdir()
    room = Room(qtbot, bundle, folder, warm_pools)
    yield room
    room.close()


@pytest.fixture
def quick_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Watched folders that a test need not wait for."""
    defaults = FolderWatch.__init__.__kwdefaults__
    monkeypatch.setitem(defaults, "interval_s", 0.05)
    monkeypatch.setitem(defaults, "settle_s", 0.1)


@pytest.fixture(autouse=True)
def own_places(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test measures, sets and keeps is remembered nowhere else."""
    own = tmp_path_factory.mktemp("own")
    monkeypatch.setenv("CXR_PLANS", str(own / "plans"))
    monkeypatch.setenv("CXR_STORE", str(own / "store.sqlite"))
    monkeypatch.setenv("CXR_SETTINGS", str(own / "settings.json"))
    monkeypatch.setenv("CXR_NETWORK", str(own / "network.toml"))
    monkeypatch.setenv("CXR_SPOOL", str(own / "received"))
    monkeypatch.setenv("CXR_OUTBOX", str(own / "outbox"))
    monkeypatch.setenv("CXR_DEMO", str(tmp_path_factory.getbasetemp() / "demo-films"))


@pytest.fixture(autouse=True)
def own_unpacked(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where this test's ZIPs are unpacked."""
    folder = tmp_path_factory.mktemp("cache") / "unpacked"
    monkeypatch.setenv("CXR_UNPACKED", str(folder))
    yield folder
    unpacked.release()


@pytest.fixture(autouse=True)
def nothing_outlives_a_test() -> Iterator[None]:
    """No thread and no process is left behind; those of `warm_pools` are there before."""
    before, children = set(threading.enumerate()), _children()
    yield
    assert left_behind(before, children) == []


def left_behind(threads: set[threading.Thread], children: set[str], *, patience_s: float = 10.0) -> list[str]:
    """Name the threads and processes that were not there before; threads that are about to end may do so.

    A warm process that is lent may still answer what its last borrower asked.
    """
    end = time.monotonic() + patience_s
    while (left := set(threading.enumerate()) - threads) and time.monotonic() < end:
        time.sleep(0.01)
    return [*(thread.name for thread in left), *sorted(_children() - children)]


def _children() -> set[str]:
    """Process ids of this process's children; empty where the system does not list them."""
    found: set[str] = set()
    for task in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):  # the thread has ended since
            found.update(task.read_text().split())
    return found


@pytest.fixture(scope="session")
def make_dicom() -> Callable[..., Path]:
    """Write a PA film of 12 bits with two windows and Patient Orientation."""

    def write(path: Path, *, orientation: tuple[str, str] | None = ("L", "F")) -> Path:
        dataset = pydicom.Dataset()
        dataset.file_meta = pydicom.dataset.FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
        dataset.Modality, dataset.BodyPartExamined, dataset.ViewPosition = "DX", "CHEST", "PA"
        dataset.PhotometricInterpretation, dataset.SamplesPerPixel = "MONOCHROME2", 1
        dataset.Rows, dataset.Columns = 200, 160
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
        dataset.WindowCenter, dataset.WindowWidth = [2000, 1800], [1000, 500]
        dataset.WindowCenterWidthExplanation = ["NORMAL", "HARDER"]
        if orientation:
            dataset.PatientOrientation = list(orientation)
        values = np.random.default_rng(0).integers(0, 4096, (200, 160), np.uint16)
        dataset.PixelData = values.tobytes()
        dataset.save_as(path, enforce_file_format=True)
        return path

    return write
