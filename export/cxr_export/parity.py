"""The gate: an exported model must do what the trained one does, on real inputs, or it does not enter the bundle."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from cxr_export.errors import ExportRefused
from cxr_export.films import CheckFilms
from cxr_export.session import open_session
from cxr_shared.bundle import AucChange, Calibration, Interval, OperatingPoint, Parity, Tolerance
from cxr_trainer.evaluate.intervals import Estimate, PatientBootstrap
from cxr_trainer.evaluate.ranking import auc_interval
from cxr_trainer.model.network import Network

LARGEST_AUC_LOSS: Final = 0.01
"""Of a file of reduced precision."""
LARGEST_FLIPS: Final = 0.01
"""Share of films that may cross the default operating point in a file of reduced precision."""
_ENOUGH_UNSEEN: Final = 100
"""Films not trained on from which on their flips are judged apart: with fewer, one film is more than the limit."""
_BATCH: Final = 16
_BALANCED: Final = "balanced"


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """What the trained model says, to compare its files with.

    Attributes
    ----------
    films
        n films.
    logits
        (n,) by torch, of the network as it was trained: nothing folded.
    cuts
        Each operating point's threshold as a logit, by its name.
    gate
        Threshold of the film gate, where this model carries it.
    inside
        (n,) which films pass the gate, by the float32 file; None without a gate.
    """

    films: CheckFilms
    logits: npt.NDArray[np.float64]
    cuts: Mapping[str, float]
    gate: float | None = None
    inside: npt.NDArray[np.bool_] | None = None

    @property
    def default_cut(self) -> str:
        """Name of the operating point that the gate looks at: the balanced one, else the first."""
        return _BALANCED if _BALANCED in self.cuts else next(iter(self.cuts))


def logit_cuts(points: Sequence[OperatingPoint], calibration: Calibration) -> dict[str, float]:
    """Thresholds on the calibrated probability as thresholds on the logit."""
    return {point.name: calibration.logit(point.threshold) for point in points}


def measure_parity(data: bytes, trained: Trained) -> Parity:
    """Compare onnxruntime on the CPU with torch, and each map's mean with its logit.

    Parameters
    ----------
    data
        ONNX bytes.
    trained
        What they must do.
    """
    logits, maps = run_onnx(data, trained.films.pixels)
    difference = np.abs(logits - trained.logits)
    between = np.abs(maps.mean(axis=(1, 2), dtype=np.float64) - logits)
    crossed = {name: (logits >= cut) != (trained.logits >= cut) for name, cut in trained.cuts.items()}
    unseen = ~trained.films.seen
    return Parity(
        films=len(logits),
        source=trained.films.source,
        max_logit_difference=_finite(difference.max()),
        mean_logit_difference=_finite(difference.mean()),
        max_map_mean_difference=_finite(between.max()),
        auc=_auc_change(trained, logits),
        flips={name: float(films.mean()) for name, films in crossed.items()},
        unseen_films=int(unseen.sum()),
        unseen_flips={name: float(films[unseen].mean()) for name, films in crossed.items() if unseen.any()},
        gate_flips=_gate_flips(data, trained),
    )


def require_equal(parity: Parity, tolerance: Tolerance, *, name: str) -> None:
    """Refuse a float32 file that is not the trained model.

    Raises
    ------
    ExportRefused
        A difference is above its tolerance or not a number.
    """
    if parity.max_logit_difference <= tolerance.logit and parity.max_map_mean_difference <= tolerance.map_mean:
        return
    raise ExportRefused(
        f"The exported model of {name} is not the trained one: on {parity.films} films its logit differs by up to "
        f"{parity.max_logit_difference:.2e} (at most {tolerance.logit:.0e}) and its map's mean by "
        f"{parity.max_map_mean_difference:.2e} (at most {tolerance.map_mean:.0e}). No bundle was written."
    )


def shortfall(parity: Parity, trained: Trained, tolerance: Tolerance) -> str | None:
    """Say why a file of reduced precision is not good enough; None where it is.

    The logit's tolerance is not asked for: what counts is how films are ranked and called.
    """
    if parity.auc is None:
        return f"whether its AUC falls cannot be told from {parity.films} {parity.source}"
    before, after = parity.auc.before.value, parity.auc.after.value
    if not before - after <= LARGEST_AUC_LOSS:
        return f"its AUC on {parity.films} films falls from {before:.4f} to {after:.4f}"
    judged = {"films": (parity.films, parity.flips)}
    if parity.unseen_films >= _ENOUGH_UNSEEN:
        judged["films not trained on"] = (parity.unseen_films, parity.unseen_flips)
    for what, (films, flips) in judged.items():
        share = flips[trained.default_cut]
        if not share <= LARGEST_FLIPS:
            return (
                f"{round(share * films)} of {films} {what} cross the {trained.default_cut} operating point, more than "
                f"{LARGEST_FLIPS:.0%}"
            )
    if parity.gate_flips is not None and not parity.gate_flips <= LARGEST_FLIPS:
        return f"{round(parity.gate_flips * parity.films)} of {parity.films} films cross the film gate"
    if not parity.max_map_mean_difference <= tolerance.map_mean:
        return f"the means of its maps differ from its logits by {parity.max_map_mean_difference:.1e}"
    return None


def accepted_tolerance(parity: Parity, tolerance: Tolerance) -> Tolerance:
    """The tolerance of an accepted file of reduced precision: its largest difference, rounded up to one digit."""
    largest = max(parity.max_logit_difference, tolerance.logit)
    digit = 10.0 ** math.floor(math.log10(largest))
    return Tolerance(logit=float(f"{math.ceil(largest / digit) * digit:.0e}"), map_mean=tolerance.map_mean)


def run_onnx(data: bytes, films: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float32]]:
    """Logits (n,) and maps (n, h, w) of `films` by onnxruntime on the CPU."""
    session = open_session(data)
    outputs = [
        session.run(["logit", "map"], {"film": films[start : start + _BATCH]}) for start in range(0, len(films), _BATCH)
    ]
    logits = np.concatenate([logit for logit, _ in outputs]).astype(np.float64)
    return logits, np.concatenate([heat for _, heat in outputs])


def run_gate(data: bytes, films: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Distances (n,) of `films` by onnxruntime on the CPU, of a model that carries the film gate."""
    session = open_session(data)
    parts = [
        session.run(["distance"], {"film": films[start : start + _BATCH]})[0] for start in range(0, len(films), _BATCH)
    ]
    return np.concatenate(parts)


