"""Setting a bundle's film gate on the films of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from cxr_export.films import films_at_hand, run_catalog
from cxr_export.gate import FEWEST_FILMS, GateTerms, distances, fit_gate, gate_threshold
from cxr_shared.bundle import Gate, Interval
from cxr_trainer.data.cache import cache_films
from cxr_trainer.data.split import PARTS
from cxr_trainer.evaluate.intervals import PatientBootstrap, share
from cxr_trainer.fit.run import Run
from cxr_trainer.model.network import Network

MOST_FILMS: Final = 1000
"""Films of a part that are used, evenly spaced over its images in order: enough, and a minute's work on two cores."""
_BATCH: Final = 32


@dataclass(frozen=True, slots=True, eq=False)
class GateFit:
    """A gate: what its model's graph holds, and what its bundle says."""

    terms: GateTerms
    gate: Gate


def set_gate(run: Run, network: Network) -> GateFit | None:
    """Fit a gate to a run's films; None where they are not at hand or too few.

    The training films of the run span the plane of films, its validation films set the threshold, and of its test
    films the share that passes is measured. Their model inputs come from the trainer's cache.

    Parameters
    ----------
    run
        A finished run.
    network
        Its best model; it is put into eval mode on the CPU.

    Raises
    ------
    OutputError
        The cache cannot be written.
    """
    found = _pooled(run, network)
    if found is None:
        return None
    pooled, read = found
    part = read["part"].to_numpy()
    if min((part == each).sum() for each in ("train", "validation")) < FEWEST_FILMS:
        return None
    terms = fit_gate(pooled[part == "train"], pooled[part == "validation"])
    distance = distances(terms, pooled)
    threshold = gate_threshold(distance[part == "validation"])
    gate = Gate(
        target=run.target,
        threshold=threshold,
        films=int((part == "validation").sum()),
        accepted=_accepted(distance[part == "test"] <= threshold, read.loc[part == "test", "patient"]),
        method=terms.method,
    )
    return GateFit(terms, gate)


def _pooled(run: Run, network: Network) -> tuple[npt.NDArray[np.float32], pd.DataFrame] | None:
    """Pooled features (n, features) of at most `MOST_FILMS` films of each part, and their rows with ``part``."""
    catalog = run_catalog(run)
    if catalog is None:
        return None
    films = films_at_hand(run, catalog)
    chosen = pd.concat([_spread(films[films["part"] == part]) for part in PARTS], ignore_index=True)
    cached = cache_films(catalog, chosen, spec=run.recipe().input)
    if cached.films.empty:
        return None
    rows, network = cached.films["row"].to_numpy(dtype=np.int64), network.eval().cpu()
    with torch.inference_mode():
        batches = (cached.pixels[rows[start : start + _BATCH]] for start in range(0, len(rows), _BATCH))
        parts = [network.features(torch.from_numpy(each).unsqueeze(1)).mean(dim=(2, 3)) for each in batches]
    return torch.cat(parts).numpy(), cached.films


def _spread(films: pd.DataFrame) -> pd.DataFrame:
    places = np.linspace(0, len(films) - 1, min(MOST_FILMS, len(films))).round().astype(int)
    return films.iloc[places]


def _accepted(passed: npt.NDArray[np.bool_], patients: pd.Series[str]) -> Interval | None:
    if not len(passed):
        return None
    found = share(passed, np.ones(len(passed), dtype=bool), PatientBootstrap(patients))
    if found.value is None or found.low is None or found.high is None:
        return None
    return Interval(value=found.value, low=found.low, high=found.high)


__all__ = ["GateFit", "set_gate"]
