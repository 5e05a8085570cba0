"""`cxr-trainer report`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from cxr_trainer.errors import RunError
from cxr_trainer.fit.run import Run
from cxr_trainer.report.page import PAGE, write_report
from cxr_trainer.report.set_page import write_set_page


def write_reports(folders: Sequence[Path], *, out: Path | None = None) -> int:
    """Write each run's figures and page anew and, of several runs or where `out` is given, the page of all."""
    runs = [run for folder in folders for run in find_runs(folder)]
    for run in runs:
        print(write_report(run, run.read_json("metrics.json")))
    if out is None and len(runs) > 1:
        out = Path(os.path.commonpath([run.folder.resolve().parent for run in runs])) / PAGE
    if out is not None:
        print(write_set_page(runs, out))
    return 0


def find_runs(folder: Path) -> list[Run]:
    """Return the run that `folder` is, or the finished runs in it; what is left out is printed.

    Raises
    ------
    RunError
        There is no finished run.
    """
    if (folder / "recipe.toml").is_file():
        return [Run.open(folder)]
    runs = [Run(path.parent) for path in sorted(folder.glob("*/recipe.toml"))]
    finished = [run for run in runs if run.finished()]
    for run in runs:
        if not run.finished():
            print(f"left out, unfinished: {run.folder} (go on with: cxr-trainer resume {run.folder})")
    if not finished:
        raise RunError(f"{folder} is no run directory and holds no finished one. Give folders that `fit` made.")
    return finished