def run_torch(network: Network, films: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Logits (n,) of `films` by a trained network on the CPU."""
    network = network.eval().cpu()
    with torch.inference_mode():
        parts = [
            network(torch.from_numpy(np.ascontiguousarray(films[start : start + _BATCH])).unsqueeze(1)).logit
            for start in range(0, len(films), _BATCH)
        ]
    return torch.cat(parts).double().numpy()


def _finite(value: float) -> float:
    """A difference that is not a number is as large as there is: a manifest holds no NaN, and the gate must see it."""
    return float(value) if math.isfinite(value) else float(np.finfo(np.float64).max)


def _gate_flips(data: bytes, trained: Trained) -> float | None:
    if trained.gate is None or trained.inside is None:
        return None
    return float(np.mean((run_gate(data, trained.films.pixels) <= trained.gate) != trained.inside))


def _auc_change(trained: Trained, logits: npt.NDArray[np.float64]) -> AucChange | None:
    labels = trained.films.labels
    if labels is None or len(np.unique(labels)) < 2 or not np.isfinite(logits).all():
        return None
    patients = trained.films.patients
    if PatientBootstrap(patients, replicates=1).patients < 2:
        return None
    before, after = (_interval(auc_interval(labels, scores, patients)) for scores in (trained.logits, logits))
    return None if before is None or after is None else AucChange(before=before, after=after)


def _interval(estimate: Estimate) -> Interval | None:
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return None
    return Interval(value=estimate.value, low=estimate.low, high=estimate.high)
