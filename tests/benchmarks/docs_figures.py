"""The documentation's figures: schedules, a range test, the phantoms' contact sheet."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final, get_args

import numpy as np
from docs_material import call, finished_run, make_phantoms
from docs_pixels import keep_or_write
from matplotlib.figure import Figure

from cxr_shared.findings import Target
from cxr_trainer.commands.schedule import PlannedSchedule, plan_schedule
from cxr_trainer.recipe import Policy
from cxr_trainer.report.drawing import BLUE, FAINT, write_panels

FILMS: Final = 700
SEED: Final = 7
FINDINGS: Final = (Target.HERNIA, Target.PNEUMOTHORAX)
OF: Final = "pneumothorax"
"""The paper's example of a schedule (its Figures 2 to 5)."""
EPOCHS: Final = 24
GAMMA: Final = 0.9998
PANELS: Final = (9.6, 4.6)
"""Inches."""


def schedules(out: Path, _material: Path) -> None:
    """Every policy with the paper's bounds for pneumothorax, without training."""
    planned = [_planned(policy) for policy in get_args(Policy)]

    def draw(figure: Figure) -> None:
        for axes, each in zip(figure.subplots(2, 3, sharex=True, sharey=True).flat, planned, strict=True):
            updates = np.arange(each.updates)
            axes.plot(updates / each.batches, [each.schedule.rate(int(update)) for update in updates], color=BLUE)
            for bound in (each.clr.base_lr, each.clr.max_lr):
                axes.axhline(bound, color=FAINT, lw=0.8, ls=":")
            axes.set_title(each.clr.policy.replace("_", " "))
        figure.supxlabel("epoch", fontsize=9)
        figure.supylabel("learning rate", fontsize=9)

    with tempfile.TemporaryDirectory() as place:
        svg = write_panels(Path(place) / "schedules", draw, size=PANELS)
        keep_or_write(out / svg.name, svg.read_bytes())


def _planned(policy: Policy) -> PlannedSchedule:
    fields = {"policy": policy, "epochs": EPOCHS, "step_epochs": 2.0, "gamma": GAMMA}
    return plan_schedule(OF, fields, batches=None)


def range_test(out: Path, material: Path) -> None:
    """The range test of a run on phantoms, those of the demo: it begins with the model that the decay stage left."""
    films = make_phantoms(material / "figures-phantoms", films=FILMS, seed=SEED, findings=FINDINGS)
    run = finished_run(material / "figures-runs", films, Target.PNEUMOTHORAX)
    keep_or_write(out / "range-test.svg", (run / "figures" / "range_test.svg").read_bytes())


def phantoms(out: Path, _material: Path) -> None:
    """The contact sheet of phantoms."""
    with tempfile.TemporaryDirectory() as place:
        sheet = Path(place) / "phantoms.png"
        call("python", "-m", "cxr_shared.phantom.sheet", sheet)
        keep_or_write(out / sheet.name, sheet.read_bytes())


FIGURES: Final[tuple[Callable[[Path, Path], None], ...]] = (schedules, range_test, phantoms)
