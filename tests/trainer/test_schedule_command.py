"""`cxr-trainer schedule`: the paper's figures 4 and 5 to the digit, without torch."""

from __future__ import annotations

from pathlib import Path

import pytest

from cxr_shared.findings import FINDINGS
from cxr_shared.opencv import cv2
from cxr_trainer.commands.schedule import draw_schedule, paper_batches, plan_schedule
from cxr_trainer.errors import RecipeError
from cxr_trainer.recipe_files import load_recipe
from cxr_trainer.schedule import turning_points

STEP = 1082  # Pneumothorax: 2 epochs of 541 batches


def _peaks(disease: str, **fields: object) -> list[tuple[int, float]]:
    planned = plan_schedule(disease, fields, batches=None)
    points = turning_points(planned.schedule, planned.updates)
    return [(point.update, point.rate) for point in points if point.kind == "peak"]


def test_figure_4_has_nine_equal_cycles_in_36_epochs() -> None:
    planned = plan_schedule("pneumothorax", {}, batches=None)
    assert (planned.batches, planned.updates, planned.clr.policy) == (541, 36 * 541, "triangular")
    assert "9 cycles of 2 × 1,082 updates" in planned.summary
    assert _peaks("pneumothorax") == [(STEP * (2 * cycle + 1), pytest.approx(0.03, rel=1e-12)) for cycle in range(9)]
    bases = [point for point in turning_points(planned.schedule, planned.updates) if point.kind == "base"]
    assert [(point.update, point.rate) for point in bases] == [(2 * STEP * cycle, 0.0075) for cycle in range(9)]


def test_figure_5_has_ten_and_a_half_cycles_that_start_again_after_three() -> None:
    peaks = _peaks("pneumothorax", policy="modified_triangular2", epochs=42)
    heights = [0.03, 0.01875, 0.013125] * 3 + [0.03]
    assert peaks == [(STEP * (2 * i + 1), pytest.approx(height, rel=1e-12)) for i, height in enumerate(heights)]
    planned = plan_schedule("pneumothorax", {"policy": "modified_triangular2", "epochs": 42}, batches=None)
    assert "10.5 cycles" in planned.summary
    last = turning_points(planned.schedule, planned.updates)[-1]
    assert (last.kind, last.cycle, last.update) == ("last", 11, 42 * 541 - 1)
    # One update short of the eleventh cycle's peak, which is a second one: 0.0075 + 0.0225 / 2.
    assert last.rate == pytest.approx(0.01875 - 0.01125 / STEP, rel=1e-12)


@pytest.mark.parametrize("target", FINDINGS)
def test_batches_are_the_papers_wherever_its_two_stages_share_a_batch_size(target: str) -> None:
    recipe = load_recipe(target)  # type: ignore[arg-type]
    if recipe.clr.batch_size == recipe.decay.batch_size:
        assert paper_batches(recipe) == recipe.paper.train_batches


def test_one_class_batches_follow_from_5600_films() -> None:
    assert plan_schedule("anomaly", {}, batches=None).batches == 4480 // 16


def test_given_values_go_before_the_recipes_and_the_papers_base_stays_with_its_max() -> None:
    own = plan_schedule("pneumonia", {}, batches=None).clr
    assert (own.max_lr, own.base_lr) == (0.01, 0.0001)
    other = plan_schedule("pneumonia", {"max_lr": 0.02}, batches=7)
    assert (other.clr.max_lr, other.clr.base_lr, other.batches) == (0.02, 0.005, 7)


@pytest.mark.parametrize(
    ("disease", "fields", "words"),
    [
        (None, {"policy": "triangular"}, "--max-lr, --epochs, --batches"),
        ("hernia", {}, "no bounds.*--max-lr"),
        ("pneumothorax", {"max_lr": -1.0}, r"clr\.max_lr"),
        ("pneumothorax", {"max_lr": 0.1, "base_lr": 0.2}, "base_lr 0.2 is above max_lr 0.1"),
        ("pneumothorax", {"base_lr": 0.2}, "base_lr 0.2 is above max_lr 0.03"),
    ],
)
def test_what_is_missing_or_wrong_is_one_sentence(disease: str | None, fields: dict[str, object], words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        plan_schedule(disease, fields, batches=None)


def test_both_pictures_are_drawn_and_an_unknown_kind_is_refused_before_anything_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RecipeError, match=r"neither \.svg nor \.png"):
        draw_schedule("fibrosis", {}, batches=None, out=tmp_path / "a.pdf")
    assert capsys.readouterr().out == ""
    assert draw_schedule("fibrosis", {}, batches=None, out=tmp_path / "fibrosis 0.002.svg") == 0
    assert (tmp_path / "fibrosis 0.002.svg").read_text().count("<svg") == 1
    picture = cv2.imread(str(tmp_path / "fibrosis 0.002.png"))
    assert picture is not None
    assert picture.std() > 5, "something is drawn"
    assert "0.00125" in capsys.readouterr().out, "the second peak: 0.0005 + 0.0015 / 2"
