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
app.register_install_completion_command(help="Install completion for this shell and exit.")

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
def audit(
    *,
    data: Path | None = None,
    out: Path | None = None,
    decode: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Set a data folder beside the paper's Tables 1 to 3, and look for faults in its files.

    Ends with 0 whatever it finds.

    Parameters
    ----------
    data
        Folder with NIH's label file and images, or a label file alone (.csv, .csv.gz); CXR_DATA stands in for it.
    out
        Folder for audit.json, audit.md and the figures.
    decode
        Read every film, which finds those that cannot be read and those with the same pixels.
    json
        Print the machine-readable form instead of tables.
    """
    from cxr_trainer.commands.audit import audit_folder

    return audit_folder(_data(data), out=out, decode=decode, json_form=json)


@app.command
def fit(
    *fields: Annotated[str, Parameter(allow_leading_hyphen=True)],
    disease: str,
    data: Path | None = None,
    out: Path = Path("runs"),
    weights: str | None = None,
    split: Split | None = None,
    recipe: str | None = None,
    device: Device = "auto",
    dry_run: Annotated[bool, Parameter(negative="")] = False,
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
        TOML file with recipe fields, laid over the packaged recipe; or paper: the stages that the paper ran for
        this finding, with its own bounds of the learning rate.
    device
        Where to compute.
    dry_run
        Print the resolved recipe, the cohort and an estimate of time and disk, and do nothing.
    json
        Print events as JSON lines instead of progress.
    """
    from cxr_trainer.commands.fit import fit_targets
    from cxr_trainer.recipe_files import parse_fields

    named = {"model.weights": weights, "split.kind": split}
    given = {name: value for name, value in named.items() if value is not None}
    overrides = {**given, **parse_fields(fields)}
    if dry_run:
        from cxr_trainer.commands.dry_run import show_plans

        return show_plans(disease, data=_data(data), recipe=recipe, device=device, overrides=overrides)
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
def compare(
    *fields: Annotated[str, Parameter(allow_leading_hyphen=True)],
    disease: str,
    policies: str | None = None,
    architectures: str | None = None,
    optimizers: str | None = None,
    seeds: int = 3,
    constant_lr: float | None = None,
    fallback_lr: float | None = None,
    data: Path | None = None,
    out: Path | None = None,
    weights: str | None = None,
    split: Split | None = None,
    recipe: str | None = None,
    device: Device = "auto",
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Compare policies, architectures or optimizers over several seeds, as the paper does for some findings.

    The same command goes on with a comparison that was stopped, and may add choices and seeds to it. All policies of
    a seed start from the same model. Exit code 1: some runs could not be made, and the tables say which.

    Parameters
    ----------
    fields
        Any recipe field and its value, for all runs, such as --clr.epochs 36. Architectures and optimizers run the
        decay stage alone, unless --stages is given.
    disease
        A finding (hernia, pleural-thickening, …) or anomaly.
    policies
        Learning-rate policies of the CLR stage, with commas: constant,triangular,modified-triangular2.
    architectures
        Backbones, with commas.
    optimizers
        Optimizers, with commas: sgd,adam,rmsprop.
    seeds
        How many seeds, from the recipe's seed on.
    constant_lr
        Rate of the constant policy. By default max_lr, which the range test finds and at which the cycles peak; the
        paper does not print its own.
    fallback_lr
        max_lr for those runs whose range test suggests none. Without it they are reported and left out.
    data
        Folder with NIH's label file and images; CXR_DATA stands in for it.
    out
        Folder of the comparison; comparisons/<finding>-<what is compared> by default.
    weights
        imagenet, none, or a file (safetensors or a weights-only state dict).
    split
        patient keeps patients apart; paper is random by film, which leaks patients; official is NIH's.
    recipe
        TOML file with recipe fields, laid over the packaged recipe; or paper.
    device
        Where to compute.
    json
        Print events as JSON lines instead of progress.
    """
    from cxr_trainer.commands.compare import Request, compare_choices
    from cxr_trainer.recipe_files import parse_fields

    named = {"model.weights": weights, "split.kind": split}
    given = {name: value for name, value in named.items() if value is not None}
    request = Request(
        disease=disease,
        named={"policies": policies, "architectures": architectures, "optimizers": optimizers},
        seeds=seeds,
        data=_data(data),
        out=out,
        recipe=recipe,
        device=device,
        constant_lr=constant_lr,
        fallback_lr=fallback_lr,
        overrides={**given, **parse_fields(fields)},
    )
    return compare_choices(request, json_lines=json)


@app.command
def report(run: Path, *runs: Path, out: Path | None = None) -> int:
    """Write the pages of finished runs anew, and one page for all of them.

    Parameters
    ----------
    run, runs
        Run directories, or a folder of them.
    out
        The page of the whole set; of several runs it is by default report.html in the folder they share.
    """
    from cxr_trainer.commands.report import write_reports

    return write_reports((run, *runs), out=out)


@app.command
def bench(
    *,
    data: Path | None = None,
    films: int = 128,
    batch_size: int = 32,
    rounds: int = 3,
    size: int = 224,
    device: Device = "auto",
    architectures: Annotated[list[str] | None, Parameter(negative="", consume_multiple=True)] = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Measure training: the usual recipe of DataLoader and torchvision, ours end to end, and our step alone.

    Parameters
    ----------
    data
        Folder with NIH's label file and images; CXR_DATA stands in for it. Without it, phantoms are made.
    films
        How many films an epoch has.
    batch_size
        Films an update.
    rounds
        Rounds that are counted, the three in turn in each; one before them is not.
    size
        Side of the input in pixels.
    device
        Where to compute.
    architectures
        Backbones to measure; all that a recipe can name by default.
    json
        Print one JSON document instead of tables.
    """
    from cxr_trainer.commands.bench import run_bench

    return run_bench(
        _data(data),
        films=films,
        batch_size=batch_size,
        rounds=rounds,
        size=size,
        device=device,
        architectures=architectures or [],
        json_document=json,
    )


@app.command
def find_lr(
    *fields: Annotated[str, Parameter(allow_leading_hyphen=True)],
    disease: str | None = None,
    data: Path | None = None,
    run: Path | None = None,
    out: Path | None = None,
    seeds: int = 1,
    weights: str | None = None,
    split: Split | None = None,
    recipe: str | None = None,
    device: Device = "auto",
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Make the range test alone and draw its curve, to see which learning rates suit.

    Parameters
    ----------
    fields
        Any recipe field and its value, such as --range_test.suggester valley --range_test.ramp linear.
    disease
        A finding (hernia, pleural-thickening, …) or anomaly.
    data
        Folder with NIH's label file and images; CXR_DATA stands in for it. With --run, the run's by default.
    run
        Start from the model that this run's decay stage left, instead of initial weights.
    out
        Folder for range_test.json and the figure; by default find-lr-TARGET-TIME here.
    seeds
        Repeat with so many seeds, to see how far apart the suggestions lie.
    weights
        imagenet, none, or a file (safetensors or a weights-only state dict).
    split
        patient keeps patients apart; paper is random by film, which leaks patients; official is NIH's.
    recipe
        TOML file with recipe fields, laid over the packaged recipe.
    device
        Where to compute.
    json
        Print events as JSON lines instead of progress and table.
    """
    from cxr_trainer.commands.find_lr import find_learning_rate, resolve_start
    from cxr_trainer.recipe_files import parse_fields

    named = {"model.weights": weights, "split.kind": split}
    given = {name: value for name, value in named.items() if value is not None}
    overrides = {**given, **parse_fields(fields)}
    films = _data(data) if run is None else data
    start = resolve_start(disease, run=run, data=films, recipe=recipe, overrides=overrides)
    return find_learning_rate(start, out=out, seeds=seeds, device=device, json_lines=json)


@app.command
def schedule(
    *,
    disease: str | None = None,
    policy: str | None = None,
    max_lr: float | None = None,
    base_lr: float | None = None,
    step_epochs: float | None = None,
    epochs: int | None = None,
    batches: int | None = None,
    gamma: float | None = None,
    out: Path | None = None,
) -> int:
    """Draw a learning-rate schedule and print where it turns, without training.

    Parameters
    ----------
    disease
        Take everything from this target's recipe, with the paper's bounds, films and split; other options go
        before it.
    policy
        constant, decay, triangular, triangular2, exp_range or modified_triangular2.
    max_lr
        Highest rate.
    base_lr
        Lowest rate; a quarter of the highest by default.
    step_epochs
        Epochs from the lowest rate to the highest, half a cycle; 2 by default.
    epochs
        How long it is.
    batches
        Updates of an epoch.
    gamma
        exp_range only: the amplitude's factor at each update.
    out
        FILE.svg or FILE.png: both are written beside each other.
    """
    from cxr_trainer.commands.schedule import draw_schedule
    from cxr_trainer.schedule import parse_policy

    named = {
        "policy": None if policy is None else parse_policy(policy),
        "max_lr": max_lr,
        "base_lr": base_lr,
        "step_epochs": step_epochs,
        "epochs": epochs,
        "gamma": gamma,
    }
    fields = {name: value for name, value in named.items() if value is not None}
    return draw_schedule(disease, fields, batches=batches, out=out)


def main() -> int:
    """Run the command line; returns the exit code."""
    return run_command(app, extra="trainer")


def _data(given: Path | None) -> Path | None:
    configured = os.environ.get("CXR_DATA")
    return given or (Path(configured) if configured else None)
