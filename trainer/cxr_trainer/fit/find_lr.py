"""The range test alone: from initial weights or a run's decay-stage model, once or with several seeds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import tomli_w
from torch import Tensor

from cxr_shared.files import write_json, write_text
from cxr_trainer.data.prepare import PreparedFilms, prepare_films
from cxr_trainer.errors import RunError
from cxr_trainer.fit.device import DeviceName, choose_compute
from cxr_trainer.fit.events import EventLog, Fanout, LearningRatesFound, RangeTestFinished, Sink, StageStarted
from cxr_trainer.fit.finder import range_test_updates, run_range_test
from cxr_trainer.fit.loop import Bench, Stopped
from cxr_trainer.fit.run import Run
from cxr_trainer.fit.setup import Stop, cache_progress, cohort_event, make_bench, new_network, require_same_split
from cxr_trainer.model.network import cpu_state
from cxr_trainer.range_test import BASE_SHARE, RangeTestResult, Spread, measure_spread
from cxr_trainer.recipe import Recipe, Suggester
from cxr_trainer.report.drawing import write_figure
from cxr_trainer.report.range_figure import draw_range_tests


@dataclass(frozen=True, slots=True)
class Start:
    """Where range tests start from.

    Attributes
    ----------
    recipe
        What to test; with `run`, that run's.
    data
        Folder with NIH's label file and images.
    run
        Whose decay-stage model to start from, on its split; None starts from the recipe's initial weights.
    """

    recipe: Recipe
    data: Path
    run: Run | None = None

    def weights(self) -> dict[str, Tensor]:
        """Weights of the first test, on the CPU."""
        return cpu_state(new_network(self.recipe)) if self.run is None else self.run.read_tensors("decay")

    @property
    def name(self) -> str:
        """Where the weights are from, in words."""
        return f"{self.recipe.model.weights} weights" if self.run is None else f"decay stage of {self.run.folder}"


@dataclass(frozen=True, slots=True)
class FoundRates:
    """Range tests that differ in their seeds.

    Attributes
    ----------
    folder
        Where their ``range_test.json``, figure, recipe and event log are.
    tests
        Result by seed, at least one.
    spread
        Of each suggester's rates.
    stopped
        Whether the tests were stopped before every seed had its turn.
    """

    folder: Path
    tests: Mapping[int, RangeTestResult]
    spread: Mapping[Suggester, Spread]
    suggester: Suggester
    stopped: bool

    @property
    def max_lr(self) -> float | None:
        """Median of the chosen suggester's rates; None where it refused every curve."""
        return self.spread[self.suggester].median

    @property
    def base_lr(self) -> float | None:
        """A quarter of `max_lr`."""
        return None if self.max_lr is None else self.max_lr * BASE_SHARE

    @property
    def refusal(self) -> str:
        """Why the first refused curve suggests no rate, else empty."""
        return next((each.refusal for each in self.tests.values() if each.refusal), "")


def find_rates(
    start: Start,
    *,
    out: Path,
    seeds: int = 1,
    device: DeviceName = "auto",
    sinks: Iterable[Sink] = (),
    stop: Stop = lambda: False,
) -> FoundRates:
    """Make the range test with the seeds ``recipe.seed``, ``recipe.seed + 1``, … and write what it shows.

    A seed decides batches, augmentation and dropout and, without a run, the random part of the initial weights; the
    films and their split stay the same. The first test that starts from a run's model is the one that run made.

    Parameters
    ----------
    start
        Recipe, films and weights.
    out
        Folder for the results, new or empty.
    seeds
        How many tests, at least 1.
    device, sinks, stop
        As for `cxr_trainer.fit.session.fit`.

    Raises
    ------
    Stopped
        `stop` said so before the first test was complete; after that the complete ones are kept and returned.
    RunError
        `out` holds something, or the run has no decay-stage model or other films.
    """
    recipe, compute = start.recipe, choose_compute(device)
    weights = start.weights()  # what cannot be had is refused before films are read
    _require_empty(out)
    films = prepare_films(start.data, recipe, progress=cache_progress(sinks, stop))
    if start.run is not None:
        require_same_split(start.run, films)
    write_text(out / "recipe.toml", tomli_w.dumps(recipe.model_dump(mode="json", exclude_none=True)))
    log = EventLog(out / "events.jsonl")
    sink, unused = Fanout([log, *sinks]), out / "checkpoint.pt"
    bench = make_bench(recipe, films, compute, sink=sink, log=log, checkpoint_path=unused, stop=stop)
    sink.emit(cohort_event(films, recipe))
    tests = dict(_tests(bench, weights, seeds=seeds, fresh=start.run is None))
    found = _found(out, tests, recipe.range_test.suggester, stopped=len(tests) < seeds)
    _write(found, start, films)
    sink.emit(_event(found, recipe))
    return found


