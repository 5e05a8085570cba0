"""Comparisons: equal starts, numbers worked out again from the logs, resuming, claims on made-up curves."""

from __future__ import annotations

import json
import math
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from once import made_once
from safetensors.torch import load_file
from scipy import stats
from sklearn.metrics import roc_auc_score

from cxr_shared.errors import CxrError, UnknownName
from cxr_shared.findings import Target
from cxr_trainer.cli import app
from cxr_trainer.commands.compare import run_and_write
from cxr_trainer.compare.claims import difference_verdict, judge, sooner_claim
from cxr_trainer.compare.events import PartFailed, PartStarted
from cxr_trainer.compare.paper import paper_figure
from cxr_trainer.compare.plan import Axis, Plan, chosen_axis, keep_plan, with_fields
from cxr_trainer.compare.results import Comparison, Result, epoch_seconds
from cxr_trainer.compare.statistics import Difference, epochs_to_reach, film_difference
from cxr_trainer.compare.tables import summary_text
from cxr_trainer.compare.work import Work
from cxr_trainer.errors import ComparisonError
from cxr_trainer.fit.events import Updated, read_events
from cxr_trainer.fit.loop import Stopped
from cxr_trainer.fit.run import Run
from cxr_trainer.recipe import Recipe
from cxr_trainer.recipe_files import load_recipe

WRITTEN = ["comparison.md", "comparison.csv", "comparison.json", "comparison.html", "runs.csv", "plan.json"]
TIMED = ["run", "seconds_per_epoch"]


class Events:
    """Keeps every event, and asks to stop after one update of a stage of the n-th run."""

    def __init__(self, *, run: int = 0, stage: str = "", update: int = 0) -> None:
        self.seen: list[Any] = []
        self._place = (run, stage, update)
        self.reached = False

    def emit(self, event: Any) -> None:
        self.seen.append(event)
        run = max((each.number for each in self.seen if isinstance(each, PartStarted)), default=0)
        if isinstance(event, Updated) and (run, event.stage, event.update) == self._place:
            self.reached = True

    def states(self) -> list[str]:
        return [event.state for event in self.seen if isinstance(event, PartStarted)]


def work(plan: Plan, folder: Path, *, events: Events | None = None, fallback_lr: float | None = None) -> Work:
    keep_plan(folder, plan)
    events = events or Events()
    return Work(plan, folder, fallback_lr, (events,), lambda: events.reached)


@pytest.fixture(scope="module")
def plan(tiny_nih: Path, tiny_recipe: Recipe) -> Plan:
    """Two policies, two seeds, without a range test."""
    recipe = with_fields(tiny_recipe, {"stages": ["decay", "clr"], "clr.epochs": 3})
    return Plan(
        axis="policies",
        choices=("constant", "triangular"),
        seeds=(0, 1),
        constant_lr=0.015,
        data=str(tiny_nih),
        device="cpu",
        recipe=recipe,
    )


