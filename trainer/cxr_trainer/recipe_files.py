"""Where a recipe comes from.

Three layers are merged, later over earlier: the packaged recipe of the target (`recipes/*.toml`, transcribed
from the paper), a recipe file of the user, and fields given on the command line.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError

from cxr_shared.errors import UnknownName
from cxr_shared.findings import Target, parse_target
from cxr_trainer.errors import RecipeError
from cxr_trainer.recipe import STAGES, Recipe

PAPER: Final = "paper"
"""Name of the recipe file that is none: the paper's own stages and bounds of the learning rate."""


def load_recipe(
    target: Target, *, file: Path | str | None = None, overrides: Mapping[str, Any] | None = None
) -> Recipe:
    """Merge the packaged recipe of `target`, a recipe `file` and dotted `overrides`, and check the result.

    Parameters
    ----------
    target
        Whose packaged recipe is the base.
    file
        TOML with any of the recipe's fields, or ``paper`` for the stages that the paper ran for this target, with
        Table 8's bounds in place of a range test's.
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
    if file == PAPER:
        merged = _merge(merged, _as_in_the_paper(merged["paper"]))
    elif file is not None:
        own = _read_toml(Path(file))
        if "target" in own and parse_target(str(own["target"])) is not target:
            raise RecipeError(f"{file} is a recipe of {own['target']}, not of {target.slug}. Remove its target line.")
        merged = _merge(merged, own)
    for dotted, value in (overrides or {}).items():
        merged = _merge(merged, _nested(dotted, value))
    where = str(file or "the command line")
    recipe = parse_recipe({**merged, "target": target.value}, where=where, on_command_line=list(overrides or ()))
    _refuse_foreign_cohort(recipe)
    return recipe


def _refuse_foreign_cohort(recipe: Recipe) -> None:
    """A cohort field that the target's cohort does not read would else be ignored without a word."""
    binary, one_class = ("positives", "negatives"), ("normal", "per_finding")
    read, foreign = (one_class, binary) if recipe.target is Target.ANOMALY else (binary, one_class)
    for name in foreign:
        if getattr(recipe.cohort, name) is not None:
            raise RecipeError(
                f"Recipe field 'cohort.{name}' has no meaning for {recipe.target.slug}, whose cohort is set by "
                f"{' and '.join(f'cohort.{each}' for each in read)}. Remove it and run again."
            )


def _as_in_the_paper(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What ``--recipe paper`` lays over a packaged recipe with the ``[paper]`` section `facts`."""
    bounds = {name: facts[f"clr_{name}"] for name in ("max_lr", "base_lr") if f"clr_{name}" in facts}
    return {"stages": facts.get("stages", list(STAGES)), "clr": bounds}


def packaged_recipe(target: Target) -> dict[str, Any]:
    """Return the fields that the paper fixes for `target`, as nested dictionaries."""
    text = (resources.files("cxr_trainer") / "recipes" / f"{target.slug}.toml").read_text("utf-8")
    return tomllib.loads(text)


def read_recipe(path: Path) -> Recipe:
    """Read a run's resolved ``recipe.toml``; RecipeError where it cannot be."""
    return parse_recipe(_read_toml(path), where=str(path))


def parse_recipe(fields: Mapping[str, Any], *, where: str, on_command_line: Sequence[str] = ()) -> Recipe:
    """Check `fields` against the recipe's schema.

    Parameters
    ----------
    fields
        The recipe's fields, nested.
    where
        Their origin, for messages.
    on_command_line
        Dotted names of those that were given on the command line.

    Raises
    ------
    RecipeError
        A value has the wrong type or range.
    UnknownName
        A field or section does not exist; the message offers the nearest.
    """
    try:
        return Recipe.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = [str(part) for part in first["loc"]]
        dotted = ".".join(path)
        if any(dotted == name or dotted.startswith(f"{name}.") for name in on_command_line):
            where = "the command line"
        if first["type"] == "extra_forbidden":
            known = recipe_fields() if len(path) > 1 else list(Recipe.model_fields)
            raise UnknownName(f"recipe {'field' if len(path) > 1 else 'section'}", dotted, known, where) from error
        says = "it must be a section of fields" if first["type"] == "model_type" else first["msg"].lower()
        raise RecipeError(
            f"Recipe field '{dotted}' from {where}: {says} (it was {first['input']!r}). Correct it and run again."
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
