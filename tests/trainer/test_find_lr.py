"""The range test alone: from initial weights or a run's model, with several seeds, stopped, refused."""

from __future__ import annotations

import contextlib
import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from cxr_shared.opencv import cv2
from cxr_trainer.commands.find_lr import find_learning_rate, resolve_start
from cxr_trainer.errors import DataNotConfigured, RangeTestError, RecipeError, RunError
from cxr_trainer.fit.events import Event, LearningRatesFound, StageFinished, StageStarted
from cxr_trainer.fit.find_lr import Start, find_rates
from cxr_trainer.fit.loop import Stopped
from cxr_trainer.fit.run import Run
from cxr_trainer.fit.session import fit
from cxr_trainer.recipe import Recipe


class Watch:
    """Keeps events; asks to stop once `kind` was seen `times` times."""

    def __init__(self, kind: type[Event] = LearningRatesFound, times: int = 1_000) -> None:
        self.events: list[Event] = []
        self._kind, self._times = kind, times

    def emit(self, event: Event) -> None:
        self.events.append(event)

    def stop(self) -> bool:
        return sum(isinstance(each, self._kind) for each in self.events) >= self._times


@pytest.fixture(scope="module")
def run(tiny_nih: Path, tiny_recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run stopped after its decay stage and range test."""

    class _RangeTestFinished(Watch):
        def stop(self) -> bool:
            stages = [each.stage for each in self.events if isinstance(each, StageFinished)]
            return "range_test" in stages

    out, watch = tmp_path_factory.mktemp("runs"), _RangeTestFinished()
    with pytest.raises(Stopped):
        fit(tiny_recipe, data=tiny_nih, out=out, device="cpu", sinks=[watch], stop=watch.stop)
    return Run.open(next(out.iterdir()))


def test_from_a_runs_decay_model_the_first_seed_gives_the_runs_own_curve(run: Run, tmp_path: Path) -> None:
    start = resolve_start(None, run=run.folder, data=None, recipe=None, overrides={})
    found = find_rates(start, out=tmp_path / "found", seeds=2, device="cpu")
    own = run.read_json("range_test.json")
    assert list(found.tests) == [0, 1]
    assert found.tests[0].as_json() == {**own, **{n: tuple(own[n]) for n in ("rates",)}}
    assert found.tests[1].losses != found.tests[0].losses, "the second seed sees other batches"


def test_initial_weights_several_seeds_and_what_is_written(tiny_nih: Path, tiny_recipe: Recipe, tmp_path: Path) -> None:
    watch, out = Watch(), tmp_path / "found"
    found = find_rates(Start(tiny_recipe, tiny_nih), out=out, seeds=3, device="cpu", sinks=[watch])
    fields = json.loads((out / "range_test.json").read_text())
    assert [test["seed"] for test in fields["tests"]] == [0, 1, 2]
    assert len({tuple(test["losses"]) for test in fields["tests"]}) == 3
    assert (fields["start"], fields["split"]["kind"]) == ("none weights", "patient")
    for name in ("minimum", "steepest", "valley"):
        rates = [test["suggestions"][name]["rate"] for test in fields["tests"]]
        spread = fields["spread"][name]
        assert (spread["tests"], spread["suggested"]) == (3, sum(rate is not None for rate in rates))
        assert spread["highest"] == max((rate for rate in rates if rate), default=None)
    assert (fields["max_lr"], found.max_lr) == (fields["spread"]["minimum"]["median"],) * 2
    last = watch.events[-1]
    assert isinstance(last, LearningRatesFound)
    assert last.spread == fields["spread"]
    assert (out / "range_test.svg").read_text().count("<svg") == 1
    assert cv2.imread(str(out / "range_test.png")) is not None
    logged = [json.loads(line)["event"] for line in (out / "events.jsonl").read_text().splitlines()]
    assert logged == ["CohortReady", *["StageStarted", "RangeTestFinished"] * 3, "LearningRatesFound"]
    assert not (out / "checkpoint.pt").exists()


def test_stopped_in_the_first_test_nothing_is_kept_stopped_later_the_complete_ones_are(
    tiny_nih: Path, tiny_recipe: Recipe, tmp_path: Path
) -> None:
    first = Watch(StageStarted, 1)
    with pytest.raises(Stopped):
        find_rates(Start(tiny_recipe, tiny_nih), out=tmp_path / "a", seeds=3, sinks=[first], stop=first.stop)
    assert not (tmp_path / "a" / "range_test.json").exists()
    second = Watch(StageStarted, 2)  # the same folder again: what the first left in it is in nobody's way
    found = find_rates(Start(tiny_recipe, tiny_nih), out=tmp_path / "a", seeds=3, sinks=[second], stop=second.stop)
    assert (list(found.tests), found.stopped) == ([0], True)
    assert json.loads((tmp_path / "a" / "range_test.json").read_text())["stopped"] is True


def test_a_refused_curve_is_kept_and_explained(
    tiny_nih: Path, tiny_recipe: Recipe, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rates too small to change anything."""
    section = tiny_recipe.range_test.model_copy(update={"start": 1e-30, "end": 1e-29, "epochs": 2})
    start = Start(tiny_recipe.model_copy(update={"range_test": section}), tiny_nih)
    with pytest.raises(RangeTestError, match=r"same at every rate.*range_test\.svg.*--range_test\.start"):
        find_learning_rate(start, out=tmp_path / "out", seeds=1, device="cpu", json_lines=False)
    assert "0 of 1" in capsys.readouterr().out
    assert (tmp_path / "out" / "range_test.svg").is_file()
    with pytest.raises(RunError, match="not an empty folder"):
        find_learning_rate(start, out=tmp_path / "out", seeds=1, device="cpu", json_lines=False)


def test_json_lines_end_with_what_was_found(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    overrides = {"range_test.suggester": "valley", "range_test.ramp": "linear", "range_test.end": 0.5}
    start = resolve_start("hernia", run=run.folder, data=None, recipe=None, overrides=overrides)
    with contextlib.suppress(RangeTestError):  # a few films may well give no valley
        assert find_learning_rate(start, out=None, seeds=1, device="cpu", json_lines=True) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    folder = next(tmp_path.iterdir())
    assert folder.name.startswith("find-lr-hernia-")
    assert (lines[-1]["event"], lines[-1]["folder"]) == ("LearningRatesFound", folder.name)
    assert lines[-1]["max_lr"] == lines[-1]["spread"]["valley"]["median"]
    updated = [line["rate"] for line in lines if line["event"] == "Updated"]
    steps = [after - before for before, after in itertools.pairwise(updated)]
    assert steps == pytest.approx([steps[0]] * len(steps)), "a linear ramp"


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"disease": None, "run": None}, RecipeError, "--disease.*--run"),
        ({"disease": "hernia", "run": None}, DataNotConfigured, "--data"),
        ({"disease": "mass"}, RecipeError, "run of Hernia, not of mass"),
        ({"overrides": {"model.dropout": 0.1}}, RecipeError, r"model\.dropout cannot be given with --run"),
        ({"recipe": Path("mine.toml")}, RecipeError, "--recipe cannot be given"),
    ],
)
def test_what_does_not_go_together_is_one_sentence(
    run: Run, given: dict[str, Any], error: type[Exception], words: str
) -> None:
    options = {"disease": None, "run": run.folder, "data": None, "recipe": None, "overrides": {}, **given}
    with pytest.raises(error, match=words):
        resolve_start(options.pop("disease"), **options)


def test_without_a_decay_model_or_with_other_films_it_is_refused(
    run: Run, tiny_nih: Path, tiny_recipe: Recipe, tmp_path: Path
) -> None:
    unfinished = Run.create(tmp_path / "runs", tiny_recipe, data=tiny_nih, device="cpu")
    with pytest.raises(RunError, match=r"decay\.safetensors"):
        find_rates(Start(tiny_recipe, tiny_nih, unfinished), out=tmp_path / "a", device="cpu")
    split = tiny_recipe.split.model_copy(update={"seed": 1})
    other = tiny_recipe.model_copy(update={"split": split})
    with pytest.raises(RunError, match=r"films of .* have changed"):
        find_rates(Start(other, tiny_nih, run), out=tmp_path / "b", device="cpu")
