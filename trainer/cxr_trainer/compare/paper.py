"""What the paper printed for the comparisons, to set beside our own figures; nothing is computed with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cxr_shared.findings import Target
from cxr_trainer.compare.plan import Plan
from cxr_trainer.recipe_files import packaged_recipe


@dataclass(frozen=True, slots=True)
class PaperFigure:
    """Accuracy (%) after so many epochs; the epoch at which a level (%) was passed; hours an epoch took."""

    accuracy: float
    epochs: int
    level: float | None = None
    level_epoch: int | None = None
    hours: float | None = None

    def __str__(self) -> str:
        parts = [f"{self.accuracy:.2f} % at epoch {self.epochs}"]
        if self.level is not None:
            parts.append(f"{self.level:g} % from epoch {self.level_epoch}")
        if self.hours is not None:
            parts.append(f"{self.hours:g} h an epoch")
        return "; ".join(parts)


_POLICIES: Final[dict[tuple[Target, str], PaperFigure]] = {
    # Section A7, Figures 7 and 9. The text ends Fibrosis under modified triangular2 at 88.15 %, Table 7 at 88.96 %.
    (Target.PNEUMOTHORAX, "constant"): PaperFigure(79.26, 47, 79.26, 47),
    (Target.PNEUMOTHORAX, "triangular"): PaperFigure(79.83, 36, 79.26, 36),
    (Target.PNEUMOTHORAX, "modified_triangular2"): PaperFigure(80.92, 41, 79.26, 38),
    (Target.FIBROSIS, "constant"): PaperFigure(85.04, 32),
    (Target.FIBROSIS, "triangular"): PaperFigure(86.96, 32, 85.0, 30),
    (Target.FIBROSIS, "modified_triangular2"): PaperFigure(88.15, 32, 85.0, 25),
    # Table 7, and section A7 for the one-class model.
    (Target.ATELECTASIS, "triangular"): PaperFigure(79.59, 32),
    (Target.INFILTRATION, "modified_triangular2"): PaperFigure(76.15, 10),
    (Target.PNEUMONIA, "triangular"): PaperFigure(88.43, 30),
    (Target.ANOMALY, "triangular"): PaperFigure(83.01, 32),
}
_ARCHITECTURES: Final[dict[tuple[Target, str], PaperFigure]] = {  # Table 6
    (Target.ATELECTASIS, "mobilenetv1"): PaperFigure(75.10, 10, hours=2.5),
    (Target.ATELECTASIS, "densenet121"): PaperFigure(78.07, 10, hours=5.0),
    (Target.ATELECTASIS, "alexnet"): PaperFigure(75.50, 30, hours=1.5),
}


def paper_figure(plan: Plan, choice: str) -> PaperFigure | None:
    """What the paper printed for `choice` on the plan's target, None where it printed nothing."""
    target = plan.recipe.target
    if plan.axis == "optimizers":
        return _decay_figure(target, choice)
    return (_POLICIES if plan.axis == "policies" else _ARCHITECTURES).get((target, choice))


def decay_figure(target: Target) -> PaperFigure | None:
    """Table 5's accuracy after the decay stage."""
    recipe = packaged_recipe(target)
    accuracy = recipe.get("paper", {}).get("accuracy_decay")
    return None if accuracy is None else PaperFigure(accuracy, recipe["decay"]["epochs"])


def _decay_figure(target: Target, optimizer: str) -> PaperFigure | None:
    """The paper prints an accuracy only for the optimizer that it chose (Table 4)."""
    return decay_figure(target) if packaged_recipe(target)["decay"]["optimizer"] == optimizer else None
