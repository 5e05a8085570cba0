"""What a bundle's film gate lets through and what it refuses.

    python tests/benchmarks/film_gate.py chest.cxr --films DIR... [--others DIR|FILE...] [--phantoms 50] [--parts RUN]

`--films` are chest films, which ought to pass; they are also inverted, turned and cropped, which ought not. `--others`
are anything else; scikit-image's and pydicom's own pictures are taken too where these are installed, and blanks, ramps
and noise are made. With `--parts` only those of the films count that a run tested on, which neither trained its model
nor set its threshold. The reader refuses many pictures before the gate is asked (colour, several frames, a header that
names another part of the body): here the gate sees them all, and the reader's verdict stands beside it.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cyclopts
import numpy as np
import numpy.typing as npt
import onnxruntime
import pandas as pd
import pydicom
from rich.console import Console
from rich.table import Table
from scipy.stats import binomtest

from cxr_shared.bundle import Bundle, InputSpec, open_bundle
from cxr_shared.film import Film, read_film
from cxr_shared.opencv import cv2
from cxr_shared.phantom import render
from cxr_shared.pixels import model_input

Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Model inputs (S, S) of one kind, and how many of them the reader refuses (None where there is no file)."""

    name: str
    films: bool
    pictures: list[Picture]
    unread: int | None = None


def main(
    bundle: Path,
    *,
    films: list[Path] | None = None,
    others: list[Path] | None = None,
    phantoms: int = 50,
    parts: Path | None = None,
) -> None:
    """Print a row for each kind of picture."""
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # it complains of every file that is no picture
    opened = open_bundle(bundle)
    gate = opened.manifest.gate
    if gate is None:
        raise SystemExit(f"{bundle} has no film gate.")
    accepted = "" if gate.accepted is None else f"; of its test films {gate.accepted.value:.3f} pass"
    print(f"{gate.target.display}: at most {gate.threshold:.3f}, from {gate.films} validation films{accepted}")
    session = onnxruntime.InferenceSession(opened.model(gate.target), providers=["CPUExecutionProvider"])
    table = Table("pictures", "n", "reader refuses", "gate refuses", "95 %", "distance: least", "median", "most")
    for sample in _samples(opened, films or [], others or [], phantoms=phantoms, parts=parts):
        if sample.pictures:
            distance = np.array([_distance(session, picture) for picture in sample.pictures])
            table.add_row(*_row(sample, distance, gate.threshold), style="" if sample.films else "dim")
    Console(width=140).print(table)


def _samples(
    bundle: Bundle, films: list[Path], others: list[Path], *, phantoms: int, parts: Path | None
) -> Iterator[Sample]:
    spec = bundle.manifest.input
    for folder in films:
        own = _of_files(str(folder), _tested(_files(folder), parts), spec, films=True)
        yield own
        yield from _altered(own)
    made = [_grey_input(render(10_000 + seed).pixels, spec) for seed in range(phantoms)]
    own = Sample("phantoms", films=True, pictures=made)
    yield own
    yield from _altered(own)
    for place in others:
        yield _of_files(str(place), _files(place), spec, films=False)
    for package in ("skimage", "pydicom"):
        found = importlib.util.find_spec(package)
        if found is not None and found.origin is not None:
            yield _of_files(f"{package}'s own", _files(Path(found.origin).parent / "data"), spec, films=False)
    yield Sample("blanks, ramps, noise", films=False, pictures=list(_made(spec.size)))


def _altered(films: Sample) -> Iterator[Sample]:
    """What a film must not be: inverted, turned, a quarter of itself."""
    changes = {
        "inverted": lambda film: 255 - film,
        "turned 90°": lambda film: np.ascontiguousarray(np.rot90(film)),
        "turned 180°": lambda film: np.ascontiguousarray(film[::-1, ::-1]),
        "upper left quarter": lambda film: cv2.resize(
            np.ascontiguousarray(film[: len(film) // 2, : len(film) // 2]), film.shape
        ),
    }
    for name, change in changes.items():
        yield Sample(f"  {name}", films=False, pictures=[np.asarray(change(film)) for film in films.pictures])


def _of_files(name: str, files: Iterable[Path], spec: InputSpec, *, films: bool) -> Sample:
    """Distinct pictures among files, as the models would see them if the reader let all through."""
    pictures, unread = {}, 0
    for path in files:
        film = read_film(path)
        picture = model_input(film, spec) if isinstance(film, Film) else _forced(path, spec)
        if picture is not None and picture.tobytes() not in pictures:
            pictures[picture.tobytes()] = picture
            unread += not isinstance(film, Film)
    return Sample(name, films, list(pictures.values()), unread)


def _forced(path: Path, spec: InputSpec) -> Picture | None:
    """Model input of a file that is no film, in grey, of its first frame; None where it holds no picture."""
    grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if grey is None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                values = pydicom.dcmread(path, force=True).pixel_array.astype(np.float64)
        except Exception:  # noqa: BLE001  (not a DICOM file, or one without pixels)
            return None
        values = values[..., :3].mean(axis=-1) if values.shape[-1] in (3, 4) else values
        values = values if values.ndim == 2 else values.reshape(-1, *values.shape[-2:])[0]
        low, high = np.percentile(values, [0.1, 99.9])
        grey = np.clip((values - low) / max(high - low, 1e-9) * 255, 0, 255)
    return _grey_input(np.asarray(grey), spec)


def _grey_input(grey: npt.NDArray[Any], spec: InputSpec) -> Picture:
    film = Film(pixels=grey.astype(np.float32), vois=(), bits=8, source=Path("picture"))
    return model_input(film, spec)


def _made(size: int) -> Iterator[Picture]:
    generator = np.random.default_rng(0)
    ramp = np.linspace(0, 255, size)[None].repeat(size, axis=0)
    for grey in (0, 64, 128, 192, 255):
        yield np.full((size, size), grey, np.uint8)
    for each in (ramp, ramp.T, (ramp + ramp.T) / 2, 255 - ramp, 255 - ramp.T):
        yield each.astype(np.uint8)
    for _ in range(20):
        yield generator.integers(0, 256, (size, size)).astype(np.uint8)
        yield generator.normal(128, 40, (size, size)).clip(0, 255).astype(np.uint8)


def _files(place: Path) -> list[Path]:
    return sorted(path for path in place.rglob("*") if path.is_file()) if place.is_dir() else [place]


def _tested(files: list[Path], run: Path | None) -> list[Path]:
    if run is None:
        return files
    split = pd.read_parquet(run / "split.parquet")
    wanted = set(split.loc[split["part"] == "test", "image"])
    return [path for path in files if path.name in wanted]


def _distance(session: Any, picture: Picture) -> float:
    return float(session.run(["distance"], {"film": picture[None]})[0][0])


def _row(sample: Sample, distance: npt.NDArray[np.float64], threshold: float) -> list[str]:
    refused = int((distance > threshold).sum())
    interval = binomtest(refused, len(distance)).proportion_ci()
    return [
        sample.name,
        str(len(distance)),
        "–" if sample.unread is None else str(sample.unread),
        f"{refused} ({refused / len(distance):.1%})",
        f"{interval.low:.1%} to {interval.high:.1%}",
        *(f"{np.quantile(distance, each):.2f}" for each in (0.0, 0.5, 1.0)),
    ]


if __name__ == "__main__":
    cyclopts.run(main)