@pytest.fixture(scope="module")
def compared(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Work:
    """The plan's comparison, never interrupted."""

    def compare(folder: Path) -> None:
        assert run_and_write(work(plan, folder)) == []

    return work(plan, made_once(tmp_path_factory, "comparison", compare))


def run_of(compared: Work, seed: int, choice: str) -> Run:
    run = compared.run_of(seed, choice)
    assert run is not None
    return run


def test_policies_of_a_seed_start_from_the_same_model_and_seeds_from_others(compared: Work) -> None:
    decay = {
        (seed, choice): load_file(run_of(compared, seed, choice).folder / "decay.safetensors")
        for seed in (0, 1)
        for choice in ("", "constant", "triangular")
    }
    for seed in (0, 1):
        waiting = torch.load(run_of(compared, seed, "").checkpoint_path, weights_only=True)
        assert (waiting["stage"], waiting["update"]) == ("clr", 0)
        for choice in ("constant", "triangular"):
            start = decay[seed, choice]
            assert all(torch.equal(start[name], waiting["network"][name]) for name in start)
            logs = [run_of(compared, seed, which).events_path.read_bytes() for which in ("", choice)]
            assert logs[1].startswith(logs[0]), "the copy's log goes on where the shared run paused"
    assert any(not torch.equal(decay[0, "constant"][name], decay[1, "constant"][name]) for name in decay[0, "constant"])


def test_runs_of_a_comparison_have_one_split_and_differ_in_policy_and_seed_alone(compared: Work) -> None:
    runs = [run_of(compared, seed, choice) for seed in (0, 1) for choice in ("constant", "triangular")]
    splits = {(run.folder / "split.parquet").read_bytes() for run in runs}
    assert len(splits) == 1
    constant, cyclical = (run_of(compared, 1, choice).recipe() for choice in ("constant", "triangular"))
    assert (constant.seed, constant.clr.policy, constant.clr.max_lr) == (1, "constant", 0.015)
    assert (cyclical.seed, cyclical.clr.policy, cyclical.clr.max_lr) == (1, "triangular", 0.02)
    rates = {event["rate"] for event in clr_epochs(run_of(compared, 0, "constant"))}
    assert rates == {0.015}


def clr_epochs(run: Run) -> list[dict[str, Any]]:
    return [event for event in read_events(run.events_path, "EpochFinished") if event["stage"] == "clr"]


def test_table_agrees_with_the_logs_and_predictions(compared: Work) -> None:
    """Every number of a run again, from its event log, time log and predictions."""
    table = pd.read_csv(compared.folder / "runs.csv").set_index(["seed", "choice"])
    assert len(table) == 4
    for (seed, choice), row in table.iterrows():
        run = run_of(compared, seed, choice)
        films = pd.read_parquet(run.folder / "predictions.parquet").query("part == 'test'")
        for logits, name in (("logit", "best"), ("logit_clr", "final")):
            right = (films[logits] >= 0) == (films["label"] == 1)
            assert row[f"{name}_test_accuracy"] == pytest.approx(right.mean())
            assert row[f"{name}_test_auc"] == pytest.approx(roc_auc_score(films["label"], films[logits]))
        epochs = clr_epochs(run)
        assert row["final_train_accuracy"] == pytest.approx(epochs[-1]["accuracy"])
        assert row["final_loss"] == pytest.approx(epochs[-1]["loss"])
        level = max(event["validation_accuracy"] for event in clr_epochs(run_of(compared, seed, "constant")))
        reached = [event["epoch"] for event in epochs if event["validation_accuracy"] >= level]
        assert row["epochs_to_validation"] == reached[0] if reached else math.isnan(row["epochs_to_validation"])
        times = [json.loads(line) for line in run.timings_path.read_text().splitlines()]
        seconds = [e["seconds"] for e in times if e["event"] == "EpochFinished" and e["stage"] == "clr"]
        assert row["seconds_per_epoch"] == pytest.approx(np.median(seconds))
        tensors = load_file(run.folder / "best.safetensors").items()
        trained = [value for name, value in tensors if "running_" not in name and "num_batches" not in name]
        assert row["parameters"] == sum(value.numel() for value in trained)


def test_summary_is_over_seeds(compared: Work) -> None:
    runs, summary = (pd.read_csv(compared.folder / name) for name in ("runs.csv", "comparison.csv"))
    for _, row in summary.iterrows():
        values = runs.loc[runs["choice"] == row["choice"], "final_test_auc"]
        assert (row["final_test_auc_mean"], row["final_test_auc_sd"]) == pytest.approx((values.mean(), values.std()))
        assert (row["final_test_auc_min"], row["final_test_auc_max"]) == pytest.approx((values.min(), values.max()))
    accuracy = runs.groupby("choice")["final_test_accuracy"].mean()
    difference = summary.set_index("choice").loc["triangular", "difference_value"]
    assert difference == pytest.approx(accuracy["triangular"] - accuracy["constant"])


def test_folder_holds_tables_figures_and_a_page_that_needs_nothing_else(compared: Work) -> None:
    figures = [f"figures/{name}.{suffix}" for name in ("accuracy", "loss") for suffix in ("svg", "png")]
    assert [name for name in [*WRITTEN, *figures] if not (compared.folder / name).is_file()] == []
    page = (compared.folder / "comparison.html").read_text()
    assert "NOT FOR CLINICAL USE" in page
    assert page.count('<svg role="img"') == 2
    assert "src=" not in page
    assert "http" not in re.sub(r'xmlns(:\w+)?="[^"]*"', "", page), "nothing is fetched"
    title = "Hernia, patient split, 67 films (32 positive, 35 negative), 2 seeds"
    assert title in page
    assert (compared.folder / "comparison.md").read_text().startswith(f"# {title}\n")
    document = json.loads((compared.folder / "comparison.json").read_text())
    assert {row["choice"] for row in document["choices"]} == {"constant", "triangular"}
    assert [finding["headline"] for finding in document["findings"]]
    assert document["split"]["kind"] == "patient"


def test_the_same_call_again_makes_no_run(compared: Work, plan: Plan, tmp_path: Path) -> None:
    copy = shutil.copytree(compared.folder, tmp_path / "copy")
    events = Events()
    assert run_and_write(work(plan, copy, events=events)) == []
    assert events.states() == ["finished"] * 6
    assert (copy / "comparison.csv").read_bytes() == (compared.folder / "comparison.csv").read_bytes()


# 46 training films in batches of 8: six updates an epoch; run 1 is shared, run 3 the second policy
@pytest.mark.slow
def test_stopped_comparison_goes_on_to_the_same_table(compared: Work, plan: Plan, tmp_path: Path) -> None:
    one_seed = plan.model_copy(update={"seeds": (0,)})
    for place in ({"run": 1, "stage": "decay", "update": 6}, {"run": 3, "stage": "clr", "update": 12}):
        events = Events(**place)
        with pytest.raises(Stopped):
            run_and_write(work(one_seed, tmp_path, events=events))
        assert events.reached
    events = Events()
    assert run_and_write(work(one_seed, tmp_path, events=events)) == []
    assert events.states() == ["finished", "finished", "resumed"]
    whole = pd.read_csv(compared.folder / "runs.csv").query("seed == 0").drop(columns=TIMED)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "runs.csv").drop(columns=TIMED), whole)


