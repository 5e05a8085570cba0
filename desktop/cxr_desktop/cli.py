"""The command line `cxr-desktop`. Nothing heavy is imported before a command runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter
from cyclopts.validators import Number

from cxr_shared import __version__
from cxr_shared.console import run_command
from cxr_shared.notice import NOTICE

app = App(
    name="cxr-desktop",
    help=f"Triage chest X-rays with an exported bundle. {NOTICE}",
    version=__version__,
    help_format="plaintext",
)
app.register_install_completion_command(help="Install completion for this shell and exit.")

BundleOption = Annotated[Path | None, Parameter(name="--bundle", env_var="CXR_BUNDLE")]
ProviderOption = Literal["auto", "cpu", "cuda", "tensorrt", "directml", "openvino", "coreml"]


@app.default
def window(*paths: Path, bundle: BundleOption = None, watch: Path | None = None) -> int:
    """Open the window.

    Parameters
    ----------
    paths
        Films, folders, ZIPs and DICOMDIRs to open; a bundle (.cxr) among them is used as if it were named by --bundle.
    bundle
        The models (.cxr); without one the window is a viewer.
    watch
        A folder to watch: its films are opened, and those that arrive as soon as they are complete.
    """
    from cxr_desktop import app as desktop

    return desktop.main(paths, bundle, watch)


@app.command
def triage(
    *paths: str,
    bundle: BundleOption = None,
    json: Path | None = None,
    csv: Path | None = None,
    html: Path | None = None,
    pdf: Path | None = None,
    dicom: Path | None = None,
    deidentified: Annotated[bool, Parameter(negative="")] = False,
    provider: ProviderOption = "auto",
    parquet: str | None = None,
    part_films: Annotated[int, Parameter(validator=Number(gte=1))] = 1000,
    on: str | None = None,
    workers: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
    actors: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
    gpus_per_actor: Annotated[float | None, Parameter(validator=Number(gte=0))] = None,
) -> int:
    """Score films and print the most urgent; exit code 1 when no film was found, 130 after Ctrl-C.

    Parameters
    ----------
    paths
        Films (PNG, JPEG, DICOM), folders, ZIPs and DICOMDIRs, mixed; with --parquet also URLs (s3://, gs://).
    bundle
        The models (.cxr).
    json
        Write the complete result here.
    csv
        Write one row a film here.
    html
        Write a page with pictures here.
    pdf
        Write a report to print here, a page a film.
    dicom
        Write DICOM objects (Structured Report, heat maps, Segmentation) in the films' own studies into this folder.
    deidentified
        Name no patient in any report: identifiers become pseudonyms, file names numbers, and dates are left out.
    provider
        auto proves what this system offers in a child process and falls back to the CPU; any other name is used or
        refused. TensorRT builds its engines first, for minutes, and is only used when it is named.
    parquet
        For archives: write one row a film into this folder or URL, in parts. The same command goes on where it was
        stopped, and once all is done, looks for films that came since.
    part_films
        Films of a part, which is written as a whole.
    on
        With --parquet: ray for a cluster of this machine alone, or ray://HEAD of one that is running.
    workers
        Most decoders at once on a cluster; by default two for each actor, with GPUs as many as there is room for.
    actors
        Processes on a cluster that run the models; by default as many as there is room for.
    gpus_per_actor
        GPUs of each, which may be a fraction; by default 1 where the cluster has any.
    """
    from cxr_desktop import batch, console
    from cxr_desktop.archive import command
    from cxr_desktop.archive.sizes import Sizes
    from cxr_desktop.inference.kinds import Wanted
    from cxr_desktop.reports import Remarks

    sizes = Sizes(workers, actors, gpus_per_actor)
    archive = command.Request(paths, parquet, on, sizes, provider, deidentified, part_films)
    if archive.asked:
        archive.check(json=json, csv=csv, html=html, pdf=pdf, dicom=dicom)
        return command.run(archive, batch.load_bundle(bundle))
    loaded = batch.load_bundle(bundle)
    reports = batch.Reports(json=json, csv=csv, html=html, pdf=pdf, dicom=dicom, deidentified=deidentified)
    reports.check()
    with console.progress() as show:
        worklist = batch.score_all(
            map(Path, paths), loaded, wanted=Wanted(provider), thumbnails=html is not None, on_event=show
        )
    if not worklist.found:
        print(
            "error: no film was found. Name files, or a folder that holds PNG, JPEG or DICOM files.",
            file=sys.stderr,
        )
        return 130 if worklist.stopped else 1
    said: list[str] = []
    written = reports.write(worklist, loaded, remarks=Remarks(tell=said.append))
    console.print_worklist(worklist, written, said)
    return 130 if worklist.stopped else 0


@app.command
def providers(*, bundle: BundleOption = None) -> int:
    """Prove every provider, and say which would run the models, how, and why not the others.

    The layouts and precisions of the models are timed on it, and the fastest is remembered for the next time.

    Parameters
    ----------
    bundle
        The models to prove it with; by default a toy.
    """
    from cxr_desktop import console, selftest
    from cxr_desktop.inference.choice import choose_plan
    from cxr_desktop.inference.providers import best_of, judge_all

    with selftest.named_bundle_or_toy(bundle) as loaded:
        judgements = list(judge_all(loaded, unasked=True))
        console.print_providers(judgements)
        chosen = best_of(judgements)
        console.print_plans(chosen, choose_plan(loaded, chosen))
    return 0


@app.command
def audit(*, store: Path | None = None, set_aside: Annotated[bool, Parameter(negative=())] = False) -> int:
    """Check what the window kept against its audit trail, and print the trail as JSON lines.

    Parameters
    ----------
    store
        The store; by default the one that the window uses. Close the window first.
    set_aside
        Rename a store that cannot be read, so that the window begins a new one; nothing is deleted.
    """
    from cxr_desktop import audit as use_case

    return use_case.run(store, aside=set_aside)


@app.command
def serve(
    *,
    bundle: BundleOption = None,
    network: Annotated[Path | None, Parameter(name="--network", env_var="CXR_NETWORK")] = None,
    state: Path | None = None,
    provider: ProviderOption = "auto",
    return_missed: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Receive films from the network, score them and return the results, without a window, until it is ended.

    Needs the extra [pacs]. Health and metrics are answered over HTTP on this machine.

    Parameters
    ----------
    bundle
        The models (.cxr).
    network
        The network file, which turns the receiver on and names the archives.
    state
        The service's folder: received films, verdicts, and results on their way; by default among the user's data.
    provider
        As for triage.
    return_missed
        Return the results, too, of films that are still kept and about which nothing was returned, such as while the
        network file did not name their archive.
    """
    from cxr_desktop.inference.kinds import Wanted
    from cxr_desktop.pacs.serve import run

    return run.run(bundle, network=network, state=state, wanted=Wanted(provider), missed=return_missed)


@app.command
def outbox(
    *,
    folder: Path | None = None,
    retry: Annotated[bool, Parameter(negative="")] = False,
    resend: Annotated[list[int] | None, Parameter(negative="", consume_multiple=True)] = None,
    abandon: Annotated[list[int] | None, Parameter(negative="", consume_multiple=True)] = None,
    every: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """List the results on their way to an archive, why some wait, and do what you decide about them.

    Parameters
    ----------
    folder
        The outbox; by default the window's. A service has its own, STATE/outbox. Close the window or end the service
        first.
    retry
        Send at once what waits or was refused, and ask at once for what is unconfirmed.
    resend
        Numbers of entries to send again although the archive may hold them.
    abandon
        Numbers of entries to give up.
    every
        List what was sent and given up too.
    """
    from cxr_desktop.pacs.config import outbox_path
    from cxr_desktop.pacs.send import show

    place = folder or outbox_path()
    return show.run(place, retry=retry, resend=resend or (), abandon=abandon or (), every=every)


@app.command
def self_test(*, bundle: BundleOption = None, window: Annotated[bool, Parameter(negative="--no-window")] = True) -> int:
    """Score a synthetic film, keep it and a reading, open the window and close it; exit code 0 when all of it works.

    Parameters
    ----------
    bundle
        The models to use; by default a toy.
    window
        Whether to open the window too.
    """
    from cxr_desktop import selftest

    return selftest.run(bundle, window=window)


@app.command
def bench_ui(
    *, bundle: BundleOption = None, films: Annotated[int, Parameter(validator=Number(gte=10))] = 10_000
) -> int:
    """Measure the window on this machine and print the figures beside what they aim at; takes a minute.

    Your worklist, settings and measured plans stay as they are.

    Parameters
    ----------
    bundle
        The models; by default 15 toys.
    films
        Length of the long list.
    """
    from cxr_desktop.bench_ui import run

    return run.run(bundle, films=films)


def main() -> int:
    """Run the command line."""
    return run_command(app, extra="desktop")


if __name__ == "__main__":
    sys.exit(main())
