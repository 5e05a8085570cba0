"""The film gate: how far a picture is from the films that a model was trained on.

Pooled features of chest films lie near a low-dimensional plane, which principal components of the training films span.
What a picture leaves off that plane is small for a film and large for anything else, a natural photograph, a hand, an
inverted film (the residual of Wang et al. 2022, "ViM: Out-of-distribution with virtual-logit matching", without the
logits). The distance is its norm, relative to that of the median validation film. Square roots are taken of the
features first: they are averages of ReLUs, most of them near 0, and a root keeps the few large ones from deciding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from cxr_export.errors import ExportRefused
from cxr_export.parity import run_gate
from cxr_trainer.model.network import Network

FloatArray = npt.NDArray[np.float32]

METHOD: Final = (
    "norm of what {components} principal components of the training films leave of the square roots of the pooled "
    "features, relative to the median validation film's"
)
MOST_COMPONENTS: Final = 64
FEWEST_FILMS: Final = 30
"""Training or validation films below which no gate can be set."""
DEVIATIONS: Final = 3.25
"""The threshold lies so many standard deviations of the log distance above its mean over validation films."""
TOLERANCE: Final = 1e-3
"""Largest accepted difference of a distance, whose median is 1, between torch and the float32 file."""
_QUANTILE: Final = 0.995
_ENOUGH: Final = 200
"""Validation films from which on the 99.5 % quantile is not simply the farthest film."""


@dataclass(frozen=True, slots=True, eq=False)
class GateTerms:
    """The plane near which films lie.

    Attributes
    ----------
    mean
        (features,) float32 mean of the roots of the pooled features.
    components
        (k, features) float32, orthonormal.
    scale
        What the residual's norm is divided by.
    """

    mean: FloatArray
    components: FloatArray
    scale: float

    @property
    def method(self) -> str:
        """How the distance is made, in words."""
        return METHOD.format(components=len(self.components))


class GateDistance(nn.Module):
    """Pooled features float32 (N, features) → distance float32 (N,)."""

    def __init__(self, terms: GateTerms) -> None:
        super().__init__()
        self.register_buffer("mean", torch.from_numpy(terms.mean))
        components = torch.from_numpy(terms.components)
        self.register_buffer("components", components)
        self.register_buffer("transposed", components.T.contiguous())  # else the graph transposes it for each batch
        self.scale = terms.scale

    def forward(self, pooled: Tensor) -> Tensor:
        """Return the distances."""
        centred = pooled.relu().sqrt() - self.get_buffer("mean")
        residual = centred - (centred @ self.get_buffer("transposed")) @ self.get_buffer("components")
        return residual.square().sum(dim=1).sqrt() / self.scale


def fit_gate(training: FloatArray, validation: FloatArray) -> GateTerms:
    """Span the plane by the training films, and scale the distance by the validation films.

    Parameters
    ----------
    training, validation
        (n, features) float32 pooled features, `FEWEST_FILMS` or more of each. They need not be normal films.

    Returns
    -------
    GateTerms
        With at most `MOST_COMPONENTS` components, and one for each four training films.
    """
    from sklearn.decomposition import PCA

    components = min(MOST_COMPONENTS, len(training) // 4, training.shape[1] // 2)
    plane = PCA(n_components=components, svd_solver="full").fit(_roots(training))
    unscaled = GateTerms(plane.mean_.astype(np.float32), plane.components_.astype(np.float32), scale=1.0)
    return GateTerms(unscaled.mean, unscaled.components, scale=float(np.median(distances(unscaled, validation))))


def distances(terms: GateTerms, pooled: FloatArray) -> npt.NDArray[np.float64]:
    """(n,) distances of pooled features, (n, features) float32."""
    with torch.inference_mode():
        found: npt.NDArray[np.float64] = GateDistance(terms)(torch.from_numpy(pooled)).double().numpy()
    return found


def gate_threshold(validation: npt.NDArray[np.float64]) -> float:
    """Distance beyond which a picture is refused, from those of the validation films, (n,).

    The logarithm of the distance is about normal, so a few films tell its far quantiles better than their own farthest
    one; where there are enough, the 99.5 % quantile may raise it.
    """
    logs = np.log(validation)
    threshold = float(np.exp(logs.mean() + DEVIATIONS * logs.std(ddof=1)))
    return threshold if len(validation) < _ENOUGH else max(threshold, float(np.quantile(validation, _QUANTILE)))


def check_distance(
    data: bytes, terms: GateTerms, network: Network, films: npt.NDArray[np.uint8], *, name: str
) -> float:
    """Compare the graph's distances with torch's.

    Parameters
    ----------
    data
        ONNX bytes of a float32 model with a gate.
    terms, network
        What it was made of.
    films
        uint8 (n, S, S), n ≥ 1.
    name
        The model, for the message.

    Returns
    -------
    float
        The largest difference.

    Raises
    ------
    ExportRefused
        It is above `TOLERANCE` or not a number.
    """
    with torch.inference_mode():
        pooled = network.eval().cpu().features(torch.from_numpy(films).unsqueeze(1)).mean(dim=(2, 3)).numpy()
    difference = float(np.abs(run_gate(data, films) - distances(terms, pooled)).max())
    if not difference <= TOLERANCE:
        raise ExportRefused(
            f"The film gate of {name} is not what was fitted: its distance differs by {difference:.1e} (at most "
            f"{TOLERANCE:.0e}). No bundle was written."
        )
    return difference


def _roots(pooled: FloatArray) -> npt.NDArray[np.float64]:
    roots: npt.NDArray[np.float64] = np.sqrt(np.maximum(pooled, 0.0, dtype=np.float64))
    return roots


__all__ = ["FEWEST_FILMS", "GateDistance", "GateTerms", "check_distance", "distances", "fit_gate", "gate_threshold"]
