"""The engine as users run it, to be timed from outside: `python -m cxr_desktop.inference.measure BUNDLE`.

One JSON object a line comes in on standard input and one goes out on standard output; it ends with its input. Times are
in ms, one for each run.

==================================================  ==================================================================
``{"do": "plans"}``                                 ``plans`` (layout and precision of each), ``threads``, ``device``
``{"do": "load", "layout": …, "precision": …}``     ``ready_ms``; without a layout, the plan that users get
``{"do": "score", "runs": 5}``                      ``ms`` of a film with every model and its map
``{"do": "stages", "path": …, "runs": 5}``          ``read_ms``, ``pixels_ms``, ``infer_ms`` of a film's file
``{"do": "batch", "paths": […], "times": 1}``       ``films``, ``refused``, ``seconds``
``{"do": "memory"}``                                ``peak_mb`` of this process, None where the system does not say
==================================================  ==================================================================

An order that cannot be carried out is answered with ``failure``, why.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from cxr_desktop.inference import runtime
from cxr_desktop.inference.choice import chosen_plan
from cxr_desktop.inference.devices import processor_name
from cxr_desktop.inference.engine import CannotBuildError, Engine
from cxr_desktop.inference.kinds import CPU
from cxr_desktop.inference.layouts import LayoutName
from cxr_desktop.inference.plan import Plan, plans_for
from cxr_desktop.inference.providers import Provider
from cxr_desktop.inference.reference import reference_film
from cxr_desktop.inference.triage import FilmJudged, provenance_of, triage
from cxr_desktop.inference.verdict import Refused
from cxr_desktop.intake.decoding import DecodePool, available_cores
from cxr_shared.bundle import Bundle, open_bundle
from cxr_shared.errors import CxrError
from cxr_shared.film import Refusal, read_film
from cxr_shared.pixels import model_input


class Meter:
    """Carries out one order after another on a bundle."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._provider = Provider(CPU, "as asked", device=processor_name())
        self._engine: Engine | None = None

    def answer(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out an order and answer it."""
        do = {
            "plans": self._plans,
            "load": self._load,
            "score": self._score,
            "stages": self._stages,
            "batch": self._batch,
            "memory": self._memory,
        }
        try:
            return do[order["do"]](order)
        except (CannotBuildError, CxrError) as error:
            return {"failure": str(error)}

    def _plans(self, _order: Mapping[str, Any]) -> dict[str, Any]:
        plans = plans_for(self._bundle, CPU)
        return {
            "plans": [{"layout": plan.layout, "precision": plan.precision} for plan in plans],
            "threads": available_cores(),
            "device": self._provider.device,
        }

    def _load(self, order: Mapping[str, Any]) -> dict[str, Any]:
        start = time.perf_counter()
        asked = "layout" in order
        plan = (
            Plan(LayoutName(order["layout"]), order["precision"])
            if asked
            else chosen_plan(self._bundle, self._provider)
        )
        self._engine = Engine(self._bundle, plan=plan)
        return {"ready_ms": (time.perf_counter() - start) * 1e3, "plan": str(plan)}

    def _score(self, order: Mapping[str, Any]) -> dict[str, Any]:
        film = reference_film(self._bundle.manifest.input.size)
        return {"ms": [_ms(lambda: self._loaded.score(film)) for _ in range(order["runs"])]}

    def _stages(self, order: Mapping[str, Any]) -> dict[str, Any]:
        path, spec = Path(order["path"]), self._bundle.manifest.input
        times: dict[str, list[float]] = {"read_ms": [], "pixels_ms": [], "infer_ms": []}
        for _ in range(order["runs"]):
            begun = time.perf_counter()
            film = read_film(path)
            if isinstance(film, Refusal):
                return {"failure": film.message}
            read = time.perf_counter()
            pixels = model_input(film, spec)
            made = time.perf_counter()
            self._loaded.score(np.ascontiguousarray(pixels[None]))
            ends = (read, made, time.perf_counter())
            for name, start, end in zip(times, (begun, *ends), ends, strict=False):
                times[name].append((end - start) * 1e3)
        return times

    def _batch(self, order: Mapping[str, Any]) -> dict[str, Any]:
        paths = [Path(each) for each in order["paths"]]
        engine = self._loaded
        verdicts = []
        with DecodePool() as pool:
            list(triage(paths[: 2 * pool.workers], engine, provenance_of(engine, self._provider), pool=pool))
            start = time.perf_counter()
            for _ in range(order.get("times", 1)):
                events = triage(paths, engine, provenance_of(engine, self._provider), pool=pool)
                verdicts += [isinstance(event.verdict, Refused) for event in events if isinstance(event, FilmJudged)]
            seconds = time.perf_counter() - start
        return {"films": len(verdicts), "refused": sum(verdicts), "seconds": seconds}

    def _memory(self, _order: Mapping[str, Any]) -> dict[str, Any]:
        return {"peak_mb": peak_mb()}

    @property
    def _loaded(self) -> Engine:
        if self._engine is None:
            raise CxrError("Nothing was loaded yet.")
        return self._engine


def peak_mb() -> float | None:
    """Largest resident memory of this process so far, in MB; None where the system does not say."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024 / 1e6
    return None


def _ms(work: Any) -> float:  # noqa: ANN401
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1e3


def serve(bundle: Path, orders: IO[str], answers: IO[str]) -> int:
    """Answer orders until there are no more; 1 where the bundle cannot be opened."""
    try:
        with runtime.importing():
            opened = open_bundle(bundle)
        meter = Meter(opened)
    except CxrError as error:
        print(json.dumps({"failure": str(error)}), file=answers, flush=True)
        return 1
    for line in orders:
        print(json.dumps(meter.answer(json.loads(line))), file=answers, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(serve(Path(sys.argv[1]), sys.stdin, sys.stdout))
