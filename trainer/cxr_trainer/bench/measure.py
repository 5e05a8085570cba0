"""Interleaved rounds of contenders, each in a process of its own, and what they amount to."""

from __future__ import annotations

import contextlib
import os
import statistics
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Literal, TypeVar

import torch

from cxr_trainer.bench.contender import Contender, Round, Workload, synchronize
from cxr_trainer.errors import BenchError
from cxr_trainer.fit.device import DeviceName, choose_compute
from cxr_trainer.workers import begin_worker

Name = Literal["stock", "ours", "ceiling"]
NAMES: tuple[Name, ...] = ("stock", "ours", "ceiling")
Result = TypeVar("Result")
Report = Callable[[str, Name, int], None]

PAPER_TRAIN_FILMS = 18_847
"""Atelectasis, whose epoch took the paper 2.5 hours with MobileNet (Table 2; Table 6)."""
PAPER_EPOCH_HOURS = {"mobilenetv1": 2.5, "densenet121": 5.0, "alexnet": 1.5}
"""The paper's hours an epoch (Table 6)."""


@dataclass(frozen=True, slots=True)
class Speed:
    """A contender's rounds."""

    rounds: tuple[Round, ...]

    @property
    def films_per_second(self) -> float:
        """Median of the rounds."""
        return statistics.median(each.films_per_second for each in self.rounds)

    @property
    def spread(self) -> tuple[float, float]:
        """Slowest and fastest round, films a second."""
        speeds = [each.films_per_second for each in self.rounds]
        return min(speeds), max(speeds)

    @property
    def starvation(self) -> float:
        """Median share of the time in which the step waited for films, 0..1."""
        return statistics.median(each.starvation for each in self.rounds)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The three contenders with one architecture."""

    architecture: str
    speeds: Mapping[Name, Speed]

    def ratio(self, of: Name, to: Name) -> float:
        """How many times as fast `of` is as `to`, by their medians."""
        return self.speeds[of].films_per_second / self.speeds[to].films_per_second

    @property
    def paper_epoch_hours(self) -> float:
        """Hours that the updates of the paper's Atelectasis epoch would take ours."""
        return PAPER_TRAIN_FILMS / self.speeds["ours"].films_per_second / 3600


def compare(workload: Workload, *, rounds: int, report: Report) -> Comparison:
    """Let the three contenders train in turn, `rounds` times after a first that is not counted.

    They take turns so that whatever else the machine does meets all of them alike, and each has a process of its
    own, so that none has another's memory, threads or settings.

    Raises
    ------
    BenchError
        A contender's process was ended from outside.
    """
    architecture = workload.recipe.model.architecture
    measured: dict[Name, list[Round]] = {name: [] for name in NAMES}
    with contextlib.ExitStack() as stack:
        processes = {name: stack.enter_context(_process()) for name in NAMES}
        for name, process in processes.items():
            _result(process.submit(_begin, name, workload), architecture, name)
        for number in range(rounds + 1):
            for name, process in processes.items():
                report(architecture, name, number)
                result = _result(process.submit(_train), architecture, name)
                measured[name] += [result] if number else []
    return Comparison(architecture, {name: Speed(tuple(each)) for name, each in measured.items()})


def memory_bandwidth(device: DeviceName) -> float:
    """GB a second, read and written together, that the device copies within its memory."""
    place = choose_compute(device).device
    source = torch.zeros(2**26 if place.type == "cpu" else 2**28, device=place)
    target = torch.empty_like(source)
    best = min(_copy_seconds(source, target) for _ in range(5))
    return 2 * source.nbytes / best / 1e9


def _copy_seconds(source: torch.Tensor, target: torch.Tensor) -> float:
    synchronize(source.device)
    began = time.perf_counter()
    target.copy_(source)
    synchronize(source.device)
    return time.perf_counter() - began


def _result(future: Future[Result], architecture: str, name: Name) -> Result:
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise BenchError(
            f"The process that measured {name} with {architecture} was ended from outside (out of memory?). "
            "Give a smaller --batch-size."
        ) from error


def _process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, get_context("spawn"), initializer=begin_worker)


_contender: Contender | None = None
"""The one that this process measures."""


def _begin(name: Name, workload: Workload) -> None:
    from cxr_trainer.bench.ours import Ceiling, Ours
    from cxr_trainer.bench.stock import Stock

    global _contender  # noqa: PLW0603  (a pool's process has nowhere else to keep it)
    made: dict[Name, type[Ours | Ceiling | Stock]] = {"stock": Stock, "ours": Ours, "ceiling": Ceiling}
    _contender = made[name](workload)


def _train() -> Round:
    assert _contender is not None
    return _contender.train()


def threads() -> int:
    """Threads that torch computes with, and cores that there are."""
    return min(torch.get_num_threads(), os.cpu_count() or 1)
