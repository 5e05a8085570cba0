"""What the finished runs of a comparison say: curves, test figures, seconds, parameters."""

from __future__ import annotations

import functools
import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_trainer.compare.plan import Plan
from cxr_trainer.compare.statistics import epochs_to_reach
from cxr_trainer.compare.work import Failure, Work
from cxr_trainer.errors import ComparisonError
from cxr_trainer.fit.events import read_events
from cxr_trainer.fit.run import Run
from cxr_trainer.model.network import initialised
from cxr_trainer.recipe import ModelSection


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """A finished run.

    Attributes
    ----------
    seed, choice, run
        Which it is.
    metrics
        Its ``metrics.json``.
    curve
        A row for each epoch, numbered from 1: its figures; of the CLR stage alone where policies are compared.
    start
        Figures of the decay stage's last epoch where policies are compared, else None.
    test
        The test films in the order of their names: image, patient, label, logit of the best model, ``logit_<stage>``
        of each stage's last.
    seconds
        Median of an epoch's training time, validation left out.
    parameters
        Trained numbers of the model.
    """

    seed: int
    choice: str
    run: Run
    metrics: dict[str, Any]
    curve: pd.DataFrame
    start: pd.Series[Any] | None
    test: pd.DataFrame
    seconds: float
    parameters: int

    @property
    def last_stage(self) -> str:
        """The stage that left the final model."""
        return str(list(self.metrics["stages"])[-1])

    def right(self, stage: str) -> npt.NDArray[np.bool_]:
        """(films,) whether the last model of `stage` is on the right side of 0.5."""
        right: npt.NDArray[np.bool_] = ((self.test[f"logit_{stage}"] >= 0) == (self.test["label"] == 1)).to_numpy()
        return right


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """The finished runs of a plan, and those that could not be made."""

    plan: Plan
    results: tuple[Result, ...]
    failures: tuple[Failure, ...]

    def of(self, choice: str) -> dict[int, Result]:
        """Finished runs of a choice by seed."""
        return {result.seed: result for result in self.results if result.choice == choice}

    def pairs(self, first: str, second: str) -> list[tuple[Result, Result]]:
        """Finished runs of two choices, seed by seed."""
        others = self.of(second)
        return [(result, others[seed]) for seed, result in self.of(first).items() if seed in others]

    @property
    def reference(self) -> str:
        """The plan's reference if it has a finished run, else the first choice that has one."""
        return self.plan.reference if self.of(self.plan.reference) else self.choices[0]

    @property
    def choices(self) -> list[str]:
        """Choices with a finished run."""
        return [choice for choice in self.plan.choices if self.of(choice)]

    @property
    def title(self) -> str:
        """Target, split, cohort and seeds, for figures and headings."""
        metrics, recipe = self.results[0].metrics, self.plan.recipe
        counts = metrics["cohort"]["counts"].values()
        positives, negatives = (sum(part[label] for part in counts) for label in ("positive", "negative"))
        seeds = len({result.seed for result in self.results})
        return (
            f"{recipe.target.display}, {recipe.split.kind} split, {positives + negatives:,} films "
            f"({positives:,} positive, {negatives:,} negative), {seeds} seed{'s' if seeds > 1 else ''}"
        )


def read_comparison(work: Work, failures: Sequence[Failure]) -> Comparison | None:
    """Read every finished run of the plan; None where none is.

    Raises
    ------
    ComparisonError
        Runs have different splits: the films changed between them.
    """
    places = [(seed, choice) for seed in work.plan.seeds for choice in work.plan.choices]
    runs = [(seed, choice, work.run_of(seed, choice)) for seed, choice in places]
    results = tuple(
        read_result(run, seed=seed, choice=choice, only_clr=work.plan.axis == "policies")
        for seed, choice, run in runs
        if run is not None and run.finished()
    )
    if len({result.metrics["split"]["sha256"] for result in results}) > 1:
        raise ComparisonError(
            f"The films in {work.plan.data} changed between the runs of {work.folder}, so they cannot be compared. "
            "Compare again into another folder."
        )
    return Comparison(work.plan, results, tuple(failures)) if results else None


