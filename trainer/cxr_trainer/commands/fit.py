"""`cxr-trainer fit` and `resume`: progress, and Ctrl-C that stops at the next update."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from rich.console import Console

from cxr_shared.errors import CxrError, OutputError
from cxr_shared.findings import Target, parse_target
from cxr_trainer.errors import CohortError, DataNotConfigured, RangeTestError, TrainingDiverged
from cxr_trainer.fit.device import DeviceName
from cxr_trainer.fit.events import Event, RunStarted, Sink
from cxr_trainer.fit.loop import Stopped
from cxr_trainer.fit.run import Run
from cxr_trainer.fit.session import fit, resume
from cxr_trainer.fit.setup import Stop
from cxr_trainer.progress import JsonLines, TerminalProgress
from cxr_trainer.recipe import Recipe
from cxr_trainer.recipe_files import load_recipe

Work: TypeAlias = Callable[[Sequence[Sink], Stop], Run]
_STOPPED = 130
_TARGETS_OWN = (RangeTestError, TrainingDiverged, CohortError)
"""Faults that lie with one target's films or rates; others would meet the next target too."""


def fit_targets(
    disease: str,
    *,
    data: Path | None,
    out: Path,
    recipe: str | None,
    device: DeviceName,
    json_lines: bool,
    overrides: Mapping[str, Any],
) -> int:
    """Fit one target, or all 15 one after the other; in such a row a target's own fault ends that target alone."""
    targets = list(Target) if disease.strip().lower() == "all" else [parse_target(disease)]
    recipes = [load_recipe(target, file=recipe, overrides=overrides) for target in targets]
    if data is None:
        raise DataNotConfigured
    works = {each.target: partial(_fit_one, each, data=data, out=out, device=device) for each in recipes}
    if len(works) == 1:
        return _watched(*works.values(), json_lines=json_lines)
    return _fit_row(works, json_lines=json_lines)


def _fit_row(works: Mapping[Target, Work], *, json_lines: bool) -> int:
    """Do one work after another; name at the end what was not fitted and how to go on."""
    faults: dict[Target, CxrError] = {}
    code = 0
    for target, work in works.items():
        try:
            code = _watched(work, json_lines=json_lines)
        except _TARGETS_OWN as error:
            faults[target] = error
            print(f"{target.value} is not fitted: {error}", file=sys.stderr)
        if code:
            break
    if faults:
        lines = [f"Not fitted, {len(faults)} of {len(works)}:", *(f"  {t.value}: {e}" for t, e in faults.items())]
        print("\n".join(lines), file=sys.stderr)
    return code or int(bool(faults))


def _fit_one(recipe: Recipe, sinks: Sequence[Sink], stop: Stop, *, data: Path, out: Path, device: DeviceName) -> Run:
    return fit(recipe, data=data, out=out, device=device, sinks=sinks, stop=stop)


def resume_run(folder: Path, *, json_lines: bool, overrides: Mapping[str, Any]) -> int:
    """Go on with a stopped run."""
    run = Run.open(folder)
    return _watched(partial(_resume_one, run, overrides), json_lines=json_lines)


def _resume_one(run: Run, overrides: Mapping[str, Any], sinks: Sequence[Sink], stop: Stop) -> Run:
    return resume(run, overrides=overrides, sinks=sinks, stop=stop)


class _RunFolder:
    """Remembers which run an event stream is of, to name it when it is stopped."""

    def __init__(self) -> None:
        self.name = ""

    def emit(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self.name = event.run


def _watched(work: Work, *, json_lines: bool) -> int:
    """Run `work` with progress; Ctrl-C stops it at the next update, checkpointed."""
    folder = _RunFolder()
    with stop_on_interrupt() as stop, contextlib.ExitStack() as stack:
        shown: Sink = JsonLines() if json_lines else stack.enter_context(TerminalProgress(Console(stderr=True)))
        try:
            work([shown, folder], stop)
        except Stopped:
            how = f"cxr-trainer resume {folder.name}" if folder.name else "the same command; films read are kept"
            print(f"Stopped. Go on with: {how}")
            return _STOPPED
        except OutputError as error:
            if not folder.name:
                raise
            raise OutputError(f"{error} What the run has is kept: cxr-trainer resume {folder.name}") from error
    return 0


@contextlib.contextmanager
def stop_on_interrupt() -> Iterator[Stop]:
    """The first Ctrl-C asks to stop, the second interrupts at once."""
    asked = threading.Event()

    def ask(_signal: int, _frame: object) -> None:
        asked.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, before)