@pytest.mark.slow
def test_a_refused_range_test_is_reported_and_the_fallback_is_explicit(plan: Plan, tmp_path: Path) -> None:
    refusing = {
        "stages": ["decay", "range_test", "clr"], "decay.epochs": 1, "clr.epochs": 1, "clr.max_lr": None,
        "range_test.start": 1e-30, "range_test.end": 1e-29, "range_test.epochs": 1,
    }  # fmt: skip
    update = {"seeds": (0,), "constant_lr": None, "recipe": with_fields(plan.recipe, refusing)}
    refused, events = plan.model_copy(update=update), Events()
    failures = run_and_write(work(refused, tmp_path, events=events))
    assert [failure.choice for failure in failures] == ["constant", "triangular"]
    assert "--fallback-lr RATE" in failures[0].reason
    assert any(isinstance(event, PartFailed) for event in events.seen)
    assert not (tmp_path / "comparison.csv").exists()
    assert run_and_write(work(refused, tmp_path, fallback_lr=0.01)) == []
    table = pd.read_csv(tmp_path / "runs.csv")
    assert list(table["max_lr"]) == [0.01, 0.01]
    assert "given, since the range test suggested none" in (tmp_path / "comparison.md").read_text()


@pytest.mark.slow
def test_a_diverging_optimizer_leaves_the_others_their_table(plan: Plan, tmp_path: Path) -> None:
    """At a rate of 50 SGD overflows; Adam's steps are no longer than the rate, and stay finite."""
    recipe = with_fields(plan.recipe, {"stages": ["decay"], "decay.epochs": 1, "decay.lr0": 50.0})
    update = {"axis": "optimizers", "choices": ("sgd", "adam"), "seeds": (0,), "constant_lr": None, "recipe": recipe}
    failures = run_and_write(work(plan.model_copy(update=update), tmp_path))
    assert [(failure.choice, "no longer a number" in failure.reason) for failure in failures] == [("sgd", True)]
    assert list(pd.read_csv(tmp_path / "runs.csv")["choice"]) == ["adam"]
    text = (tmp_path / "comparison.md").read_text()
    assert "Missing: sgd, seed 0: The loss of stage" in text
    assert "90.81 % at epoch 30" in text, "the paper's figure stands beside the optimizer that it is of"