def _require_empty(out: Path) -> None:
    """Refuse a folder with anything but what a stopped first test leaves."""
    if out.exists() and (not out.is_dir() or {each.name for each in out.iterdir()} - {"recipe.toml", "events.jsonl"}):
        raise RunError(f"{out} is not an empty folder, and nothing in it is overwritten. Give another with --out.")


def _tests(
    bench: Bench, weights: dict[str, Tensor], *, seeds: int, fresh: bool
) -> Iterator[tuple[int, RangeTestResult]]:
    """Yield seed and result; stopped after the first test, it ends early."""
    for number in range(seeds):
        recipe = bench.recipe.model_copy(update={"seed": bench.recipe.seed + number})
        bench.network.load_state_dict(cpu_state(new_network(recipe)) if fresh and number else weights)
        try:
            yield recipe.seed, _test(replace(bench, recipe=recipe))
        except Stopped:
            if number == 0:
                raise
            return


def _test(bench: Bench) -> RangeTestResult:
    section = bench.recipe.range_test
    detail = f"{section.ramp} from {section.start:g} to {section.end:g}, seed {bench.recipe.seed}"
    bench.sink.emit(StageStarted("range_test", range_test_updates(bench), detail))
    result = run_range_test(bench)
    bench.sink.emit(
        RangeTestFinished(result.max_lr, result.base_lr, len(result.rates), result.diverged, result.refusal)
    )
    return result


def _found(folder: Path, tests: Mapping[int, RangeTestResult], suggester: Suggester, *, stopped: bool) -> FoundRates:
    names = next(iter(tests.values())).suggestions
    spread = {name: measure_spread([each.suggestions[name] for each in tests.values()]) for name in names}
    return FoundRates(folder, tests, spread, suggester, stopped)


def _write(found: FoundRates, start: Start, films: PreparedFilms) -> None:
    """Write ``range_test.json`` and the figure."""
    recipe = start.recipe
    tests: list[dict[str, Any]] = [{"seed": seed, **each.as_json()} for seed, each in found.tests.items()]
    fields = {
        "target": recipe.target.value,
        "start": start.name,
        "split": {"kind": recipe.split.kind, "sha256": films.sha256},
        "suggester": found.suggester,
        "max_lr": found.max_lr,
        "base_lr": found.base_lr,
        "spread": _spread_fields(found),
        "stopped": found.stopped,
        "tests": tests,
    }
    write_json(found.folder / "range_test.json", fields)
    title = f"{recipe.target.display}, {recipe.split.kind} split: range test"
    write_figure(found.folder / "range_test", lambda axes: draw_range_tests(axes, tests, title=title))


def _event(found: FoundRates, recipe: Recipe) -> LearningRatesFound:
    return LearningRatesFound(
        target=recipe.target.value,
        folder=str(found.folder),
        suggester=found.suggester,
        max_lr=found.max_lr,
        base_lr=found.base_lr,
        spread=_spread_fields(found),
    )


def _spread_fields(found: FoundRates) -> dict[str, dict[str, float | None]]:
    return {name: asdict(each) for name, each in found.spread.items()}
