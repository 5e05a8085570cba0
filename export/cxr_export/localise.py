"""How well a model's maps find boxes: the pointing game and the intersection over union.

Boxes are those of a data folder's ``BBox_List_2017.csv``: NIH's radiologists', or the phantoms' own. Films of patients
that the run neither trained on nor was tuned on come first; only where there is none of them are others used, and the
source says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_export.errors import ExportRefused
from cxr_export.films import run_catalog
from cxr_shared.bundle import InputSpec, Interval, Localisation
from cxr_shared.errors import UnknownName
from cxr_shared.film import Film, read_film
from cxr_shared.findings import Target, parse_target
from cxr_shared.heat_map import CellGrid, FloatMap, lay_map, pixel_fractions
from cxr_shared.pixels import model_input
from cxr_trainer.evaluate.intervals import PatientBootstrap, mean_interval, share
from cxr_trainer.fit.run import Run

BOX_FILES: Final = ("BBox_List_2017.csv", "BBox_List_2017.csv.gz")
"""Names of NIH's box table, preferred first."""
_LARGEST: Final = 512
_OTHER_NAMES: Final = {"infiltrate": Target.INFILTRATION}
Maps = Callable[[npt.NDArray[np.uint8]], FloatMap]
Boxes = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class BoxedFilm:
    """A film and its boxes.

    Attributes
    ----------
    pixels
        uint8 (S, S) model input.
    boxes
        (n, 4): left, top, right and bottom as fractions 0..1 of the model's square.
    """

    pixels: npt.NDArray[np.uint8]
    boxes: Boxes


