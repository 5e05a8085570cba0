"""Commands that study learning rates and speed: `schedule`, `find-lr`, `compare`, `bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from cxr_trainer.cli.options import (
    NO_CLUSTER,
    NO_OPTIONS,
    ClusterOptions,
    Device,
    Fields,
    Flag,
    RecipeOptions,
    app,
    data_folder,
)


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


@app.command
def find_lr(
    *fields: Fields,
    disease: str | None = None,
    data: Path | None = None,
    run: Path | None = None,
    out: Path | None = None,
    seeds: int = 1,
    options: RecipeOptions = NO_OPTIONS,
    json: Flag = False,
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
    options
        The recipe.
    json
        Print events as JSON lines instead of progress and table.
    """
    from cxr_trainer.commands.find_lr import find_learning_rate, resolve_start

    overrides = options.overrides(fields)
    films = data_folder(data) if run is None else data
    start = resolve_start(disease, run=run, data=films, recipe=options.recipe, overrides=overrides)
    return find_learning_rate(start, out=out, seeds=seeds, device=options.device, json_lines=json)


@app.command
def compare(
    *fields: Fields,
    disease: str,
    policies: str | None = None,
    architectures: str | None = None,
    optimizers: str | None = None,
    seeds: int = 3,
    constant_lr: float | None = None,
    fallback_lr: float | None = None,
    data: Path | None = None,
    out: Path | None = None,
    options: RecipeOptions = NO_OPTIONS,
    cluster: ClusterOptions = NO_CLUSTER,
    json: Flag = False,
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
        Folder of the comparison; comparisons/<finding>-<what is compared> by default. On a cluster all machines must
        find it under this path.
    options
        The recipe.
    cluster
        Where the runs are made.
    json
        Print events as JSON lines instead of progress.
    """
    from cxr_trainer.cluster.command import Where
    from cxr_trainer.commands.compare import Request, compare_choices

    request = Request(
        disease=disease,
        named={"policies": policies, "architectures": architectures, "optimizers": optimizers},
        seeds=seeds,
        data=data_folder(data),
        out=out,
        recipe=options.recipe,
        device=options.device,
        constant_lr=constant_lr,
        fallback_lr=fallback_lr,
        overrides=options.overrides(fields),
        where=Where(cluster.on, cluster.cpus_per_run, cluster.gpus_per_run),
    )
    return compare_choices(request, json_lines=json)


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
    json: Flag = False,
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
        data_folder(data),
        films=films,
        batch_size=batch_size,
        rounds=rounds,
        size=size,
        device=device,
        architectures=architectures or [],
        json_document=json,
    )
