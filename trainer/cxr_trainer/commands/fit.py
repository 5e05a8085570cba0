"""`cxr-trainer fit` and `resume`: progress, and Ctrl-C that stops at the next update."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from rich.console import Console

from cxr_shared.errors import OutputError
from cxr_shared.findings import Target, parse_target
from cxr_trainer.cluster.command import HERE, Where, command_name
from cxr_trainer.commands.interrupt import stop_on_interrupt
from cxr_trainer.errors import DataNotConfigured
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


def fit_targets(  # noqa: PLR0913  (each an option of the command)
    disease: str,
    *,
    data: Path | None,
    out: str,
    recipe: str | None,
    device: DeviceName,
    json_lines: bool,
    overrides: Mapping[str, Any],
    seeds: int = 1,
    where: Where = HERE,
) -> int:
    """Fit one target, or several runs: all 15 targets, several seeds, on a cluster or into an object store."""
    targets = list(Target) if disease.strip().lower() == "all" else [parse_target(disease)]
    recipes = [load_recipe(target, file=recipe, overrides=overrides) for target in targets]
    if data is None:
        raise DataNotConfigured
    if len(recipes) == 1 and seeds == 1 and where == HERE and "://" not in out:
        return _watched(partial(_fit_one, recipes[0], data=data, out=Path(out), device=device), json_lines=json_lines)
    from cxr_trainer.commands.fit_many import fit_many

    return fit_many(recipes, seeds=seeds, data=data, out=out, device=device, where=where, json_lines=json_lines)


def _fit_one(recipe: Recipe, sinks: Sequence[Sink], stop: Stop, *, data: Path, out: Path, device: DeviceName) -> Run:
    return fit(recipe, data=data, out=out, device=device, sinks=sinks, stop=stop)


def resume_run(where: str, *, json_lines: bool, overrides: Mapping[str, Any]) -> int:
    """Go on with a stopped run, in a folder or in an object store."""
    if "://" in where:
        return _watched(partial(_resume_stored, where, overrides), json_lines=json_lines, name=where)
    run = Run.open(Path(where))
    return _watched(partial(_resume_one, run, overrides), json_lines=json_lines)


def _resume_one(run: Run, overrides: Mapping[str, Any], sinks: Sequence[Sink], stop: Stop) -> Run:
    return resume(run, overrides=overrides, sinks=sinks, stop=stop)


def _resume_stored(url: str, overrides: Mapping[str, Any], sinks: Sequence[Sink], stop: Stop) -> Run:
    from cxr_trainer.cluster.storage import storage_of

    parent, _, name = url.rstrip("/").rpartition("/")
    with storage_of(parent).opened(name, command=command_name(), stop=stop) as place:
        return _resume_one(Run.open(place.folder), overrides, sinks, place.stop)


class _RunFolder:
    """Remembers which run an event stream is of, to name it when it is stopped."""

    def __init__(self, name: str) -> None:
        self.name = name

    def emit(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self.name = self.name or event.run


def _watched(work: Work, *, json_lines: bool, name: str = "") -> int:
    """Run `work` with progress; Ctrl-C stops it at the next update, checkpointed.

    `name` is what the run is resumed by; by default its folder.
    """
    folder = _RunFolder(name)
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