def localise(run: Run, spec: InputSpec, *, maps: Maps, grid: CellGrid) -> tuple[Localisation, ...]:
    """Measure a model's maps on the boxes of its data folder; nothing where there are none of its finding.

    Parameters
    ----------
    run
        The run; its data folder is asked for.
    spec
        The model's input.
    maps
        uint8 (n, S, S) → (n, h, w) in logit units.
    grid
        Where the maps' cells look.

    Raises
    ------
    ExportRefused
        The box table cannot be read.
    """
    catalog = run_catalog(run)
    table = None if catalog is None else _box_file(catalog.root)
    if catalog is None or table is None:
        return ()
    boxes = read_boxes(table)
    target = run.target
    if target is not Target.ANOMALY:
        boxes = boxes[boxes["finding"] == target]
    films = catalog.films[catalog.films["image"].isin(boxes["image"])]
    if films.empty:
        return ()
    films, whose = _unseen_first(films, run)
    boxed = {row.image: film for row in films.itertuples() if (film := _boxed(row, boxes, spec)) is not None}
    if not boxed:
        return ()
    heat = maps(np.stack([film.pixels for film in boxed.values()]))
    found = [find_box(each, film.boxes, grid, size=spec.size) for each, film in zip(heat, boxed.values(), strict=True)]
    patients = films.set_index("image").loc[list(boxed), "patient"].astype(str).to_numpy(object)
    counts = f"{_count(len(boxed), 'film')} of {_count(len(set(patients)), 'patient')}"
    return (
        Localisation(
            source=f"boxes of {table.name}, {counts}, {whose}",
            films=len(boxed),
            pointing=_share(np.array([hit for hit, _ in found]), patients),
            iou=mean_interval([iou for _, iou in found], patients),
        ),
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def read_boxes(path: Path) -> pd.DataFrame:
    """Read NIH's box table.

    Returns
    -------
    pandas.DataFrame
        image, finding (`Target`), and x, y, width, height in pixels of the film; boxes of other names are left out.

    Raises
    ------
    ExportRefused
        It cannot be read, or a box is none.
    """
    names = ["image", "finding", "x", "y", "width", "height"]
    try:
        raw = pd.read_csv(path, header=0, names=names, usecols=range(6), index_col=False)
        numbers = raw[names[2:]].astype(float)
    except (OSError, EOFError, ValueError) as error:  # pandas' own errors are ValueErrors
        reason = " ".join(str(error).split()).rstrip(".")
        raise ExportRefused(
            f"Could not read the boxes of {path}: {reason}. Repair or remove the file; a bundle needs none."
        ) from error
    finding = pd.Series([_finding(str(name)) for name in raw["finding"]], index=raw.index, dtype=object)
    return raw.assign(finding=finding, **{name: numbers[name] for name in names[2:]}).dropna()


def find_box(heat: FloatMap, boxes: Boxes, grid: CellGrid, *, size: int) -> tuple[bool, float]:
    """Whether a map is highest inside a box, and the boxes' intersection over union with its upper half.

    The upper half is where the map reaches half of its peak, in logits above 0; a map that is nowhere above 0 has none.

    Parameters
    ----------
    heat
        (h, w) in logit units.
    boxes
        As of `BoxedFilm`.
    grid
        Where cells look.
    size
        Pixels along the square's side that areas are counted on.
    """
    row, column = np.unravel_index(int(np.argmax(heat)), heat.shape)
    y, x = (np.clip(grid.fraction(int(cell), heat.shape[i]), 0, 1) for i, cell in enumerate((row, column)))
    hit = bool(((boxes[:, 0] <= x) & (x <= boxes[:, 2]) & (boxes[:, 1] <= y) & (y <= boxes[:, 3])).any())
    places = pixel_fractions(size)
    inside = [
        ((top <= places) & (places <= bottom))[:, None] & ((left <= places) & (places <= right))[None]
        for left, top, right, bottom in boxes
    ]
    drawn = np.logical_or.reduce(inside)
    peak = float(heat.max())
    shown = lay_map(heat, grid, rows=places, columns=places) >= peak / 2 if peak > 0 else np.zeros_like(drawn)
    union = int((drawn | shown).sum())
    return hit, int((drawn & shown).sum()) / union if union else 0.0


def _share(hits: npt.NDArray[np.bool_], patients: npt.NDArray[np.object_]) -> Interval:
    """Share of hits, with the exact interval where all films agree."""
    found = share(hits, np.ones(len(hits), dtype=bool), PatientBootstrap(patients))
    value = float(hits.mean())
    return Interval(
        value=value,
        low=value if found.low is None else found.low,
        high=value if found.high is None else found.high,
    )


def _box_file(root: Path) -> Path | None:
    return next((root / name for name in BOX_FILES if (root / name).is_file()), None)


def _finding(name: str) -> Target | None:
    other = _OTHER_NAMES.get(name.strip().lower())
    try:
        return other or parse_target(name)
    except UnknownName:
        return None


def _unseen_first(films: pd.DataFrame, run: Run) -> tuple[pd.DataFrame, str]:
    """Films of patients outside training and validation; else of validation; else all."""
    split = pd.read_parquet(run.folder / "split.parquet", columns=["patient", "part"]).astype(str)
    trained, tuned = (set(split.loc[split["part"] == part, "patient"]) for part in ("train", "validation"))
    patient = films["patient"].astype(str)
    choices = (
        (~patient.isin(trained | tuned), "none of a patient trained or validated on"),
        (~patient.isin(trained), "none of a patient trained on, but of those that chose the model"),
        (patient.isin(trained), "of patients trained on, since there are no others"),
    )
    chosen, whose = next(each for each in choices if each[0].any() or each is choices[-1])
    films = films[chosen]
    return films.iloc[np.unique(np.linspace(0, max(0, len(films) - 1), _LARGEST).round().astype(int))], whose


def _boxed(row: Any, boxes: pd.DataFrame, spec: InputSpec) -> BoxedFilm | None:  # noqa: ANN401  (pandas makes its rows' class)
    film = read_film(Path(row.path))
    if not isinstance(film, Film):
        return None
    own = boxes[boxes["image"] == row.image]
    left, top = own["x"].to_numpy(float), own["y"].to_numpy(float)
    corners = np.stack([left, top, left + own["width"].to_numpy(float), top + own["height"].to_numpy(float)], axis=1)
    return BoxedFilm(model_input(film, spec), to_square(corners, film.pixels.shape, keep_aspect=spec.keep_aspect))


def to_square(corners: Boxes, shape: tuple[int, ...], *, keep_aspect: bool) -> Boxes:
    """Corners (n, 4) in pixels of a film of `shape` (rows, columns) as fractions of the model's square."""
    rows, columns = shape
    side = np.array([columns, rows, columns, rows], float)
    if not keep_aspect:
        return np.asarray(corners / side)
    longest = max(rows, columns)
    return np.asarray((corners + (longest - side) / 2) / longest)
