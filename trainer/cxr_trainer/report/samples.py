"""Test films with their heat maps: what a model got right and wrong, drawn when a run ends.

The pictures stay in ``figures/samples``, so a page can be written anew without the films. They show the pixels that the
model saw, and nothing of a patient but NIH's file name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_shared.files import write_bytes, write_json
from cxr_shared.heat_map import lay_map, pixel_fractions, scale_end
from cxr_shared.logistic import sigmoid
from cxr_shared.opencv import cv2
from cxr_trainer.data.prepare import PreparedFilms
from cxr_trainer.fit.run import Run

if TYPE_CHECKING:
    from torch import Tensor

    from cxr_trainer.model.network import Network

FOLDER: Final = "figures/samples"
SIDE: Final = 320
"""Side of a picture in pixels."""
EACH: Final = 3
"""Films of each kind, at most."""
KINDS: Final = ("true positive", "false positive", "false negative", "true negative")
RULE: Final = (
    "Of each kind the film furthest from the threshold, the median one and the nearest are shown; "
    "none was picked by eye."
)
"""How the films were chosen."""

_FOR, _AGAINST = (255, 170, 40), (60, 160, 255)
_OPACITY = 0.6
Picture = npt.NDArray[np.uint8]


def write_samples(
    run: Run,
    network: Network,
    films: PreparedFilms,
    *,
    logits: npt.NDArray[np.float64],
    normal: Tensor,
    metrics: dict[str, Any],
) -> None:
    """Draw test films of each kind at the balanced operating point, and ``samples.json``, which lists them.

    Parameters
    ----------
    run
        Where to.
    network
        The best model, on its device.
    films
        The run's films.
    logits
        (n,) of the test films, in the order of the split.
    normal
        (h, w) mean map of the normal validation films.
    metrics
        With ``operating_points`` and ``map_peak``.
    """
    import torch

    from cxr_trainer.model.backbones import cell_grid
    from cxr_trainer.model.heat_map import heat_maps

    threshold = balanced_point(metrics)["threshold"]
    zero = float(np.log(threshold / (1 - threshold))) if 0 < threshold < 1 else 0.0
    test = films.split[films.split["part"] == "test"]
    chosen = choose_samples(test.assign(logit=logits), zero)
    pixels = np.ascontiguousarray(films.pixels[chosen["row"].to_numpy(dtype=np.int64)])
    device = next(network.parameters()).device
    maps = heat_maps(network, normal, torch.from_numpy(pixels).unsqueeze(1).to(device)).numpy()
    span = scale_end(zero, metrics["map_peak"]) - zero
    grid = cell_grid(network.backbone, films.pixels.shape[-1])
    places = pixel_fractions(SIDE)
    entries = []
    for number, row in enumerate(chosen.itertuples(index=False)):
        film = cv2.resize(pixels[number], (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        laid = overlay(film, lay_map(maps[number], grid, rows=places, columns=places) - zero, span=span)
        entries.append(_entry(run, row, number=number, pictures={"film": film, "map": laid}))
    write_json(run.folder / FOLDER / "samples.json", {"rule": RULE, "zero": zero, "span": span, "films": entries})


def balanced_point(metrics: dict[str, Any]) -> dict[str, Any]:
    """Return the operating point named balanced, else the first."""
    points: list[dict[str, Any]] = metrics["operating_points"]
    return next((point for point in points if point["name"] == "balanced"), points[0])


def choose_samples(test: pd.DataFrame, zero: float) -> pd.DataFrame:
    """Pick up to three films of each of `KINDS`, by `RULE`, with a column ``kind``.

    Parameters
    ----------
    test
        ``image``, ``label`` and ``logit``.
    zero
        The threshold as a logit.
    """
    called, positive = test["logit"] >= zero, test["label"] == 1
    masks = (called & positive, called & ~positive, ~called & positive, ~called & ~positive)
    ranked = test.assign(distance=(test["logit"] - zero).abs())
    ranked = ranked.sort_values(["distance", "image"], ascending=[False, True])
    picked = []
    for kind, mask in zip(KINDS, masks, strict=True):
        group = ranked[mask.loc[ranked.index]].assign(kind=kind)
        places = {round(share * (len(group) - 1)) for share in np.linspace(0, 1, EACH)} if len(group) else set()
        picked.append(group.iloc[sorted(places)])
    return pd.concat(picked).drop(columns="distance")


def overlay(film: Picture, evidence: npt.NDArray[np.float32], *, span: float) -> Picture:
    """Colour a film by `evidence`: orange speaks for the finding, blue against it, none at 0.

    Parameters
    ----------
    film
        (s, s) uint8.
    evidence
        (s, s) logits above the threshold's.
    span
        Logits at which a colour is full.

    Returns
    -------
    ndarray
        (s, s, 3) uint8 RGB.
    """
    strength = np.clip(np.abs(evidence) / span, 0.0, 1.0)[..., None] * _OPACITY
    colour = np.where(evidence[..., None] > 0, np.array(_FOR, np.float32), np.array(_AGAINST, np.float32))
    return np.asarray(np.rint(film[..., None] * (1 - strength) + colour * strength), np.uint8)


def _entry(run: Run, row: Any, *, number: int, pictures: dict[str, Picture]) -> dict[str, Any]:  # noqa: ANN401
    entry = {
        "kind": row.kind,
        "image": row.image,
        "label": int(row.label),
        "logit": float(row.logit),
        "probability": sigmoid(float(row.logit)),
    }
    for name, picture in pictures.items():
        entry[name] = f"{number + 1:02d}-{row.kind.replace(' ', '-')}-{name}.jpg"
        write_bytes(run.folder / FOLDER / entry[name], _jpeg(picture))
    return entry


def _jpeg(picture: Picture) -> bytes:
    """Encode (s, s) grey or (s, s, 3) RGB."""
    bgr = np.ascontiguousarray(picture[..., ::-1]) if picture.ndim == 3 else picture
    encoded, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 82])
    assert encoded
    return bytes(data)
