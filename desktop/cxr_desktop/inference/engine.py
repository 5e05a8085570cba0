"""Films in, every model's answer out."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cxr_desktop.inference import runtime
from cxr_desktop.inference.kinds import CPU, Kind
from cxr_desktop.inference.layouts import Answer, CannotBuildError, Layout, build_layout
from cxr_desktop.inference.layouts.base import ModelFailedError, first_line
from cxr_desktop.inference.plan import Plan, default_plan, files_for
from cxr_desktop.intake.decoding import available_cores
from cxr_shared.bundle import Bundle
from cxr_shared.errors import BundleUnsupported, CxrError
from cxr_shared.findings import Target
from cxr_shared.pixels import PIXEL_PATH_VERSION


class InferenceFailedError(CxrError):
    """A model gave no usable answer; the message names the target and holds no patient data."""


@dataclass(frozen=True, slots=True, eq=False)
class Output:
    """One target's answer for a batch of N films.

    Attributes
    ----------
    logits
        (N,) float32.
    maps
        (N, h, w) float32 in logit units.
    distances
        (N,) float32: how far the films are from those the gate knows; None of every model but the gate's.
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
    kind
        The provider; whether it works was proved before.
    threads
        Threads of the CPU; by default all cores that this process may use.
    plan
        Layout and precision; by default the ones to begin with on that provider. They do not change afterwards, so
        neither do the scores of equal films.

    Raises
    ------
    BundleUnsupported
        The bundle's models were trained on pixels of another version of the pixel path.
    CannotBuildError
        The models do not go into the plan's layout.
    InferenceFailedError
        onnxruntime cannot load a model.
    """

    def __init__(
        self, bundle: Bundle, kind: Kind = CPU, *, threads: int | None = None, plan: Plan | None = None
    ) -> None:
        _check_pixel_path(bundle)
        self.bundle = bundle
        self.kind = kind
        self.threads = threads or available_cores()
        self.plan = plan or default_plan(bundle, kind)
        self.batch_size = kind.batch
        self._lock = threading.Lock()
        self._layout = self._build()

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
            try:
                answers = self._layout.run(batch)
            except ModelFailedError as error:
                name = f"The model of {error.target.display.lower()}" if error.target else "The models' graph"
                raise InferenceFailedError(f"{name} failed ({error}).") from error
        return {target: self._checked(target, answer, len(batch)) for target, answer in answers.items()}

    def _build(self) -> Layout:
        files = files_for(self.bundle, self.plan.precision)
        models = {target: self.bundle.files[file.file] for target, file in files.items()}

        # Sessions of the CPU are opened several at once; a card's memory and its compilers are left to one at a time.
        turn = contextlib.nullcontext() if self.kind is CPU else threading.Lock()

        def open_session(data: bytes, threads: int) -> Any:  # noqa: ANN401  (onnxruntime ships no types)
            try:
                with turn:
                    return runtime.session(data, self.kind, threads=threads)
            except Exception as error:  # onnxruntime's errors have no common class
                name = next(
                    (file.file for file in files.values() if self.bundle.files[file.file] is data), "the models"
                )
                raise InferenceFailedError(
                    f"onnxruntime cannot load {name} ({first_line(error)}). "
                    "Export the bundle again with `cxr-export onnx`, or update onnxruntime."
                ) from error

        return build_layout(self.plan.layout, models, open_session, threads=self.threads)

    def _checked(self, target: Target, answer: Answer, films: int) -> Output:
        manifest = self.bundle.manifest
        height, width = manifest.entry(target).map_shape
        name = f"The model of {target.display.lower()}"
        gated = manifest.gate is not None and manifest.gate.target is target
        distances = answer.distances if gated else None
        if answer.logits.shape != (films,) or answer.maps.shape != (films, height, width):
            raise InferenceFailedError(f"{name} answered another shape than its manifest.")
        if gated and (distances is None or distances.shape != (films,)):
            raise InferenceFailedError(f"{name} answered no distance, which the bundle's film gate needs.")
        if not all(np.isfinite(each).all() for each in (answer.logits, answer.maps, distances) if each is not None):
            raise InferenceFailedError(f"{name} answered no number.")
        return Output(answer.logits, answer.maps, distances)


def _check_pixel_path(bundle: Bundle) -> None:
    version = bundle.manifest.pixel_path_version
    if version != PIXEL_PATH_VERSION:
        raise BundleUnsupported(
            f"{bundle.path} was trained on pixel path {version} and this version makes pixel path "
            f"{PIXEL_PATH_VERSION}, so its thresholds would not hold. Export it again with the same version."
        )


__all__ = ["CannotBuildError", "Engine", "InferenceFailedError", "Output"]
