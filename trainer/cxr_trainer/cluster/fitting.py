"""The jobs of `fit`: targets × seeds, each run at a place that follows from its name."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from cxr_shared.errors import CxrError
from cxr_trainer.cluster.jobs import Job, Outcome, Tell, TellingSink
from cxr_trainer.cluster.ranked import fit_on_ranks
from cxr_trainer.cluster.storage import AnyStorage, Place, Storage, read_json
from cxr_trainer.errors import CohortError, RangeTestError, RunBusy, RunError, TrainingDiverged
from cxr_trainer.fit.device import DeviceName
from cxr_trainer.fit.events import Sink
from cxr_trainer.fit.loop import Stopped
from cxr_trainer.fit.run import Run
from cxr_trainer.fit.session import fit, resume
from cxr_trainer.fit.setup import Stop
from cxr_trainer.recipe import Recipe

RUNS_OWN = (RangeTestError, TrainingDiverged, CohortError, RunBusy)
"""Faults that lie with one run's films or rates, or with who else makes it; others would meet the next run too."""


@dataclass(frozen=True, slots=True)
class FitWork:
    """Makes one run, or goes on with it where it has begun.

    Attributes
    ----------
    name, recipe
        Which run.
    data, device
        As for `cxr_trainer.fit.session.fit`; `data` is found under this path on every machine.
    storage
        Where the run lies.
    command
        Names the command whose job this is.
    processes
        More than 1: so many processes share each batch.
    """

    name: str
    recipe: Recipe
    data: Path
    device: DeviceName
    storage: AnyStorage
    command: str
    processes: int = 1

    def __call__(self, tell: Tell, stop: Stop) -> Outcome:
        """See `cxr_trainer.cluster.jobs.Work`."""
        return settle(partial(self._make, tell), self.storage, self.name, command=self.command, stop=stop)

    def _make(self, tell: Tell, place: Place) -> Outcome:
        if self.processes > 1:
            return fit_on_ranks(self, place, tell)
        sink = TellingSink(tell)
        make_run(self.recipe, self.data, place.folder, device=self.device, sink=sink, stop=place.stop)
        return Outcome("finished")


def settle(make: Callable[[Place], Outcome], storage: Storage, name: str, *, command: str, stop: Stop) -> Outcome:
    """Make the run `name` at its place, alone, and say how that ended."""
    folder, taken = "", False
    try:
        with storage.opened(name, command=command, stop=stop) as place:
            folder = str(place.folder)
            try:
                outcome = make(place)
            finally:
                taken = place.lost()
    except Stopped:
        outcome = Outcome("stopped")
    except CxrError as error:
        outcome = Outcome("failed" if isinstance(error, RUNS_OWN) else "broken", str(error))
    if taken and outcome.state == "stopped":
        outcome = Outcome("failed", f"{storage.shown(name)} was taken over by another command.")
    said = outcome.said.replace(folder, storage.shown(name)) if folder else outcome.said
    return Outcome(outcome.state, said)


def make_run(recipe: Recipe, data: Path, folder: Path, *, device: DeviceName, sink: Sink, stop: Stop) -> Run:
    """Fit into `folder`, or go on with the run that has begun there; a finished one is returned as it is.

    Raises
    ------
    Stopped, CxrError
        As `fit` and `resume` do; RunError where `folder` holds something else.
    """
    begun = has_begun(folder)
    return go_on(recipe, data, folder, device=device, sink=sink, stop=stop, begun=begun)


def has_begun(folder: Path) -> bool:
    """Whether a run in `folder` can be gone on with; what was killed before its first checkpoint is removed.

    Raises
    ------
    RunError
        `folder` holds something else.
    """
    run = Run(folder)
    if run.checkpoint_path.is_file():
        return True
    if any(not path.name.endswith(".part") for path in folder.glob("*")):
        Run.open(folder)
    shutil.rmtree(folder, ignore_errors=True)
    return False


def go_on(recipe: Recipe, data: Path, folder: Path, *, device: DeviceName, sink: Sink, stop: Stop, begun: bool) -> Run:
    """Fit into `folder`, or, as `has_begun` said, go on with the run there; every rank of a run calls this alike."""
    run = Run(folder)
    if begun:
        return run if run.finished() else resume(run, sinks=[sink], stop=stop)
    return fit(recipe, data=data, out=folder.parent, name=folder.name, device=device, sinks=[sink], stop=stop)


@dataclass(frozen=True, slots=True)
class FitPlan:
    """Targets × seeds.

    Attributes
    ----------
    recipes
        One for each target.
    seeds
        Runs of each, with seeds from the recipe's own on.
    data, storage, command, processes
        As for `FitWork`.
    """

    recipes: Sequence[Recipe]
    seeds: int
    data: Path
    storage: AnyStorage
    command: str
    processes: int = 1

    def jobs(self, device: DeviceName) -> list[Job]:
        """The jobs, computing on `device`.

        Raises
        ------
        RunError
            At the place of a run lies one that was begun with another recipe or other films.
        """
        seeds = [(recipe, seed) for recipe in self.recipes for seed in range(recipe.seed, recipe.seed + self.seeds)]
        return [self._job(recipe.model_copy(update={"seed": seed}), device) for recipe, seed in seeds]

    def _job(self, recipe: Recipe, device: DeviceName) -> Job:
        target = recipe.target
        name = target.slug if self.seeds == 1 else f"{target.slug}-seed-{recipe.seed}"
        work = FitWork(name, recipe, self.data, device, self.storage, self.command, self.processes)
        return Job(name, target.value, recipe.seed, work, done=_finished(self.storage, name, recipe, self.data))


def _finished(storage: Storage, name: str, recipe: Recipe, data: Path) -> bool:
    """Whether the run is complete; RunError where it is another."""
    session = read_json(storage, name, "state/session.json")
    if session is None:
        return False
    asked = {"data": str(data), **flat(recipe.model_dump(mode="json", exclude_none=True))}
    begun = {"data": session["data"], **flat(session.get("asked", {}))}
    differing = [field for field in sorted({*asked, *begun}) if asked.get(field) != begun.get(field)]
    if differing:
        first = differing[0]
        raise RunError(
            f"{storage.shown(name)} is another run: it was begun with {first} {begun.get(first)}, not "
            f"{asked.get(first)}. Name another --out, or give what it was begun with to go on with it."
        )
    return storage.read(name, "metrics.json") is not None


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values by dotted name."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {prefix + name: value}
    return found
