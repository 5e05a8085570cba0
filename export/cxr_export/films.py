"""Films of a run's own to check and calibrate an export with; phantoms where they are not at hand."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_shared.bundle import InputSpec
from cxr_shared.film import Film
from cxr_shared.findings import FINDINGS
from cxr_shared.pixels import model_input
from cxr_trainer.data.cache import cache_films
from cxr_trainer.data.catalog import Catalog, read_catalog
from cxr_trainer.errors import CatalogError
from cxr_trainer.fit.run import Run

CHECKED: Final = 256
"""Films that the parity of a model is measured on, where the run has as many."""
CALIBRATED: Final = 64
"""Validation films that INT8 is calibrated on, at most."""
_ORDER: Final = ("test", "validation", "train")
_WORDS: Final = {"test": "test", "validation": "validation", "train": "training"}
_PHANTOMS: Final = 16
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class CheckFilms:
    """Films to compare an exported model with the trained one on.

    Attributes
    ----------
    pixels
        uint8 (n, S, S), by the one pixel path.
    labels
        (n,) 0 or 1; None for phantoms drawn here, which the run knows nothing of.
    patients
        (n,) identifiers.
    seen
        (n,) whether the model was trained on the film.
    source
        What they are, in words.
    calibration
        uint8 (m, S, S): the validation films that INT8 is calibrated on; none where the run's are not at hand.
    """

    pixels: Pixels
    labels: npt.NDArray[np.int64] | None
    patients: npt.NDArray[np.object_]
    seen: npt.NDArray[np.bool_]
    source: str
    calibration: Pixels


def run_catalog(run: Run) -> Catalog | None:
    """The catalog of the data that a run was trained on; None where it is not at hand."""
    try:
        return _catalog(Path(run.session()["data"]))
    except CatalogError:
        return None


def check_films(run: Run, spec: InputSpec) -> CheckFilms:
    """Up to 256 films of the run: test films first, then validation films, then training films.

    Of a part that has more than are wanted, films are taken at even distances in the order of their names. Test films
    are never calibrated on.

    Raises
    ------
    OutputError
        The film cache cannot be written.
    """
    catalog = run_catalog(run)
    films = pd.DataFrame() if catalog is None else films_at_hand(run, catalog)
    if catalog is None or films.empty:
        return _phantoms(spec)
    parts = {part: films[films["part"] == part] for part in _ORDER}
    checked = _first(parts)
    calibrated = _even(parts["validation"], CALIBRATED)
    cached = cache_films(catalog, pd.concat([checked, calibrated]).drop_duplicates("image"), spec=spec)
    row_of = cached.films.set_index("image")["row"]
    checked, calibrated = (each[each["image"].isin(row_of.index)] for each in (checked, calibrated))
    if checked.empty:
        return _phantoms(spec)
    counts = checked["part"].value_counts()
    own = ", ".join(f"{counts[part]} {_WORDS[part]}" for part in _ORDER if part in counts)
    return CheckFilms(
        pixels=cached.pixels[row_of[checked["image"]].to_numpy(np.int64)],
        labels=checked["label"].to_numpy(np.int64),
        patients=checked["patient"].astype(str).to_numpy(object),
        seen=(checked["part"] == "train").to_numpy(),
        source=f"films of the run ({own})",
        calibration=cached.pixels[row_of[calibrated["image"]].to_numpy(np.int64)],
    )


@functools.lru_cache(maxsize=4)
def _catalog(data: Path) -> Catalog:
    """One reading for all runs of a bundle: listing NIH's folders takes a while."""
    return read_catalog(data)


def films_at_hand(run: Run, catalog: Catalog) -> pd.DataFrame:
    """Those films of the run's split that are in its folder, sorted, with what the catalog says of them."""
    split = pd.read_parquet(run.folder / "split.parquet", columns=["image", "part", "label"])
    return split.merge(catalog.films, on="image").sort_values("image", ignore_index=True)


def _first(parts: dict[str, pd.DataFrame]) -> pd.DataFrame:
    chosen: list[pd.DataFrame] = []
    for part in _ORDER:
        chosen.append(_even(parts[part], CHECKED - sum(map(len, chosen))))
    return pd.concat(chosen)


def _even(films: pd.DataFrame, count: int) -> pd.DataFrame:
    """At most `count` rows, at even distances."""
    if len(films) <= count:
        return films
    return films.iloc[np.linspace(0, len(films) - 1, count).round().astype(int)]


@functools.lru_cache(maxsize=1)
def _phantoms(spec: InputSpec) -> CheckFilms:
    from cxr_shared.phantom import render

    findings = [[finding] for finding in FINDINGS]
    drawn = [render(seed, findings=each).pixels for seed, each in enumerate([*findings, [], []][:_PHANTOMS])]
    pixels = np.stack([_phantom_input(each, spec) for each in drawn])
    return CheckFilms(
        pixels=pixels,
        labels=None,
        patients=np.array([f"phantom {number}" for number in range(len(pixels))], object),
        seen=np.zeros(len(pixels), dtype=bool),
        source="phantoms, since the run's films are not at hand",
        calibration=pixels[:0],
    )


def _phantom_input(pixels: Pixels, spec: InputSpec) -> Pixels:
    film = Film(pixels=pixels.astype(np.float32), vois=(), bits=8, source=Path("phantom.png"))
    return model_input(film, spec)