def made_up(seed: int, choice: str, *, curve: list[float], decay: list[int], clr: list[int]) -> Result:
    """A run with these validation and training accuracies, and test films answered rightly (1) or not (0)."""
    frame = pd.DataFrame({"accuracy": curve, "validation_accuracy": curve})
    test = pd.DataFrame({"patient": np.arange(len(decay)), "label": np.ones(len(decay), dtype=int)})
    stages = {"decay": decay, "clr": clr}
    for stage, right in stages.items():
        test[f"logit_{stage}"] = np.where(np.array(right) == 1, 1.0, -1.0)
    accuracy = {stage: {"test": {"accuracy": {"value": float(np.mean(right))}}} for stage, right in stages.items()}
    start = pd.Series({"accuracy": 0.5, "validation_accuracy": 0.5})
    return Result(seed, choice, Run(Path("none")), {"stages": accuracy}, frame, start, test, 1.0, 1)


def judged(plan: Plan, results: list[Result]) -> dict[str, str]:
    """Verdict of each finding on its first claim."""
    findings = judge(Comparison(plan, tuple(results), ()))
    return {finding.statement.split(" (")[0]: finding.claims[0].verdict for finding in findings}


BEATS = "CLR retraining beats what the decay stage left"
SOONER = "A cyclical policy reaches the constant rate's best validation accuracy sooner"
HALF = [1, 0] * 100
MOST = [1] * 180 + [0] * 20


@pytest.mark.parametrize(
    ("seeds", "verdicts"),
    [(1, ("not decided", "not decided")), (3, ("held", "not decided")), (6, ("held", "held"))],
)
def test_claims_need_seeds(plan: Plan, seeds: int, verdicts: tuple[str, str]) -> None:
    results = [
        made_up(seed, choice, curve=curve, decay=HALF, clr=clr)
        for seed in range(seeds)
        for choice, curve, clr in (("constant", [0.5, 0.6, 0.7], HALF), ("triangular", [0.6, 0.7, 0.7], MOST))
    ]
    found = judged(plan, results)
    assert (found[BEATS], found[SOONER]) == verdicts


def test_claims_can_fail(plan: Plan) -> None:
    results = [
        made_up(seed, choice, curve=curve, decay=MOST, clr=clr)
        for seed in range(6)
        for choice, curve, clr in (("constant", [0.5, 0.9, 0.6], MOST), ("triangular", [0.5, 0.8, 0.89], HALF))
    ]
    assert set(judged(plan, results).values()) == {"opposite held"}


def test_no_claim_is_made_of_runs_that_are_missing(plan: Plan) -> None:
    alone = [made_up(seed, "constant", curve=[0.5], decay=HALF, clr=MOST) for seed in range(6)]
    assert judge(Comparison(plan, tuple(alone), ())) == []


def test_claims_of_optimizers_are_judged_against_each_other(plan: Plan) -> None:
    """The paper's Hernia was trained with Adam, and so Adam is what the others are measured against."""
    optimizers = plan.model_copy(update={"axis": "optimizers", "choices": ("sgd", "adam"), "constant_lr": None})
    results = [
        made_up(seed, choice, curve=[0.5], decay=HALF, clr=clr)
        for seed in range(3)
        for choice, clr in (("sgd", HALF), ("adam", MOST))
    ]
    (finding,) = judge(Comparison(optimizers, tuple(results), ()))
    assert finding.headline == "adam ends more accurate (section A4.1): held against sgd."


