"""The `cxr-trainer` command: declares options, calls one use case, turns its answer into an exit code."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from cxr_shared.console import run_command

app = App(
    name="cxr-trainer",
    help="Train chest X-ray triage models: one-class and one for each NIH ChestX-ray14 finding.",
    result_action="return_value",
)

Device = Literal["auto", "cpu", "cuda"]
Split = Literal["patient", "paper", "official"]


@app.command
def phantoms(
    out: Path,
    *,
    films: int = 600,
    seed: int = 7,
    dicom: bool = False,
    findings: Annotated[list[str] | None, Parameter(negative="", consume_multiple=True)] = None,
) -> int:
    """Write synthetic chest films with known findings and boxes, in NIH's layout.

    Parameters
    ----------
    out
        Folder to write to.
    films
        How many films.
    seed
        The same seed gives the same bytes.
    dicom
        Write DICOM files instead of PNG.
    findings
        Only these findings occur; all 14 by default.
    """
    from cxr_trainer.commands.phantoms import make_phantoms

    return make_phantoms(out, films=films, seed=seed, dicom=dicom, findings=findings or [])


@app.command
def fit(
    *fields: Annotated[str, Parameter(allow_leading_hyphen=True)],
    disease: str,
    data: Path | None = None,
    out: Path = Path("runs"),
    weights: str | None = None,
    split: Split | None = None,
    recipe: Path | None = None,
    device: Device = "auto",
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Train a model through all three stages: decay, range test, cyclical learning rates.

    Parameters
    ----------
    fields
        Any recipe field and its value, such as --decay.epochs 3 --clr.policy triangular2.
    disease
        A finding (hernia, pleural-thickening, …), anomaly, or all.
    data
        Folder with NIH's label file and images; CXR_DATA stands in for it.
    out
        Where the run directory is made.
    weights
        imagenet, none, or a file (safetensors, a weights-only state dict, or MobileNet's Keras .h5).
    split
        patient keeps patients apart; paper is random by film, which leaks patients; official is NIH's.
    recipe
        TOML file with recipe fields, laid over the packaged recipe.
    device
        Where to compute.
    json
        Print events as JSON lines instead of progress.
    """
    from cxr_trainer.commands.fit import fit_targets
    from cxr_trainer.recipe_files import parse_fields

    named = {"model.weights": weights, "split.kind": split}
    given = {name: value for name, value in named.items() if value is not None}
    overrides = {**given, **parse_fields(fields)}
    return fit_targets(
        disease, data=_data(data), out=out, recipe=recipe, device=device, json_lines=json, overrides=overrides
    )


@app.command
def resume(
    run: Path,
    *fields: Annotated[str, Parameter(allow_leading_hyphen=True)],
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Go on with a run that was stopped, as if it never had been.

    Parameters
    ----------
    run
        The run directory.
    fields
        Recipe fields of the CLR stage to change before it begins, such as --clr.max_lr 0.01.
    json
        Print events as JSON lines instead of progress.
    """
    from cxr_trainer.commands.fit import resume_run
    from cxr_trainer.recipe_files import parse_fields

    return resume_run(run, json_lines=json, overrides=parse_fields(fields))


@app.command
def report(run: Path, *runs: Path) -> int:
    """Draw the figures of finished runs anew and write their report.html.

    Parameters
    ----------
    run, runs
        Run directories.
    """
    from cxr_trainer.commands.report import write_reports

    return write_reports((run, *runs))


def main() -> int:
    """Run the command line; returns the exit code."""
    return run_command(app, extra="trainer")


def _data(given: Path | None) -> Path | None:
    configured = os.environ.get("CXR_DATA")
    return given or (Path(configured) if configured else None)
