"""Films to check an export with: the run's own validation films where its data is at hand, else phantoms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_shared.bundle import InputSpec
from cxr_shared.film import Film, read_film
from cxr_shared.findings import FINDINGS
from cxr_shared.phantom import render
from cxr_shared.pixels import model_input
from cxr_trainer.errors import CatalogError
from cxr_trainer.fit.run import Run

CHECK_FILMS = 32
_PHANTOMS = 8


def check_films(run: Run, spec: InputSpec) -> tuple[npt.NDArray[np.uint8], str]:
    """Give up to 32 model inputs, uint8 (n, S, S), and where they come from (a sentence part)."""
    films = _validation_films(run, spec)
    if films:
        return np.stack(films), f"{len(films)} validation films of the run"
    phantoms = [render(seed, findings=[finding]).pixels for seed, finding in enumerate(FINDINGS[:_PHANTOMS])]
    inputs = [_phantom_input(pixels, spec) for pixels in phantoms]
    return np.stack(inputs), f"{len(inputs)} phantoms, since the run's films are not at hand"


def _validation_films(run: Run, spec: InputSpec) -> list[npt.NDArray[np.uint8]]:
    from cxr_trainer.data.catalog import read_catalog

    try:
        catalog = read_catalog(Path(run.session()["data"]))
    except CatalogError:
        return []
    split = pd.read_parquet(run.folder / "split.parquet")
    wanted = split.loc[split["part"] == "validation", "image"]
    paths = catalog.films.set_index("image")["path"]
    chosen = [paths[name] for name in wanted if name in paths.index][:CHECK_FILMS]
    films = [read_film(Path(path)) for path in chosen]
    return [model_input(film, spec) for film in films if isinstance(film, Film)]


def _phantom_input(pixels: npt.NDArray[np.uint8], spec: InputSpec) -> npt.NDArray[np.uint8]:
    film = Film(pixels=pixels.astype(np.float32), vois=(), bits=8, source=Path("phantom.png"))
    return model_input(film, spec)
