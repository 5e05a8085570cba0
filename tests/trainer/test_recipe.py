"""Recipes against the paper's tables, written out here a second time."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cxr_shared.errors import UnknownName
from cxr_shared.findings import FINDINGS, Target
from cxr_trainer.errors import RecipeError
from cxr_trainer.recipe_files import load_recipe, parse_fields, recipe_fields

# finding: positives, negatives (Table 2), batch (Table 3), optimizer, lr0, decay, epochs (Table 4)
TABLES_2_TO_4 = {
    "Atelectasis": (11559, 12000, 16, "sgd", 0.01, 0.001, 10),
    "Cardiomegaly": (2776, 2800, 32, "sgd", 0.1, 0.0005, 12),
    "Consolidation": (4667, 4700, 32, "sgd", 0.05, 0.0005, 10),
    "Edema": (2303, 2300, 32, "sgd", 0.01, 0.0005, 12),
    "Emphysema": (2516, 2600, 32, "sgd", 0.01, 0.0005, 10),
    "Effusion": (13317, 13500, 32, "sgd", 0.01, 0.001, 10),
    "Fibrosis": (1686, 1700, 32, "sgd", 0.001, 0.00005, 10),
    "Infiltration": (19894, 20000, 16, "sgd", 0.01, 0.001, 10),
    "Mass": (5782, 6000, 32, "sgd", 0.01, 0.001, 10),
    "Nodule": (6331, 6500, 32, "sgd", 0.01, 0.001, 10),
    "Pneumothorax": (5302, 5500, 32, "sgd", 0.01, 0.0005, 10),
    "Pneumonia": (1431, 1500, 16, "sgd", 0.01, 0.0001, 30),
    "Pleural_Thickening": (3385, 3500, 32, "sgd", 0.05, 0.0005, 10),
    "Hernia": (227, 250, 4, "adam", 0.01, 0.0001, 30),
}
TRAIN_BATCHES = {
    "Atelectasis": 1178, "Cardiomegaly": 140, "Consolidation": 235, "Edema": 116, "Emphysema": 128,
    "Effusion": 671, "Fibrosis": 85, "Infiltration": 1995, "Mass": 295, "Nodule": 321, "Pneumothorax": 271,
    "Pneumonia": 147, "Pleural_Thickening": 173, "Hernia": 96,
}  # fmt: skip
# policy, step (epochs), epochs, batch, max_lr, base_lr, accuracy after (Table 8)
TABLE_8 = {
    "Atelectasis": ("triangular", 2, 32, 16, 0.1, 0.025, 79.59),
    "Infiltration": ("modified_triangular2", 2, 10, 16, 0.02, 0.005, 76.15),
    "Fibrosis": ("modified_triangular2", 2, 32, 32, 0.002, 0.0005, 88.96),
    "Pneumothorax": ("triangular", 2, 36, 16, 0.03, 0.0075, 79.83),
    "Pneumonia": ("triangular", 2, 30, 16, 0.01, 0.0001, 88.43),
    "anomaly": ("triangular", 2, 32, 16, 0.1, 0.025, 83.01),
}
ACCURACY_DECAY = {
    "Atelectasis": 75.10, "Cardiomegaly": 75.78, "Consolidation": 73.32, "Edema": 93.37, "Emphysema": 85.60,
    "Effusion": 86.53, "Fibrosis": 66.58, "Infiltration": 64.60, "Mass": 70.11, "Nodule": 68.23,
    "Pneumothorax": 70.12, "Pleural_Thickening": 71.67, "Hernia": 90.81,
}  # fmt: skip


@pytest.mark.parametrize("target", FINDINGS)
def test_binary_recipe_is_the_papers(target: Target) -> None:
    recipe = load_recipe(target)
    decay = recipe.decay
    assert (
        recipe.cohort.positives,
        recipe.cohort.negatives,
        decay.batch_size,
        decay.optimizer,
        decay.lr0,
        decay.decay,
        decay.epochs,
    ) == TABLES_2_TO_4[target.value]
    assert decay.momentum == 0.9
    assert recipe.paper.accuracy_decay == ACCURACY_DECAY.get(target.value)
    assert recipe.paper.train_batches == TRAIN_BATCHES[target.value]


@pytest.mark.parametrize("target", FINDINGS)
def test_table_3_follows_from_table_2(target: Target) -> None:
    positives, negatives, batch = TABLES_2_TO_4[target.value][:3]
    train = (positives + negatives) * 8 // 10
    assert -(-train // batch) == TRAIN_BATCHES[target.value]


@pytest.mark.parametrize("name", TABLE_8)
def test_clr_recipe_is_table_8(name: str) -> None:
    recipe = load_recipe(Target(name))
    clr, paper = recipe.clr, recipe.paper
    assert (
        clr.policy,
        clr.step_epochs,
        clr.epochs,
        clr.batch_size,
        paper.clr_max_lr,
        paper.clr_base_lr,
        paper.accuracy_clr,
    ) == TABLE_8[name]
    assert clr.max_lr is None, "the bounds come from the range test unless a person says otherwise"


@pytest.mark.parametrize("target", Target)
def test_paper_recipe_has_the_papers_stages_and_bounds(target: Target) -> None:
    recipe = load_recipe(target, file="paper")
    if target is Target.PNEUMONIA:
        assert recipe.stages == ("clr",), "straight into CLR"
    elif target.value in TABLE_8:
        assert recipe.stages == ("decay", "range_test", "clr")
    else:
        assert recipe.stages == ("decay",), "the paper left it without CLR"
    if target.value in TABLE_8:
        assert (recipe.clr.max_lr, recipe.clr.base_lr) == TABLE_8[target.value][4:6]
    else:
        assert (recipe.clr.max_lr, recipe.clr.base_lr) == (None, None)
    assert load_recipe(target).stages == ("decay", "range_test", "clr"), "the default runs all three"


@pytest.mark.parametrize(
    ("stages", "words"),
    [
        (["clr", "decay"], "in this order"),
        (["range_test"], "nothing is trained"),
        (["decay", "range_test"], "find-lr"),
        (["clr"], r"need clr\.max_lr"),
        (["decay", "decay"], "each once"),
    ],
)
def test_stages_that_make_no_run_are_refused(stages: list[str], words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        load_recipe(Target.HERNIA, overrides={"stages": stages})


def test_one_class_recipe_is_section_8() -> None:
    recipe = load_recipe(Target.ANOMALY)
    assert (recipe.cohort.normal, recipe.cohort.per_finding, recipe.decay.batch_size) == (2800, 200, 16)
    assert recipe.cohort.per_finding * len(FINDINGS) == recipe.cohort.normal  # type: ignore[operator]


def test_model_and_augmentation_are_the_papers() -> None:
    recipe = load_recipe(Target.EDEMA)
    assert recipe.model.units == (250, 50, 10, 2)
    assert recipe.model.dropout == 0.5
    model, augment = recipe.model, recipe.augment
    assert (model.kernel_l1, model.kernel_l2, model.bias_l2, model.activity_l2) == (0.001, 0.01, 0.01, 0.001)
    assert (augment.rotation, augment.width_shift, augment.height_shift) == (7.0, 0.1, 0.1)
    assert (augment.shear, augment.zoom, augment.brightness, augment.horizontal_flip) == (0.05, 0.1, (0.4, 1.5), True)
    assert recipe.input.size == 224


@pytest.mark.realdata
def test_tables_equal_the_checked_transcript(real_material: Path) -> None:
    """The tables above against the transcript of the paper, cell by cell."""
    text = (real_material / "paper.md").read_text("utf-8")
    for name, (positives, negatives, batch, *_) in TABLES_2_TO_4.items():
        cells = [re.sub(r"[¹²\s]", "", c) for c in re.search(rf"^\| {name} \| \d.*$", text, re.M)[0].split("|")]  # type: ignore[index]
        row = [int(c) for c in cells[2:-1]]
        assert row == [
            positives, negatives, positives + negatives, (positives + negatives) * 8 // 10,
            -(-(positives + negatives) // 5), batch, TRAIN_BATCHES[name],
        ]  # fmt: skip
        stage = re.search(rf"^\| {name} \| (SGD|Adam) \| (\S+) \| (\S+) \| (\d+)", text, re.M)
        assert stage is not None
        optimizer, lr0, decay, epochs = stage.groups()
        assert (optimizer.lower(), float(lr0), float(decay), int(epochs)) == TABLES_2_TO_4[name][3:]


def test_layers_are_merged_in_order(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("seed = 5\n[decay]\nepochs = 4\nlr0 = 0.5\n")
    recipe = load_recipe(Target.HERNIA, file=file, overrides={"decay.epochs": 3})
    assert (recipe.seed, recipe.decay.epochs, recipe.decay.lr0, recipe.decay.optimizer) == (5, 3, 0.5, "adam")


def test_wrong_fields_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"decay\.epoch.*Did you mean 'decay\.epochs'"):
        load_recipe(Target.HERNIA, overrides={"decay.epoch": 3})
    with pytest.raises(RecipeError, match=r"decay\.epochs"):
        load_recipe(Target.HERNIA, overrides={"decay.epochs": "many"})
    bad = tmp_path / "bad.toml"
    bad.write_text("[decay\n")
    with pytest.raises(RecipeError, match=r"bad\.toml"):
        load_recipe(Target.HERNIA, file=bad)


def test_command_line_fields() -> None:
    assert parse_fields(["--decay.epochs", "3", "--clr.policy=triangular2", "--model.bn-momentum", "0.9"]) == {
        "decay.epochs": 3,
        "clr.policy": "triangular2",
        "model.bn_momentum": 0.9,
    }
    with pytest.raises(UnknownName, match="Did you mean"):
        parse_fields(["--decay.epoch", "3"])
    with pytest.raises(RecipeError, match="needs a value"):
        parse_fields(["--seed"])
    with pytest.raises(RecipeError, match="no option"):
        parse_fields(["hernia"])
    assert "clr.step_epochs" in recipe_fields()


def test_bn_momentum_is_keras_on_the_papers_cohorts_and_shorter_on_small_ones() -> None:
    recipe = load_recipe(Target.FIBROSIS)
    assert [recipe.resolved_bn_momentum(n) for n in (1995, 85)] == [0.99, 0.99]
    assert recipe.resolved_bn_momentum(20) == pytest.approx(0.95)
    assert recipe.resolved_bn_momentum(2) == pytest.approx(0.9)
