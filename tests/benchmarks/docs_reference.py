"""Write the generated parts of the reference pages and the JSON Schemas: ``python tests/benchmarks/docs_reference.py``.

A part stands between ``<!-- generated: NAME -->`` and ``<!-- end of generated -->``; what is around it is written by
hand. With ``--check`` nothing is written, and the exit code is 1 where a page is not what would be written.
"""

from __future__ import annotations

import functools
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import cyclopts
from docs_fields import ROOT, markdown_table, prose, referenced, summary, table
from pydantic import BaseModel

from cxr_desktop.cli import app as desktop
from cxr_desktop.pacs import config as network
from cxr_desktop.report import json_format
from cxr_export.cli import app as export
from cxr_shared.bundle import manifest, parts
from cxr_shared.findings import Target
from cxr_trainer import run_format
from cxr_trainer.cli import app as trainer
from cxr_trainer.fit import events
from cxr_trainer.recipe import Recipe
from cxr_trainer.recipe_files import load_recipe

DOCS: Final = ROOT / "docs"
_PART: Final = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end of generated -->)", re.DOTALL)


def command_page(app: cyclopts.App) -> str:
    """All commands of a console script with their options, by cyclopts."""
    text = app.generate_docs(usage_name=app.name[0])
    text = re.sub(r"## Table of Contents\n\n(- .*\n)+\n?", "", text)
    text = text.replace("```console\n", "```text\n")
    return re.sub(r"<(?=[a-z])", "&lt;", text).strip()


def recipe_fields() -> str:
    """Each section of a recipe."""
    lines = ["## Top level", "", _own_table(Recipe), ""]
    for name, field in Recipe.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            lines += [f"## {name}", "", summary(section), "", table(section), ""]
    return "\n".join(lines).strip()


def _own_table(recipe: type[Recipe]) -> str:
    """Fields of a recipe that are no section."""
    rows = table(recipe).splitlines()
    return "\n".join(row for row in rows if "](#" not in row)


def packaged_recipes() -> str:
    """What the packaged recipe of each target sets."""
    return markdown_table(
        ["target", "cohort", "decay stage", "CLR stage", "the paper ran", "its max_lr, base_lr"],
        [_packaged(load_recipe(target)) for target in Target],
    )


def _packaged(recipe: Recipe) -> list[str]:
    cohort, decay, clr, paper = recipe.cohort, recipe.decay, recipe.clr, recipe.paper
    films = (
        f"{cohort.normal:,} normal, {cohort.per_finding:,} of each finding"
        if recipe.target is Target.ANOMALY
        else f"{cohort.positives:,} + {cohort.negatives:,}"
    )
    bounds = [f"{rate:g}" for rate in (paper.clr_max_lr, paper.clr_base_lr) if rate is not None]
    return [
        f"`{recipe.target.slug}`",
        films,
        f"{decay.optimizer} {decay.lr0:g}, decay {decay.decay:g}, {decay.epochs} epochs, batch {decay.batch_size}",
        f"{clr.policy}, half cycle {clr.step_epochs:g}, {clr.epochs} epochs, batch {clr.batch_size}",
        ", ".join(paper.stages),
        ", ".join(bounds) or "—",
    ]


def objects(model: type[BaseModel], modules: tuple[Any, ...], *, defaults: bool = False) -> str:
    """The tables of a document and of every object in it."""
    others = [_find(name, modules) for name in referenced(model)]
    return "\n\n".join(_object(each, defaults=defaults) for each in (model, *filter(None, others)))


def _object(model: type[BaseModel], *, defaults: bool) -> str:
    return f"### {model.__name__}\n\n{summary(model)}\n\n{table(model, defaults=defaults)}"


def _find(name: str, modules: tuple[Any, ...]) -> type[BaseModel] | None:
    return next((getattr(each, name) for each in modules if hasattr(each, name)), None)


def event_table() -> str:
    """Events of a run's log."""
    return markdown_table(["event", "fields", "meaning"], _event_rows())


def _event_rows() -> Iterator[list[str]]:
    for kind in events.Event.__args__:  # type: ignore[attr-defined]
        fields = ", ".join(f"`{name}`" for name in kind.__dataclass_fields__)
        yield [f"`{kind.__name__}`", fields, prose(kind.__doc__ or "")]


def environment() -> str:
    """The README's table of environment variables."""
    text = (ROOT / "README.md").read_text("utf-8").partition("## Environment variables\n")[2].partition("\n## ")[0]
    return text.strip()


PARTS: Final[dict[str, Callable[[], str]]] = {
    "cxr-trainer": lambda: command_page(trainer),
    "cxr-export": lambda: command_page(export),
    "cxr-desktop": lambda: command_page(desktop),
    "recipe": recipe_fields,
    "packaged-recipes": packaged_recipes,
    "manifest": lambda: objects(manifest.Manifest, (manifest, parts)),
    "metrics": lambda: objects(run_format.Metrics, (run_format, parts)),
    "range-test": lambda: objects(run_format.RangeTest, (run_format, parts)),
    "events": event_table,
    "network": lambda: objects(network.NetworkConfig, (network,), defaults=True),
    "worklist": lambda: objects(json_format.WorklistFile, (json_format,)),
    "environment": environment,
}
SCHEMAS: Final[dict[str, Callable[[], dict[str, Any]]]] = {
    "manifest.schema.json": manifest.json_schema,
    "metrics.schema.json": lambda: run_format.json_schema(run_format.Metrics),
    "range-test.schema.json": lambda: run_format.json_schema(run_format.RangeTest),
    "worklist.schema.json": json_format.json_schema,
}


@functools.cache
def part(name: str) -> str:
    """Generate a part."""
    return PARTS[name]()


def generated() -> Iterator[tuple[Path, str]]:
    """Every file with generated parts, and what it should hold."""
    for page in sorted((DOCS / "reference").rglob("*.md")):
        text = page.read_text("utf-8")
        yield page, _PART.sub(lambda found: f"{found[1]}\n{part(found[2])}\n\n{found[3]}", text)
    for name, schema in SCHEMAS.items():
        yield DOCS / name, json.dumps(schema(), indent=2) + "\n"


def main(*, check: bool = False) -> int:
    """Write what is generated, where it changed.

    Parameters
    ----------
    check
        Only say which files are not up to date.
    """
    stale = [(path, text) for path, text in generated() if not path.is_file() or path.read_text("utf-8") != text]
    for path, text in stale:
        print(f"{path.relative_to(ROOT)} is {'out of date: run make docs' if check else 'written'}")
        if not check:
            path.write_text(text, "utf-8")
    return int(check and bool(stale))


if __name__ == "__main__":
    app = cyclopts.App(help_format="plaintext", result_action="return_value")
    app.default(main)
    sys.exit(app())
