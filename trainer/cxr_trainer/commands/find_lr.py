"""`cxr-trainer find-lr`: the range test alone, its figure and how far seeds move its suggestions."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from cxr_shared.findings import Target, parse_target
from cxr_trainer.commands.interrupt import stop_on_interrupt
from cxr_trainer.errors import DataNotConfigured, RangeTestError, RecipeError
from cxr_trainer.fit.device import DeviceName, require_one_process
from cxr_trainer.fit.events import Sink
from cxr_trainer.fit.find_lr import FoundRates, Start, find_rates
from cxr_trainer.fit.loop import Stopped
from cxr_trainer.fit.run import Run
from cxr_trainer.progress import JsonLines, TerminalProgress
from cxr_trainer.range_test import BASE_SHARE, Spread
from cxr_trainer.recipe_files import load_recipe

_STOPPED = 130
_OF_THE_TEST = ("range_test.", "clr.", "augment.", "seed")


def find_learning_rate(start: Start, *, out: Path | None, seeds: int, device: DeviceName, json_lines: bool) -> int:
    """Make the test with progress and print its table; Ctrl-C stops it at the next update.

    Parameters
    ----------
    start
        As `resolve_start` gives it.
    out
        Folder for the results; None makes one here, named after target and time.
    seeds
        How many tests.
    device
        Where to compute.
    json_lines
        Print events as JSON lines instead.

    Raises
    ------
    RangeTestError
        The recipe's suggester refused every curve. They are kept.
    """
    require_one_process("find-lr")
    if seeds < 1:
        raise RecipeError("--seeds must be at least 1.")
    folder = out or _new_folder(start.recipe.target)
    with stop_on_interrupt() as stop, contextlib.ExitStack() as stack:
        shown: Sink = JsonLines() if json_lines else stack.enter_context(TerminalProgress(Console(stderr=True)))
        try:
            found = find_rates(start, out=folder, seeds=seeds, device=device, sinks=[shown], stop=stop)
        except Stopped:
            print("Stopped before the first test was complete; nothing of it is kept, films read are.", file=sys.stderr)
            return _STOPPED
    return _conclude(found, quiet=json_lines)


def resolve_start(
    disease: str | None, *, run: Path | None, data: Path | None, recipe: str | None, overrides: Mapping[str, Any]
) -> Start:
    """Start from initial weights, or with `run` from that run's recipe, films and decay-stage model.

    Raises
    ------
    RecipeError
        No target, two of them, or a field that would make films or model others than the run's.
    DataNotConfigured
        Neither a folder of films nor a run that knows one.
    """
    if run is None:
        if disease is None:
            raise RecipeError("Name a target with --disease, or a run with --run.")
        fresh = load_recipe(parse_target(disease), file=recipe, overrides=overrides)
        if data is None:
            raise DataNotConfigured
        return Start(fresh, data)
    opened = Run.open(run)
    if disease is not None and parse_target(disease) != opened.target:
        raise RecipeError(f"{run} is a run of {opened.target.value}, not of {disease}. Leave --disease out.")
    fixed = [name for name in overrides if not name.startswith(_OF_THE_TEST)]
    if recipe is not None or fixed:
        what = "--recipe" if recipe is not None else fixed[0]
        raise RecipeError(f"{what} cannot be given with --run: its films and model are made already. Leave it out.")
    of_run = load_recipe(opened.target, file=opened.recipe_path, overrides=overrides)
    return Start(of_run, data or Path(opened.session()["data"]), opened)


def _new_folder(target: Target) -> Path:
    stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    return Path(f"find-lr-{target.slug}-{stamp}")


def _conclude(found: FoundRates, *, quiet: bool) -> int:
    """Print the table and where the curves are."""
    if not quiet:
        console = Console()
        console.print(_table(found))
        console.print(f"curves: {found.folder}/range_test.json, .svg and .png", highlight=False, soft_wrap=True)
    if found.stopped:
        print(f"Stopped after {len(found.tests)} tests, which are kept in {found.folder}.", file=sys.stderr)
        return _STOPPED
    if found.max_lr is None:
        raise RangeTestError(
            f"The range test suggests no learning rate: {found.refusal}. Look at {found.folder}/range_test.svg and "
            "try another --range_test.suggester, or other rates with --range_test.start and --range_test.end."
        )
    return 0


def _table(found: FoundRates) -> Table:
    table = Table(title=f"suggested max_lr, {len(found.tests)} seed{'s' if len(found.tests) > 1 else ''}")
    for head in ("suggester", "median", "lowest", "highest", "decades", "base_lr", "seeds with one"):
        table.add_column(head, justify="left" if head == "suggester" else "right")
    for name, spread in found.spread.items():
        label = f"{name} (chosen)" if name == found.suggester else name
        table.add_row(label, *_cells(spread), f"{spread.suggested} of {spread.tests}")
    return table


def _cells(spread: Spread) -> list[str]:
    if spread.median is None:
        return ["none", "", "", "", ""]
    rates = [f"{rate:.2e}" for rate in (spread.median, spread.lowest, spread.highest) if rate is not None]
    return [*rates, f"{spread.decades:.2f}", f"{spread.median * BASE_SHARE:.2e}"]