def test_never_and_ties_are_counted_for_what_they_are() -> None:
    claim = sooner_claim("triangular", [3, math.nan, 5], [4, 6, 5])
    assert claim.verdict == "not decided"
    assert "sooner in 1 of 3, as late in 1, later or never in 1 (epoch 3, never, 5 against 4, 6, 5;" in claim.sentence
    assert sooner_claim("triangular", [2] * 6, [2] * 6).verdict == "not decided"
    assert sooner_claim("triangular", [math.nan] * 6, [2] * 6).verdict == "opposite held"


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([0.75, 0.80], "77.5 ± 3.5 (75.0 to 80.0)"),
        ([0.75], "75.0"),
        ([0.75, math.nan], "75.0; never in 1 of 2"),
        ([math.nan, math.nan], "never"),
        ([], "–"),
    ],
)
def test_summary_text(values: list[float], text: str) -> None:
    assert summary_text(values, factor=100, digits=1) == text


def test_counts_are_written_without_digits() -> None:
    assert summary_text([3.0, 4.0], digits=0) == "3.5 ± 0.7 (3 to 4)"


@given(st.lists(st.integers(0, 20), min_size=1), st.integers(0, 20))
def test_epochs_to_reach_is_the_first_epoch_at_or_above_the_level(counts: list[int], level: int) -> None:
    epoch = epochs_to_reach([count / 20 for count in counts], level / 20)
    if math.isnan(epoch):
        assert max(counts) < level
    else:
        assert counts[int(epoch) - 1] >= level
        assert all(count < level for count in counts[: int(epoch) - 1])


def test_interval_of_a_difference_is_that_of_textbooks() -> None:
    """Where each patient has one film: variance of paired films over n, plus that of the seeds' means over k."""
    draw = np.random.default_rng(3).random((4, 2, 4000))
    first, second = draw[:, 0] < np.array([[0.80], [0.82], [0.78], [0.84]]), draw[:, 1] < 0.7
    films = first.astype(float) - second
    one = film_difference([first[0]], [second[0]], np.arange(4000))
    assert (one.high - one.low) / 2 == pytest.approx(1.96 * films[0].std() / math.sqrt(4000), rel=0.05)
    assert one.covers == "test patients"
    all_four = film_difference(list(first), list(second), np.arange(4000))
    patients, seeds = films.mean(axis=0).var() / 4000, films.mean(axis=1).var(ddof=1) / 4
    freedom = (patients + seeds) ** 2 / (patients**2 / 3999 + seeds**2 / 3)
    half = stats.t.ppf(0.975, freedom) * math.sqrt(patients + seeds)
    assert (all_four.high - all_four.low) / 2 == pytest.approx(half, rel=0.05)
    assert all_four.value == pytest.approx(films.mean())


def test_an_interval_of_one_seed_decides_nothing() -> None:
    assert difference_verdict(Difference(0.2, 0.1, 0.3, (0.2,), "test patients")) == "not decided"
    assert difference_verdict(Difference(0.2, 0.1, 0.3, (0.2, 0.2), "seeds and test patients")) == "held"


def test_seconds_are_of_the_last_time_an_epoch_was_done(tmp_path: Path) -> None:
    lines = [("decay", 1, 90.0), ("clr", 1, 5.0), ("clr", 1, 3.0), ("clr", 2, 4.0)]
    events = [{"event": "EpochFinished", "stage": s, "epoch": e, "seconds": t} for s, e, t in lines]
    torn = '{"at": "2025-'
    path = tmp_path / "timings.jsonl"
    path.write_text("\n".join([*map(json.dumps, events), torn]))
    assert epoch_seconds(path, {"clr"}) == 3.5


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({}, "exactly one of --policies, --architectures and --optimizers"),
        ({"policies": "constant,triangular", "optimizers": "sgd,adam"}, "given: --policies and --optimizers"),
        ({"policies": "triangular"}, "two different names or more"),
        ({"optimizers": "sgd,sgd"}, "two different names or more"),
    ],
)
def test_what_cannot_be_compared_is_explained(named: dict[Axis, str | None], message: str) -> None:
    with pytest.raises(ComparisonError, match=message):
        chosen_axis(named)