def read_result(run: Run, *, seed: int, choice: str, only_clr: bool) -> Result:
    """Read a finished run; with `only_clr` its curve is that of the CLR stage."""
    metrics = run.read_json("metrics.json")
    epochs = pd.DataFrame(read_events(run.events_path, "EpochFinished"))
    wanted = {"clr"} if only_clr else set(epochs["stage"])
    curve = epochs[epochs["stage"].isin(wanted)].reset_index(drop=True)
    curve["epoch"] = np.arange(1, len(curve) + 1)
    decay = epochs[epochs["stage"] == "decay"]
    films = pd.read_parquet(run.folder / "predictions.parquet")
    return Result(
        seed=seed,
        choice=choice,
        run=run,
        metrics=metrics,
        curve=curve,
        start=decay.iloc[-1] if only_clr and len(decay) else None,
        test=films[films["part"] == "test"].sort_values("image").reset_index(drop=True),
        seconds=epoch_seconds(run.timings_path, wanted),
        parameters=_parameters(run.recipe().model),
    )


def measures(result: Result, reference: Result | None) -> dict[str, float]:
    """Every number of a run that the tables give; accuracies as shares, epochs NaN where a level was never reached.

    The level is the highest accuracy of the reference's run of the same seed, NaN where that is missing.
    """
    curve, final = result.curve, result.metrics["stages"][result.last_stage]["test"]
    best = result.metrics["parts"]["test"]
    levels = {
        name: float(reference.curve[name].max()) if reference else float("nan")
        for name in ("validation_accuracy", "accuracy")
    }
    return {
        "final_test_accuracy": final["accuracy"]["value"],
        "final_test_auc": final["auc"]["value"],
        "best_test_accuracy": best["accuracy"]["value"],
        "best_test_auc": best["auc"]["value"],
        "final_train_accuracy": float(curve["accuracy"].iloc[-1]),
        "best_train_accuracy": float(curve["accuracy"].max()),
        "best_validation_accuracy": float(curve["validation_accuracy"].max()),
        "final_loss": float(curve["loss"].iloc[-1]),
        "final_validation_loss": float(curve["validation_loss"].iloc[-1]),
        "epochs_to_validation": epochs_to_reach(list(curve["validation_accuracy"]), levels["validation_accuracy"]),
        "epochs_to_training": epochs_to_reach(list(curve["accuracy"]), levels["accuracy"]),
        "seconds_per_epoch": result.seconds,
        "parameters": float(result.parameters),
    }


def peak_rate(result: Result) -> float:
    """``max_lr`` of the run's CLR stage, given or found; NaN without that stage."""
    clr, found = result.run.recipe().clr, result.metrics["range_test"]
    if "clr" not in result.metrics["stages"]:
        return float("nan")
    return clr.max_lr if clr.max_lr is not None else float(found["max_lr"])


def epoch_seconds(path: Path, stages: set[str]) -> float:
    """Median seconds of the epochs of `stages` in a ``timings.jsonl``; of an epoch done twice, the second time."""
    seconds: dict[tuple[str, int], float] = {}
    for line in path.read_text("utf-8").splitlines():
        try:
            fields = json.loads(line)
        except ValueError:  # torn when the machine stopped; its epoch was done again
            continue
        if fields["event"] == "EpochFinished" and fields["stage"] in stages:
            seconds[fields["stage"], fields["epoch"]] = fields["seconds"]
    return statistics.median(seconds.values()) if seconds else float("nan")


@functools.lru_cache
def _parameters(section: ModelSection) -> int:
    network = initialised(section, bn_momentum=0.99, seed=0)
    return sum(parameter.numel() for parameter in network.parameters())
