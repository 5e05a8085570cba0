"""Sessions of a bundle and what they answer."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from cxr_desktop.inference import runtime
from cxr_desktop.intake.decoding import available_cores
from cxr_shared.bundle import Bundle, ModelEntry
from cxr_shared.errors import BundleUnsupported, CxrError
from cxr_shared.findings import Target
from cxr_shared.pixels import PIXEL_PATH_VERSION

GPU_BATCH: Final = 16


class InferenceFailedError(CxrError):
    """A model gave no usable answer; the message names the target and holds no patient data."""


@dataclass(frozen=True, slots=True, eq=False)
class Output:
    """One target's answer for a batch: `logits` (N,) float32, `maps` (N, h, w) float32 in logit units.

    The gate's model gives `distances` (N,) float32 too; of the others they are None.
    """

    logits: npt.NDArray[np.float32]
    maps: npt.NDArray[np.float32]
    distances: npt.NDArray[np.float32] | None = None


class Engine:
    """A bundle's models, loaded on one provider; one batch at a time, from any thread.

    Parameters
    ----------
    bundle
        A verified bundle.
    provider
        `runtime.CPU` or `runtime.CUDA`; whether it works was proved before.
    threads
        Threads of the CPU; by default all cores that this process may use.

    Raises
    ------
    BundleUnsupported
        The bundle's models were trained on pixels of another version of the pixel path.
    InferenceFailedError
        onnxruntime cannot load a model.
    """

    def __init__(self, bundle: Bundle, *, provider: str = runtime.CPU, threads: int | None = None) -> None:
        _check_pixel_path(bundle)
        self.bundle = bundle
        self.provider = provider
        self.threads = threads or available_cores()
        # On the CPU a batch gains nothing, and alone a film's answer depends on no other film.
        self.batch_size = GPU_BATCH if provider == runtime.CUDA else 1
        self._lock = threading.Lock()
        self._sessions = {entry.target: self._open(entry) for entry in bundle.manifest.models}

    def score(self, batch: npt.NDArray[np.uint8]) -> dict[Target, Output]:
        """Score a batch with every model.

        Parameters
        ----------
        batch
            (N, S, S) uint8 model inputs, S as the manifest says, N ≥ 1.

        Raises
        ------
        ValueError
            `batch` has another shape or type.
        InferenceFailedError
            A model raised, or answered NaN, infinity or another shape.
        """
        size = self.bundle.manifest.input.size
        if batch.dtype != np.uint8 or batch.ndim != 3 or batch.shape[1:] != (size, size) or not len(batch):
            raise ValueError(f"a batch is uint8 (N, {size}, {size}), not {batch.dtype} {batch.shape}")
        with self._lock:
            return {target: self._run(target, session, batch) for target, session in self._sessions.items()}

    def _open(self, entry: ModelEntry) -> Any:  # noqa: ANN401  (onnxruntime ships no types)
        try:
            return runtime.session(self.bundle.model(entry.target), self.provider, threads=self.threads)
        except Exception as error:  # onnxruntime's errors have no common class
            raise InferenceFailedError(
                f"onnxruntime cannot load {entry.reference.file} ({_first_line(error)}). "
                "Export the bundle again with `cxr-export onnx`, or update onnxruntime."
            ) from error

    def _run(self, target: Target, session: Any, batch: npt.NDArray[np.uint8]) -> Output:  # noqa: ANN401
        gate = self.bundle.manifest.gate
        gated = gate is not None and gate.target is target
        names = ["logit", "map", "distance"] if gated else ["logit", "map"]
        try:
            logits, maps, *rest = session.run(names, {"film": batch})
        except Exception as error:  # as above
            raise InferenceFailedError(
                f"The model of {target.display.lower()} failed ({_first_line(error)})."
            ) from error
        height, width = self.bundle.manifest.entry(target).map_shape
        if any(each.shape != (len(batch),) for each in (logits, *rest)) or maps.shape != (len(batch), height, width):
            raise InferenceFailedError(
                f"The model of {target.display.lower()} answered another shape than its manifest."
            )
        if not all(np.isfinite(each).all() for each in (logits, maps, *rest)):
            raise InferenceFailedError(f"The model of {target.display.lower()} answered no number.")
        return Output(logits=logits, maps=maps, distances=rest[0] if gated else None)


def _check_pixel_path(bundle: Bundle) -> None:
    version = bundle.manifest.pixel_path_version
    if version != PIXEL_PATH_VERSION:
        raise BundleUnsupported(
            f"{bundle.path} was trained on pixel path {version} and this version makes pixel path "
            f"{PIXEL_PATH_VERSION}, so its thresholds would not hold. Export it again with the same version."
        )


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300]
