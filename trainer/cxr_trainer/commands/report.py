"""`cxr-trainer report`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cxr_trainer.fit.run import Run
from cxr_trainer.report.page import write_report


def write_reports(folders: Sequence[Path]) -> int:
    """Write each run's figures and page anew and print where."""
    for folder in folders:
        run = Run.open(folder)
        print(write_report(run, run.read_json("metrics.json")))
    return 0
