"""Commands that make runs and show them: `fit`, `resume`, `fetch`, `report`."""

from __future__ import annotations

from pathlib import Path

from cxr_trainer.cli.options import (
    NO_CLUSTER,
    NO_OPTIONS,
    ClusterOptions,
    Fields,
    Flag,
    RecipeOptions,
    app,
    data_folder,
)


@app.command
def fit(
    *fields: Fields,
    disease: str,
    data: Path | None = None,
    out: str = "runs",
    seeds: int = 1,
    processes_per_run: int = 1,
    options: RecipeOptions = NO_OPTIONS,
    cluster: ClusterOptions = NO_CLUSTER,
    dry_run: Flag = False,
    json: Flag = False,
) -> int:
    """Train a model through all three stages: decay, range test, cyclical learning rates.

    One run goes into a new folder, OUT/TARGET-TIME. Several runs (all targets, several seeds), runs on a cluster and
    runs in an object store go to OUT/TARGET, or OUT/TARGET-seed-N, and the same command goes on with them.

    Parameters
    ----------
    fields
        Any recipe field and its value, such as --decay.epochs 3 --clr.policy triangular2.
    disease
        A finding (hernia, pleural-thickening, …), anomaly, or all.
    data
        Folder with NIH's label file and images; CXR_DATA stands in for it.
    out
        Where run directories are made: a folder, or an object store's URL such as s3://bucket/runs.
    seeds
        So many runs of each target, with seeds from the recipe's on.
    processes_per_run
        So many processes of one machine share each batch, as under torchrun; on a cluster each takes a GPU or a CPU.
    options
        The recipe.
    cluster
        Where the runs are made.
    dry_run
        Print the resolved recipe, the cohort and an estimate of time and disk, and do nothing.
    json
        Print events as JSON lines instead of progress.
    """
    from cxr_trainer.cluster.command import Where
    from cxr_trainer.commands.fit import fit_targets

    overrides, folder = options.overrides(fields), data_folder(data)
    if dry_run:
        from cxr_trainer.commands.dry_run import show_plans

        return show_plans(disease, data=folder, recipe=options.recipe, device=options.device, overrides=overrides)
    return fit_targets(
        disease,
        data=folder,
        out=out,
        recipe=options.recipe,
        device=options.device,
        json_lines=json,
        overrides=overrides,
        seeds=seeds,
        where=Where(cluster.on, cluster.cpus_per_run, cluster.gpus_per_run, processes_per_run),
    )


@app.command
def resume(
    run: str,
    *fields: Fields,
    json: Flag = False,
) -> int:
    """Go on with a run that was stopped, as if it never had been.

    Parameters
    ----------
    run
        The run directory, or the URL of a run in an object store.
    fields
        Recipe fields of the CLR stage to change before it begins, such as --clr.max_lr 0.01.
    json
        Print events as JSON lines instead of progress.
    """
    from cxr_trainer.commands.fit import resume_run
    from cxr_trainer.recipe_files import parse_fields

    return resume_run(run, json_lines=json, overrides=parse_fields(fields))


@app.command
def fetch(url: str, *, out: Path = Path("runs")) -> int:
    """Bring runs from an object store into folders, where reports and exports find them.

    Parameters
    ----------
    url
        One run, or what --out of fit was: s3://bucket/runs.
    out
        Folder to bring them to; what is there and the same is not read again.
    """
    from cxr_trainer.commands.fetch import fetch_runs

    return fetch_runs(url, out=out)


@app.command
def report(run: Path, *runs: Path, out: Path | None = None) -> int:
    """Write the pages of finished runs anew, and one page for all of them.

    Parameters
    ----------
    run
        A run directory, or a folder of them.
    runs
        More of them.
    out
        The page of the whole set; of several runs it is by default report.html in the folder they share.
    """
    from cxr_trainer.commands.report import write_reports

    return write_reports((run, *runs), out=out)
