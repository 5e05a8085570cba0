"""What a layout is."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from cxr_shared.findings import Target

Films: TypeAlias = npt.NDArray[np.uint8]
Floats: TypeAlias = npt.NDArray[np.float32]


class LayoutName(StrEnum):
    """The layouts that there are."""

    IN_TURN = "in turn"
    """A session for each model, one after the other, each with all threads."""
    SIDE_BY_SIDE = "side by side"
    """A session for each model with one thread each, as many at once as there are threads."""
    BRANCHES = "branches"
    """One graph with a branch for each model."""
    STACKED = "stacked"
    """One wide network of grouped convolutions for all models of one architecture."""


class Answer(NamedTuple):
    """What a model answers for N films, as it comes from onnxruntime: nothing is checked yet.

    `logits` (N,), `maps` (N, h, w) in logit units, and `distances` (N,) of the film gate's model, None of others.
    """

    logits: Floats
    maps: Floats
    distances: Floats | None = None


class Session(Protocol):
    """What is used of an onnxruntime session."""

    @abstractmethod
    def run(self, outputs: Sequence[str], inputs: Mapping[str, Films]) -> list[Any]:
        """Compute the named outputs."""

    @abstractmethod
    def get_outputs(self) -> list[Any]:
        """The outputs, each with its ``name``."""


Opener: TypeAlias = Callable[[bytes, int], Session]
"""Opens ONNX bytes with that many threads."""


class CannotBuildError(ValueError):
    """These models do not go into this layout; the message says why."""


class Layout(Protocol):
    """Models that are loaded and answer together."""

    @abstractmethod
    def run(self, films: Films) -> dict[Target, Answer]:
        """Answer (N, S, S) films with every model.

        Raises
        ------
        ModelFailedError
            onnxruntime raised.
        """


class ModelFailedError(RuntimeError):
    """onnxruntime raised while a model ran; the cause is chained.

    Attributes
    ----------
    target
        Which model, or None where they run as one.
    """

    def __init__(self, target: Target | None, error: Exception) -> None:
        super().__init__(first_line(error))
        self.target = target


def first_line(error: Exception) -> str:
    """Give the first line of a message of onnxruntime's, which may go on for pages."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300]


def output_names(session: Session, prefix: str = "") -> list[str]:
    """Names of a model's outputs that make an `Answer`, in its order."""
    offered = {each.name for each in session.get_outputs()}
    wanted = [f"{prefix}{name}" for name in ("logit", "map")]
    return wanted + [name for name in (f"{prefix}distance",) if name in offered]
