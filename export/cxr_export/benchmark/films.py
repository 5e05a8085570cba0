"""The films that a benchmark reads: those of a folder, or phantoms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pydicom

from cxr_export.errors import BenchmarkFailed
from cxr_shared.opencv import cv2
from cxr_shared.phantom import write_phantoms

DICOM_SIDE: Final = 3000
_MOST: Final = 200
_PHANTOMS: Final = 24
_WHITE: Final = 4095


@dataclass(frozen=True, slots=True)
class Films:
    """What is read.

    Attributes
    ----------
    dicom
        A film of 3000² in 12 bits, not compressed.
    batch
        Films for the batch, the first of them for the stages.
    source
        Where `batch` comes from, in words.
    """

    dicom: Path
    batch: tuple[Path, ...]
    source: str


def benchmark_films(folder: Path, films: Path | None) -> Films:
    """Choose up to 200 PNGs of `films`, or draw phantoms into `folder`, where the DICOM film is written too.

    Raises
    ------
    BenchmarkFailed
        `films` holds no PNG.
    """
    dicom = _write_dicom(folder)
    if films is None:
        drawn = write_phantoms(folder / "png", films=_PHANTOMS, seed=1).images
        return Films(dicom, drawn, f"{len(drawn)} phantoms of 1024²")
    found = tuple(sorted(films.rglob("*.png"))[:_MOST])
    if not found:
        raise BenchmarkFailed(f"{films} holds no PNG. Name a folder of films with --films, or leave it out.")
    return Films(dicom, found, f"{len(found)} PNGs, the first of {_size(found)}")


def _write_dicom(folder: Path) -> Path:
    """A phantom, enlarged: what it shows matters to no time."""
    (path,) = write_phantoms(folder / "dicom", films=1, seed=1, dicom=True).images
    dataset = pydicom.dcmread(path)
    larger = cv2.resize(dataset.pixel_array, (DICOM_SIDE, DICOM_SIDE), interpolation=cv2.INTER_CUBIC)
    dataset.Rows = dataset.Columns = DICOM_SIDE
    dataset.PixelData = np.clip(larger, 0, _WHITE).astype("<u2").tobytes()
    dataset["PixelData"].VR = "OW"
    dataset.save_as(path)
    return path


def _size(found: Sequence[Path]) -> str:
    picture = cv2.imread(str(found[0]), cv2.IMREAD_UNCHANGED)
    return "unknown size" if picture is None else f"{picture.shape[1]} × {picture.shape[0]}"
