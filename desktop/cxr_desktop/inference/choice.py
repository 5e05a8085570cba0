"""Which plan is fastest here: measured once for a bundle, a provider and a version of onnxruntime, then remembered.

A plan is chosen when an engine is made and holds for as long as the engine does, so equal films of a run get equal
scores. What is not remembered yet runs by the provider's default plan.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from cxr_desktop.inference import runtime
from cxr_desktop.inference.engine import CannotBuildError, Engine, InferenceFailedError
from cxr_desktop.inference.kinds import Kind
from cxr_desktop.inference.layouts import LayoutName
from cxr_desktop.inference.plan import Plan, default_plan, plans_for
from cxr_desktop.inference.providers import Provider
from cxr_desktop.inference.reference import (
    REFERENCE_PLAN,
    disagreement,
    logits_of,
    map_fault,
    reference_film,
)
from cxr_desktop.intake.decoding import available_cores
from cxr_shared.bundle import Bundle
from cxr_shared.errors import OutputError
from cxr_shared.files import sha256_bytes, write_json
from cxr_shared.places import Kept, own_place

_ROUNDS: Final = 7
_WORTH_MEASURING: Final = 500
"""Films of a run from which on a better plan saves more time than finding it takes."""

_HOPELESS: Final = 2.0
"""A plan whose second run takes so many times the best median is not timed further."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What became of one plan.

    Attributes
    ----------
    plan
        The plan.
    film_ms
        Median time of one batch's film in ms; None where it was not timed.
    ready_ms
        Time to load it in ms.
    difference
        Largest difference of a logit from the CPU's float32 one on the reference film.
    fault
        Why it must not be used, or nothing.
    """

    plan: Plan
    film_ms: float | None = None
    ready_ms: float | None = None
    difference: float | None = None
    fault: str = ""


def remembered_plan(bundle: Bundle, provider: Provider, *, threads: int | None = None) -> Plan | None:
    """Give the plan that was found fastest here before; None where none was, or its file is damaged."""
    try:
        found = json.loads(_path(bundle, provider, threads).read_text(encoding="utf-8"))
        plan = Plan(LayoutName(found["layout"]), found["precision"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return plan if plan in plans_for(bundle, provider.kind) else None


def chosen_plan(bundle: Bundle, provider: Provider, *, threads: int | None = None) -> Plan:
    """Give the plan that was found fastest here before, else the default."""
    return remembered_plan(bundle, provider, threads=threads) or default_plan(bundle, provider.kind)


def choose_plan(
    bundle: Bundle, provider: Provider, *, threads: int | None = None, stopped: Callable[[], bool] = lambda: False
) -> tuple[Measured, ...]:
    """Measure every plan and remember the fastest of those that agree with the float32 files on the CPU.

    Takes seconds, and for that long the memory of two loaded plans.

    Parameters
    ----------
    bundle, threads
        As for `Engine`.
    provider
        From `choose_provider`.
    stopped
        Asked between plans; True ends the search, and nothing is remembered.

    Returns
    -------
    tuple of Measured
        In the order of `plans_for`.
    """
    measured = tuple(_measure(bundle, provider.kind, threads, stopped))
    best = fastest(measured)
    if best is not None and not stopped():
        _remember(bundle, provider, threads, best, measured)
    return measured


def remember_fastest(bundle: Bundle, provider: Provider, *, stopped: Callable[[], bool]) -> None:
    """Choose a plan for engines to come, where none was chosen yet."""
    if remembered_plan(bundle, provider) is None:
        choose_plan(bundle, provider, stopped=stopped)


def plan_for_run(bundle: Bundle, provider: Provider, *, films: int, threads: int | None = None) -> Plan:
    """Give the plan for a run: measured first where none is remembered and there are films enough to repay it."""
    if films >= _WORTH_MEASURING and remembered_plan(bundle, provider, threads=threads) is None:
        choose_plan(bundle, provider, threads=threads)
    return chosen_plan(bundle, provider, threads=threads)


def fastest(measured: tuple[Measured, ...]) -> Plan | None:
    """Return the fastest plan without a fault; None where there is none."""
    timed = [each for each in measured if not each.fault and each.film_ms is not None]
    return min(timed, key=lambda each: each.film_ms or 0.0).plan if timed else None


def _measure(bundle: Bundle, kind: Kind, threads: int | None, stopped: Callable[[], bool]) -> Iterator[Measured]:
    reference = logits_of(
        Engine(bundle, threads=threads, plan=REFERENCE_PLAN).score(reference_film(bundle.manifest.input.size))
    )
    best = float("inf")
    for plan in plans_for(bundle, kind):
        if stopped():
            return
        found = _measure_one(bundle, kind, plan, threads=threads, reference=reference, best=best)
        if not found.fault and found.film_ms is not None:
            best = min(best, found.film_ms)
        yield found


def _measure_one(
    bundle: Bundle, kind: Kind, plan: Plan, *, threads: int | None, reference: dict[str, float], best: float
) -> Measured:
    film = reference_film(bundle.manifest.input.size)
    start = time.perf_counter()
    try:
        engine = Engine(bundle, kind, threads=threads, plan=plan)
        ready_ms = (time.perf_counter() - start) * 1e3
        outputs = engine.score(film)
        difference, fault = disagreement(bundle, plan, kind, reference=reference, logits=logits_of(outputs))
        fault = fault or map_fault(bundle, plan, outputs)
        if fault:
            return Measured(plan, ready_ms=ready_ms, difference=difference, fault=fault)
        film_ms = _time(engine, best)
    except (CannotBuildError, InferenceFailedError) as error:
        return Measured(plan, fault=str(error))
    return Measured(plan, film_ms, ready_ms, difference)


def _time(engine: Engine, best: float) -> float:
    """Median time of a film in ms, over full batches."""
    batch = reference_film(engine.bundle.manifest.input.size).repeat(engine.batch_size, axis=0)
    times: list[float] = []
    engine.score(batch)
    while len(times) < _ROUNDS and not (times and times[0] > _HOPELESS * best):
        start = time.perf_counter()
        engine.score(batch)
        times.append((time.perf_counter() - start) * 1e3 / len(batch))
    return statistics.median(times)


def _remember(
    bundle: Bundle, provider: Provider, threads: int | None, best: Plan, measured: tuple[Measured, ...]
) -> None:
    found = {
        **_key(bundle, provider, threads),
        "layout": best.layout.value,
        "precision": best.precision,
        "measured": [asdict(each) for each in measured],
    }
    try:
        write_json(_path(bundle, provider, threads), found)
    except OutputError:  # it is measured again next time
        return


def _path(bundle: Bundle, provider: Provider, threads: int | None) -> Path:
    """One file for each key, so that programs that run at once do not overwrite each other's."""
    key = sha256_bytes(json.dumps(_key(bundle, provider, threads), sort_keys=True).encode())
    return _folder() / f"{key[:32]}.json"


def _key(bundle: Bundle, provider: Provider, threads: int | None) -> dict[str, Any]:
    return {
        "bundle": bundle.sha256,
        "onnxruntime": runtime.onnxruntime().__version__,
        "provider": provider.kind.ort,
        "device": provider.device,
        "threads": threads or available_cores(),
    }


def _folder() -> Path:
    return own_place("plans", kept=Kept.CACHE, variable="CXR_PLANS")
