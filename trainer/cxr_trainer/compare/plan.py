"""What is compared: one recipe field's choices, the seeds, and everything that all runs have in common."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from cxr_shared.errors import UnknownName
from cxr_shared.files import write_json
from cxr_trainer.errors import ComparisonError
from cxr_trainer.recipe import Recipe
from cxr_trainer.recipe_files import parse_recipe

Axis = Literal["policies", "architectures", "optimizers"]
FIELDS: Final[dict[Axis, str]] = {
    "policies": "clr.policy",
    "architectures": "model.architecture",
    "optimizers": "decay.optimizer",
}
"""The recipe field that each comparison varies."""
NOUNS: Final[dict[Axis, str]] = {"policies": "policy", "architectures": "architecture", "optimizers": "optimizer"}
CONSTANT: Final = "constant"
CYCLICAL: Final = ("triangular", "triangular2", "exp_range", "modified_triangular2")


class Plan(BaseModel):
    """A comparison before it runs; ``plan.json`` of its folder.

    Attributes
    ----------
    axis
        What varies.
    choices
        Values of the axis's recipe field, at least two.
    seeds
        Values of ``seed``: initial weights of the head, order of the films, augmentation, dropout.
    constant_lr
        Rate of the constant policy; None: ``max_lr``, at which the cycles peak.
    data, device
        As for a run.
    recipe
        What all runs have in common.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    axis: Axis
    choices: tuple[str, ...]
    seeds: tuple[int, ...]
    constant_lr: float | None = None
    data: str
    device: Literal["auto", "cpu", "cuda"]
    recipe: Recipe

    @property
    def reference(self) -> str:
        """What the other choices are measured against: the constant rate, else the choice named first."""
        return CONSTANT if CONSTANT in self.choices else self.choices[0]

    def recipe_of(self, seed: int, choice: str | None = None, *, base: Recipe | None = None) -> Recipe:
        """Recipe of one run, from `base` (else the plan's); without a choice, what its choices share."""
        fields: dict[str, Any] = {"seed": seed}
        if choice is not None:
            fields[FIELDS[self.axis]] = choice
        if choice == CONSTANT and self.constant_lr is not None:
            fields |= {"clr.max_lr": self.constant_lr, "clr.base_lr": self.constant_lr}
        return with_fields(base or self.recipe, fields)


def slug(choice: str) -> str:
    """A choice as the command line has it: ``modified-triangular2``."""
    return choice.replace("_", "-")


def known_choices(axis: Axis) -> tuple[str, ...]:
    """Every value that the recipe's schema allows for the field of `axis`."""
    section, _, name = FIELDS[axis].partition(".")
    fields: Mapping[str, Any] = getattr(Recipe.model_fields[section].annotation, "model_fields")  # noqa: B009
    return get_args(fields[name].annotation)


def chosen_axis(named: Mapping[Axis, str | None]) -> tuple[Axis, tuple[str, ...]]:
    """Which of the three comparisons is asked for, and its choices.

    Raises
    ------
    ComparisonError
        None is, or several are, or fewer than two choices are named, or one is named twice.
    UnknownName
        A choice does not exist; the message offers the nearest.
    """
    asked = [axis for axis, text in named.items() if text is not None]
    if len(asked) != 1:
        what = " and ".join(f"--{axis}" for axis in asked) or "none of them"
        raise ComparisonError(
            f"Give exactly one of --policies, --architectures and --optimizers with what to compare; given: {what}. "
            "For example: --policies constant,triangular,modified-triangular2"
        )
    axis = asked[0]
    names = [name.strip() for name in str(named[axis]).split(",") if name.strip()]
    choices = tuple(_known(axis, name) for name in names)
    if len(set(choices)) < 2 or len(set(choices)) < len(choices):
        known = ",".join(map(slug, known_choices(axis)))
        raise ComparisonError(f"--{axis} needs two different names or more, with commas between them, out of {known}.")
    return axis, choices


def _known(axis: Axis, name: str) -> str:
    plain = {re.sub(r"[\s_-]", "", known): known for known in known_choices(axis)}
    found = plain.get(re.sub(r"[\s_-]", "", name.lower()))
    if found is None:
        raise UnknownName(NOUNS[axis], name, map(slug, known_choices(axis)))
    return found


def with_fields(recipe: Recipe, fields: Mapping[str, Any]) -> Recipe:
    """Return `recipe` with `fields` by dotted name, checked."""
    values = recipe.model_dump(mode="json")
    for dotted, value in fields.items():
        section, _, name = dotted.rpartition(".")
        (values[section] if section else values)[name] = value
    return parse_recipe(values, where="the comparison")


def keep_plan(folder: Path, plan: Plan) -> None:
    """Write ``plan.json`` into `folder`, or make sure that the one there is of the same comparison.

    Choices and seeds may differ from those before: a comparison can grow, and its finished runs stay good.

    Raises
    ------
    ComparisonError
        `folder` holds another comparison, or something else.
    """
    path = folder / "plan.json"
    if path.is_file():
        _require_same(folder, _read(path), plan)
    elif folder.is_dir() and any(folder.iterdir()):
        raise ComparisonError(f"{folder} is not empty and holds no comparison. Name another folder with --out.")
    write_json(path, plan.model_dump(mode="json", exclude_none=True))


def _read(path: Path) -> Plan:
    try:
        return Plan.model_validate(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, ValidationError) as error:
        raise ComparisonError(f"Could not read {path}. Name another folder with --out.") from error


def _require_same(folder: Path, there: Plan, asked: Plan) -> None:
    old, new = (_flat(plan.model_dump(mode="json", exclude={"choices", "seeds"})) for plan in (there, asked))
    differing = [name for name in new if old.get(name) != new[name]]
    if differing:
        first = differing[0]
        raise ComparisonError(
            f"{folder} holds another comparison: its {first} is {old.get(first)}, not {new[first]}. Name another "
            "folder with --out, or give what it was begun with to go on with it."
        )


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {prefix + name: value}
    return flat
