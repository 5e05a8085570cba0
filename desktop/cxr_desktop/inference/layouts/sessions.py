"""A session for each model."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from cxr_desktop.inference.layouts.base import (
    Answer,
    Films,
    Layout,
    ModelFailedError,
    Opener,
    Session,
    output_names,
)
from cxr_shared.findings import Target

_OPENED_AT_ONCE: Final = 4


@dataclass(slots=True, eq=False)
class _Model:
    target: Target
    session: Session
    outputs: list[str]
    seconds: float = 0.0
    """How long it took last."""

    def run(self, films: Films) -> Answer:
        start = time.perf_counter()
        try:
            answer = Answer(*self.session.run(self.outputs, {"film": films}))
        except Exception as error:  # onnxruntime's errors have no common class
            raise ModelFailedError(self.target, error) from error
        self.seconds = time.perf_counter() - start
        return answer


def _open(models: Mapping[Target, bytes], opener: Opener, threads: int) -> list[_Model]:
    """Open all sessions; onnxruntime releases Python's lock meanwhile, so several at once."""
    with ThreadPoolExecutor(_OPENED_AT_ONCE) as helpers:
        sessions = list(helpers.map(lambda data: opener(data, threads), models.values()))
    return [_Model(target, session, output_names(session)) for target, session in zip(models, sessions, strict=True)]


class InTurn(Layout):
    """One model after the other, each with all threads."""

    def __init__(self, models: Mapping[Target, bytes], opener: Opener, *, threads: int) -> None:
        self._models = _open(models, opener, threads)

    def run(self, films: Films) -> dict[Target, Answer]:
        """Answer with every model."""
        return {model.target: model.run(films) for model in self._models}


class SideBySide(Layout):
    """As many models at once as there are threads, each on one thread.

    A model's layers are short, and threads that share one wait for each other at its end; threads that take whole
    models wait once a film. The model that took longest last time is begun first, so that they end together. A few
    models that would leave most threads idle in the last round are run with all threads instead, in turn.
    """

    def __init__(self, models: Mapping[Target, bytes], opener: Opener, *, threads: int) -> None:
        shared = shared_models(len(models), threads)
        targets = list(models)
        alone = targets[: len(targets) - shared]
        self._alone = _open({target: models[target] for target in alone}, opener, 1)
        self._shared = _open({target: models[target] for target in targets[len(alone) :]}, opener, threads)
        self._targets = targets
        self._threads = min(threads, len(alone))

    def run(self, films: Films) -> dict[Target, Answer]:
        """Answer with every model; onnxruntime releases Python's lock while it computes."""
        turn = _Turn(sorted(self._alone, key=lambda model: -model.seconds), films)
        # Begun for each batch: that takes a tenth of a millisecond, and no thread outlives the call.
        helpers = [threading.Thread(target=turn.work, name="cxr-model") for _ in range(self._threads - 1)]
        for helper in helpers:
            helper.start()
        turn.work()
        for helper in helpers:
            helper.join()
        if turn.failure is not None:
            raise turn.failure
        answers = turn.answers | {model.target: model.run(films) for model in self._shared}
        return {target: answers[target] for target in self._targets}


def shared_models(models: int, threads: int) -> int:
    """How many models are run with all threads: those of a last round that would leave half of the threads idle."""
    rest = models % threads
    return rest if models > threads and 2 * rest <= threads else 0


class _Turn:
    """Models that wait for a thread, and what they answered."""

    def __init__(self, models: list[_Model], films: Films) -> None:
        self._waiting = iter(models)
        self._films = films
        self._lock = threading.Lock()
        self.answers: dict[Target, Answer] = {}
        self.failure: ModelFailedError | None = None

    def work(self) -> None:
        """Run waiting models until there are no more, or one failed."""
        while (model := self._next()) is not None:
            try:
                self.answers[model.target] = model.run(self._films)
            except ModelFailedError as error:
                self.failure = error

    def _next(self) -> _Model | None:
        with self._lock:
            return None if self.failure is not None else next(self._waiting, None)
