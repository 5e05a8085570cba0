"""One benchmark: every contender in turn, round after round, then films from file to scores.

They take turns so that whatever else the machine does meets all of them alike. The bundle is measured by
`cxr_desktop.inference.measure`, which is the engine that users run, in processes of its own.
"""

from __future__ import annotations

import contextlib
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cxr_export.benchmark.films import Films, benchmark_films
from cxr_export.benchmark.process import Measured
from cxr_shared.bundle import open_bundle

ENGINE: Final = "cxr_desktop.inference.measure"
YARDSTICK: Final = "cxr_export.benchmark.yardstick"
TORCH, ORT = "(a) DenseNet-121, PyTorch", "(b) DenseNet-121, onnxruntime"
_LEAST_BATCH: Final = 120
_RUNS: Final = 5
"""Runs of a contender in each round; the first is not counted, since it finds another's data in the caches."""


@dataclass(slots=True)
class Contender:
    """What was measured of one.

    Attributes
    ----------
    name
        What it is.
    models
        Models that it computes.
    times
        ms of a film, every counted run.
    ready_ms
        Time to load it, from a bundle that is open; None of a yardstick.
    peak_mb
        Largest resident memory of its process; None where the system does not say.
    failure
        Why it could not run, or nothing.
    """

    name: str
    models: int
    times: list[float] = field(default_factory=list)
    ready_ms: float | None = None
    peak_mb: float | None = None
    failure: str = ""

    @property
    def median(self) -> float | None:
        """Median of the times in ms."""
        return statistics.median(self.times) if self.times else None


@dataclass(frozen=True, slots=True)
class Stages:
    """A film from its file to every score.

    Attributes
    ----------
    what
        The file, in words.
    read_ms, pixels_ms, infer_ms
        Medians: reading and decoding, the pixel path, inference.
    """

    what: str
    read_ms: float
    pixels_ms: float
    infer_ms: float

    @property
    def total_ms(self) -> float:
        """All of it."""
        return self.read_ms + self.pixels_ms + self.infer_ms


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Everything that was measured."""

    bundle: str
    device: str
    threads: int
    rounds: int
    contenders: tuple[Contender, ...]
    plan: str
    start_s: float
    stages: tuple[Stages, ...]
    films_source: str
    films_per_second: float
    films_counted: int
    films_refused: int
    batch_peak_mb: float | None

    def ratio(self, contender: Contender) -> float | None:
        """Time of a contender over that of (b)."""
        yardstick = next(each for each in self.contenders if each.name == ORT).median
        return contender.median / yardstick if contender.median and yardstick else None


def benchmark(
    bundle: Path, *, films: Path | None, rounds: int, report: Callable[[str], None] = lambda _line: None
) -> Benchmark:
    """Measure a bundle.

    Parameters
    ----------
    bundle
        The .cxr file.
    films
        A folder with PNGs for the batch; by default phantoms.
    rounds
        Rounds of all contenders, at least 1.
    report
        Called with a line for each step.

    Raises
    ------
    BundleError
        The bundle must not be used.
    BenchmarkFailed
        A process ended, or a film could not be read.
    """
    opened = open_bundle(bundle)
    models, name = len(opened.targets), opened.manifest.name
    del opened  # 300 MB
    with Measured(ENGINE, [str(bundle)]) as process:
        offer = process.ask("plans")
    report(f"{offer['device']}, {offer['threads']} threads")
    contenders = _compete(bundle, offer, models=models, rounds=rounds, report=report)
    with tempfile.TemporaryDirectory(prefix="cxr-benchmark-") as folder:
        report("films from file to scores")
        chosen = benchmark_films(Path(folder), films)
        ends = _end_to_end(bundle, chosen, rounds=rounds)
    return Benchmark(
        bundle=name,
        device=offer["device"],
        threads=offer["threads"],
        rounds=rounds,
        contenders=tuple(contenders),
        **ends,
    )


def _compete(
    bundle: Path, offer: dict[str, Any], *, models: int, rounds: int, report: Callable[[str], None]
) -> list[Contender]:
    with contextlib.ExitStack() as stack:
        entered: list[tuple[Contender, Measured]] = []
        for name, runtime in ((TORCH, "torch"), (ORT, "onnxruntime")):
            process = stack.enter_context(Measured(YARDSTICK, [runtime, str(offer["threads"])]))
            entered.append((Contender(name, 1), process))
        for plan in offer["plans"]:
            contender = Contender(f"(c) {models} models with maps, {plan['precision']}, {plan['layout']}", models)
            process = stack.enter_context(Measured(ENGINE, [str(bundle)]))
            answer = process.ask("load", tolerant=True, **plan)
            contender.ready_ms, contender.failure = answer.get("ready_ms"), answer.get("failure", "")
            entered.append((contender, process))
        running = [each for each in entered if not each[0].failure]
        for number in range(rounds + 1):
            report(f"round {number} of {rounds}" if number else "warming up")
            for contender, process in running:
                times = process.ask("score", runs=_RUNS)["ms"]
                contender.times += times[1:] if number else []
        for contender, process in running:
            contender.peak_mb = process.ask("memory")["peak_mb"]
        return [contender for contender, _ in entered]


def _end_to_end(bundle: Path, films: Films, *, rounds: int) -> dict[str, Any]:
    begun = time.perf_counter()
    with Measured(ENGINE, [str(bundle)]) as process:
        plan = process.ask("load")["plan"]
        start_s = time.perf_counter() - begun
        stages = tuple(
            _stages(process, path, what=what, runs=_RUNS * rounds)
            for path, what in ((films.dicom, "DICOM, 3000², 12 bits"), (films.batch[0], "PNG"))
        )
        times = -(-_LEAST_BATCH // len(films.batch))
        batch = process.ask("batch", paths=[str(path) for path in films.batch], times=times)
        return {
            "plan": plan,
            "start_s": start_s,
            "stages": stages,
            "films_source": films.source,
            "films_per_second": batch["films"] / batch["seconds"],
            "films_counted": batch["films"],
            "films_refused": batch["refused"],
            "batch_peak_mb": process.ask("memory")["peak_mb"],
        }


def _stages(process: Measured, path: Path, *, what: str, runs: int) -> Stages:
    answer = process.ask("stages", path=str(path), runs=runs + 1)
    read, pixels, infer = (statistics.median(answer[name][1:]) for name in ("read_ms", "pixels_ms", "infer_ms"))
    return Stages(what, read, pixels, infer)
