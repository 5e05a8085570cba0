"""The gate: an exported model must do what the trained one does, on real inputs, or there is no bundle."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import torch

from cxr_export.errors import ExportRefused
from cxr_shared.bundle import Parity, Tolerance
from cxr_trainer.model.network import Network

_BATCH = 16


def check_parity(
    data: bytes, network: Network, films: npt.NDArray[np.uint8], *, tolerance: Tolerance, name: str
) -> Parity:
    """Compare onnxruntime on the CPU with torch on the unfolded network, and each map's mean with its logit.

    Parameters
    ----------
    data
        ONNX bytes.
    network
        The trained network, not the folded one.
    films
        uint8 (n, S, S), n ≥ 1.
    tolerance
        Largest differences accepted.
    name
        The model, for the message.

    Raises
    ------
    ExportRefused
        A difference is above its tolerance or not a number.
    """
    logits, maps = run_onnx(data, films)
    expected = _torch_logits(network, films)
    logit_difference = float(np.max(np.abs(logits - expected)))
    mean_difference = float(np.max(np.abs(maps.mean(axis=(1, 2), dtype=np.float64) - logits)))
    if not (logit_difference <= tolerance.logit and mean_difference <= tolerance.map_mean):
        raise ExportRefused(
            f"The exported model of {name} is not the trained one: on {len(films)} films its logit differs by up to "
            f"{logit_difference:.2e} (at most {tolerance.logit:.0e}) and its map's mean by {mean_difference:.2e} "
            f"(at most {tolerance.map_mean:.0e}). No bundle was written."
        )
    return Parity(films=len(films), max_logit_difference=logit_difference, max_map_mean_difference=mean_difference)


def run_onnx(data: bytes, films: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float32]]:
    """Logits (n,) and maps (n, h, w) of `films` by onnxruntime on the CPU."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session: Any = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    outputs = [
        session.run(["logit", "map"], {"film": films[start : start + _BATCH]}) for start in range(0, len(films), _BATCH)
    ]
    logits = np.concatenate([logit for logit, _ in outputs]).astype(np.float64)
    return logits, np.concatenate([heat for _, heat in outputs])


def _torch_logits(network: Network, films: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    network = network.eval().cpu()
    with torch.inference_mode():
        parts = [
            network(torch.from_numpy(np.ascontiguousarray(films[start : start + _BATCH])).unsqueeze(1)).logit
            for start in range(0, len(films), _BATCH)
        ]
    return torch.cat(parts).double().numpy()
