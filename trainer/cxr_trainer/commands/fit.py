"""`cxr-trainer fit` and `resume`: progress, and Ctrl-C that stops at the next update."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from cxr_shared.errors import OutputError
from cxr_shared.findings import Target, parse_target
from cxr_trainer.errors import DataNotConfigured
from cxr_trainer.fit.device import DeviceName
from cxr_trainer.fit.events import Event, RunStarted, Sink
from cxr_trainer.fit.loop import Stopped
from cxr_trainer.fit.run import Run
from cxr_trainer.fit.stages import Stop, fit, resume
from cxr_trainer.progress import JsonLines, TerminalProgress
from cxr_trainer.recipe import Recipe
from cxr_trainer.recipe_files import load_recipe

_STOPPED = 130


def fit_targets(
    disease: str,
    *,
    data: Path | None,
    out: Path,
    recipe: Path | None,
    device: DeviceName,
    json_lines: bool,
    overrides: Mapping[str, Any],
) -> int:
    """Fit one target, or all 15 one after the other."""
    targets = list(Target) if disease.strip().lower() == "all" else [parse_target(disease)]
    recipes = [load_recipe(target, file=recipe, overrides=overrides) for target in targets]
    if data is None:
        raise DataNotConfigured
    for each in recipes:
        work = partial(_fit_one, each, data=data, out=out, device=device)
        if code := _watched(work, json_lines=json_lines):
            return code
    return 0


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


def _watched(work: Callable[[Sequence[Sink], Stop], Run], *, json_lines: bool) -> int:
    """Run `work` with progress; Ctrl-C stops it at the next update, checkpointed."""
    folder = _RunFolder()
    with _stop_on_interrupt() as stop, contextlib.ExitStack() as stack:
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
def _stop_on_interrupt() -> Iterator[Stop]:
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
