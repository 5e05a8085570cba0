"""A recipe: everything that decides one training run, resolved before it starts.

Three layers are merged, later over earlier: the packaged recipe of the target (`recipes/*.toml`, transcribed
from the paper), a recipe file of the user, and fields given on the command line.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cxr_shared.bundle import InputSpec
from cxr_shared.errors import UnknownName
from cxr_shared.findings import Target
from cxr_trainer.errors import RecipeError

SplitKind = Literal["patient", "paper", "official"]
OptimizerName = Literal["sgd", "adam", "rmsprop"]
Policy = Literal["constant", "decay", "triangular", "triangular2", "exp_range", "modified_triangular2"]

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class InputSection(InputSpec):
    """The pixels a model takes: `InputSpec`, a wrong field refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CohortSection(_Section):
    """Which films: Table 2 for a finding, section 'One-class classifier' for the anomaly model."""

    positives: Count | None = None
    """Films with the finding, at most (binary models)."""
    negatives: Count | None = None
    """'No Finding' films to go with them (binary models)."""
    normal: Count | None = None
    """'No Finding' films (one-class model)."""
    per_finding: Count | None = None
    """Films of each of the 14 findings (one-class model)."""


class SplitSection(_Section):
    """Who is trained on and who is tested on."""

    kind: SplitKind = "patient"
    """``patient``: no patient on two sides, one assignment for all 15 targets; ``paper``: films at random,
    which leaks patients; ``official``: NIH's list files."""
    test_fraction: Fraction = 0.2
    validation_fraction: Fraction = 0.125
    """Share of the training side that is held out for choosing the model and its operating points."""
    seed: int = 0