def test_names_of_choices_are_forgiving_and_the_nearest_is_offered() -> None:
    given_names: dict[Axis, str | None] = {"policies": "Constant, modified-triangular2"}
    assert chosen_axis(given_names) == ("policies", ("constant", "modified_triangular2"))
    with pytest.raises(UnknownName, match=r"no policy 'triangluar'\. Did you mean 'triangular'\?"):
        chosen_axis({"policies": "constant,triangluar"})
    with pytest.raises(UnknownName, match="no architecture 'vgg16'"):
        chosen_axis({"architectures": "mobilenetv1,vgg16"})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--policies constant,triangular --clr.policy decay", "is what --policies compares"),
        ("--policies constant,triangular --stages decay", "Policies are of the CLR stage"),
        ("--optimizers sgd,adam --constant-lr 0.1", "rate of the policy 'constant'"),
        ("--policies constant,triangular --seeds 0", "--seeds must be at least 1"),
        ("--policies constant,triangular --fallback-lr 0", "--fallback-lr above 0"),
        ("--policies constant,triangular", "No films to train on"),
        ("--policies constant,triangular --clr.epohcs 3", "Did you mean 'clr.epochs'"),
    ],
)
def test_command_line_explains_itself(options: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CXR_DATA", raising=False)
    with pytest.raises(CxrError, match=message):
        app(["compare", "--disease", "hernia", *options.split()])


def test_a_folder_of_another_comparison_is_refused_and_the_same_may_grow(plan: Plan, tmp_path: Path) -> None:
    keep_plan(tmp_path, plan)
    keep_plan(tmp_path, plan.model_copy(update={"seeds": (0, 1, 2), "choices": (*plan.choices, "decay")}))
    with pytest.raises(ComparisonError, match=r"its recipe\.clr\.epochs is 3, not 4"):
        keep_plan(tmp_path, plan.model_copy(update={"recipe": with_fields(plan.recipe, {"clr.epochs": 4})}))
    with pytest.raises(ComparisonError, match=r"its constant_lr is 0\.015, not None"):
        keep_plan(tmp_path, plan.model_copy(update={"constant_lr": None}))
    (tmp_path / "plan.json").rename(tmp_path / "other.json")
    with pytest.raises(ComparisonError, match="holds no comparison"):
        keep_plan(tmp_path, plan)


@pytest.mark.realdata
def test_paper_figures_are_those_of_the_paper(plan: Plan, real_material: Path) -> None:
    """Section 7 of the transcript: constant rates end Pneumothorax at epoch 47 and Fibrosis at 85.04 %."""
    text = " ".join((real_material / "paper.md").read_text("utf-8").split())
    patterns = {
        (Target.PNEUMOTHORAX, "constant"): "constant rate {0.level_epoch} epochs, modified",
        (Target.PNEUMOTHORAX, "modified_triangular2"): "{0.level_epoch} ({0.accuracy:.2f} % at {0.epochs})",
        (Target.PNEUMOTHORAX, "triangular"): "triangular {0.level_epoch}. Fibrosis",
        (Target.FIBROSIS, "constant"): "constant {0.accuracy:.2f} %",
        (Target.FIBROSIS, "triangular"): "triangular {0.accuracy:.2f} % (85 % at epoch {0.level_epoch})",
        (Target.FIBROSIS, "modified_triangular2"): "{0.accuracy:.2f} % (85 % at epoch {0.level_epoch}). The paper",
    }
    for (target, policy), pattern in patterns.items():
        figure = paper_figure(plan.model_copy(update={"recipe": load_recipe(target)}), policy)
        assert figure is not None
        assert pattern.format(figure) in text