class AugmentSection(_Section):
    """Keras ImageDataGenerator's ranges (paper §A3.1), drawn anew for each film and epoch."""

    rotation: NotNegative = 7.0
    """Degrees, either way."""
    width_shift: NotNegative = 0.1
    """Share of the width, either way."""
    height_shift: NotNegative = 0.1
    """Share of the height, either way."""
    shear: NotNegative = 0.05
    """Degrees, either way, as Keras reads it."""
    zoom: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Each axis is drawn from 1 ± zoom."""
    brightness: tuple[Positive, Positive] = (0.4, 1.5)
    """Range of the factor of the grey levels; [1, 1] leaves them alone."""
    horizontal_flip: bool = True


class ModelSection(_Section):
    """Backbone and head (paper, Figure 3)."""

    architecture: Literal["mobilenetv1"] = "mobilenetv1"
    width: Annotated[float, Field(ge=0.25, le=1.0)] = 1.0
    """MobileNet's width multiplier; the paper's is 1. Narrow ones start from ``none`` or a file of their own."""
    shallow: bool = False
    """MobileNet without its five repeated blocks of 512 channels (Howard et al. 2017, Table 5); the paper's has them.
    Each pixel of the heat map then sees less around it."""
    weights: str = "imagenet"
    """``imagenet`` (timm's hub), ``none``, or a file: safetensors or a weights-only state dict. The hub's weights
    were made with symmetric padding, so they start a little further off here than TF-slim's own, from a file."""
    units: tuple[Count, ...] = (250, 50, 10, 2)
    """Widths of the hidden Dense layers."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    kernel_l1: NotNegative = 0.001
    kernel_l2: NotNegative = 0.01
    bias_l2: NotNegative = 0.01
    activity_l2: NotNegative = 0.001
    bn_momentum: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Share of the old value that a BN average keeps at an update. None: Keras's 0.99, or less where an
    epoch has too few batches for that average to arrive (see `Recipe.resolved_bn_momentum`)."""
    output_stride: Literal[8, 16, 32] = 32
    """Input pixels for each pixel of the last feature map, and so of the heat map; the paper's is 32. Less leaves the
    last strides out, without dilation."""


class DecaySection(_Section):
    """First stage: lr(i) = lr0 / (1 + decay·i), i = updates so far (Tables 4 and 5)."""

    optimizer: OptimizerName = "sgd"
    lr0: Positive = 0.01
    decay: NotNegative = 0.001
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    epochs: Count = 10
    batch_size: Count = 32


class RangeTestSection(_Section):
    """Second stage: the learning-rate finder (paper §B)."""

    start: Positive = 1e-7
    end: Positive = 1.0
    epochs: Count | None = None
    """None: as many as give 100 updates, within the paper's 1 to 5."""
    smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """The suggestion is read off a running median over about 1 / (1 - smoothing) updates; divergence is judged by a
    running mean that keeps this share of its old value, with bias correction."""
    divergence: Annotated[float, Field(gt=1)] = 4.0
    """The test stops when the smoothed loss passes this many times the untouched model's, and chance's (ln 2)."""

    @model_validator(mode="after")
    def _rising(self) -> RangeTestSection:
        if self.end <= self.start:
            raise ValueError("end must be above start")
        return self


class ClrSection(_Section):
    """Third stage: cyclical learning rates, starting from the model that the decay stage left."""

    policy: Policy = "triangular"
    step_epochs: Positive = 2.0
    """Half a cycle, in epochs."""
    epochs: Count = 32
    batch_size: Count = 32
    optimizer: OptimizerName | None = None
    """None: the decay stage's."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    max_lr: Positive | None = None
    """None: what the range test found."""
    base_lr: Positive | None = None
    """None: max_lr / 4."""
    gamma: Positive = 0.99994
    """Only ``exp_range``: the amplitude's factor at each update."""

    @model_validator(mode="after")
    def _ordered(self) -> ClrSection:
        if self.max_lr is not None and self.base_lr is not None and self.base_lr > self.max_lr:
            raise ValueError("base_lr must not be above max_lr")
        return self


class PaperFacts(_Section):
    """What the paper printed for this target, to set beside our own figures; nothing is trained with it."""

    train_batches: Count | None = None
    accuracy_decay: NotNegative | None = None
    accuracy_clr: NotNegative | None = None
    clr_max_lr: Positive | None = None
    clr_base_lr: Positive | None = None


class Recipe(_Section):
    """Everything that decides a run. `load_recipe` makes one; `run/recipe.toml` holds the resolved one."""

    target: Target
    seed: int = 0
    input: InputSection = InputSection()
    cohort: CohortSection = CohortSection()
    split: SplitSection = SplitSection()
    augment: AugmentSection = AugmentSection()
    model: ModelSection = ModelSection()
    decay: DecaySection = DecaySection()
    range_test: RangeTestSection = RangeTestSection()
    clr: ClrSection = ClrSection()
    paper: PaperFacts = PaperFacts()

    def resolved_bn_momentum(self, batches: int) -> float:
        """Momentum of the BN averages for a stage with `batches` updates an epoch.

        Keras's 0.99 needs some hundred updates to forget its start. The paper's cohorts have 75 batches an
        epoch or more on the default split; a smaller set gets the momentum whose memory is one of its own epochs.
        """
        if self.model.bn_momentum is not None:
            return self.model.bn_momentum
        return 0.99 if batches >= 75 else 1.0 - 1.0 / max(10, batches)


def load_recipe(target: Target, *, file: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """Merge the packaged recipe of `target`, a recipe `file` and dotted `overrides`, and check the result.

    Parameters
    ----------
    target
        Whose packaged recipe is the base.
    file
        TOML with any of the recipe's fields.
    overrides
        Values by dotted field name, such as ``{"decay.epochs": 3}``.

    Raises
    ------
    RecipeError
        The file cannot be read, or a value has the wrong type or range.
    UnknownName
        A field does not exist; the message offers the nearest.
    """
    merged: dict[str, Any] = packaged_recipe(target)
    if file is not None:
        own = _read_toml(file)
        if own.get("target", target.value) != target.value:
            raise RecipeError(f"{file} is a recipe of {own['target']}, not of {target.value}. Remove its target line.")
        merged = _merge(merged, own)
    for dotted, value in (overrides or {}).items():
        merged = _merge(merged, _nested(dotted, value))
    return parse_recipe({**merged, "target": target.value}, where=str(file or "the command line"))


def packaged_recipe(target: Target) -> dict[str, Any]:
    """Return the fields that the paper fixes for `target`, as nested dictionaries."""
    text = (resources.files("cxr_trainer") / "recipes" / f"{target.slug}.toml").read_text("utf-8")
    return tomllib.loads(text)


def read_recipe(path: Path) -> Recipe:
    """Read a run's resolved ``recipe.toml``; RecipeError where it cannot be."""
    return parse_recipe(_read_toml(path), where=str(path))


def parse_recipe(fields: Mapping[str, Any], *, where: str) -> Recipe:
    """Check `fields` against the recipe's schema; `where` names their origin in messages."""
    try:
        return Recipe.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = [str(part) for part in first["loc"]]
        if first["type"] == "extra_forbidden":
            raise UnknownName("recipe field", ".".join(path), recipe_fields()) from error
        raise RecipeError(
            f"Recipe field '{'.'.join(path)}' from {where}: {first['msg'].lower()} "
            f"(it was {first['input']!r}). Correct it and run again."
        ) from error


def recipe_fields() -> list[str]:
    """Every field's dotted name, e.g. ``decay.epochs``."""
    names: list[str] = []
    for name, info in Recipe.model_fields.items():
        section = next((a for a in (info.annotation, *get_args(info.annotation)) if _is_model(a)), None)
        names += [f"{name}.{inner}" for inner in section.model_fields] if section else [name]
    return names


def parse_fields(tokens: Sequence[str]) -> dict[str, Any]:
    """Read ``--decay.epochs 3 --clr.policy=triangular2`` into values by dotted name.

    Values are TOML where they are TOML (``3``, ``1e-3``, ``true``, ``[1, 2]``), else text.

    Raises
    ------
    UnknownName
        A name is no recipe field; the message offers the nearest.
    RecipeError
        A field without a value, or a word that is no option.
    """
    fields: dict[str, Any] = {}
    waiting = list(tokens)
    while waiting:
        name, has_value, value = waiting.pop(0).partition("=")
        dotted = name.removeprefix("--").replace("-", "_")
        if not name.startswith("--"):
            raise RecipeError(f"'{name}' is no option. Recipe fields are given as --decay.epochs 3.")
        if dotted not in recipe_fields():
            raise UnknownName("recipe field", dotted, recipe_fields())
        if not has_value and not waiting:
            raise RecipeError(f"--{dotted} needs a value.")
        fields[dotted] = _toml_value(value if has_value else waiting.pop(0))
    return fields


def _toml_value(text: str) -> Any:  # noqa: ANN401  (any TOML value)
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _is_model(annotation: Any) -> bool:  # noqa: ANN401
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RecipeError(f"Could not read the recipe {path}: {error}. Correct the file and run again.") from error


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[key] = _merge(old, value) if both else value  # type: ignore[arg-type]
    return merged


def _nested(dotted: str, value: Any) -> dict[str, Any]:  # noqa: ANN401
    head, _, rest = dotted.partition(".")
    return {head: _nested(rest, value) if rest else value}
