"""The `cxr-export` command."""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from cxr_shared.console import run_command

app = App(
    name="cxr-export",
    help="Turn finished training runs into one verified bundle of ONNX models.",
    result_action="return_value",
)
app.register_install_completion_command(help="Install completion for this shell and exit.")


@app.command
def onnx(*runs: Path, out: Path = Path("chest.cxr")) -> int:
    """Export the best model of each run; every model is checked against torch first.

    Parameters
    ----------
    runs
        Finished run directories, one for each target.
    out
        The bundle to write.
    """
    from cxr_export.write import write_bundle
    from cxr_trainer.fit.run import Run

    manifest = write_bundle([Run.open(run) for run in runs], out, report=print)
    print(f"{len(manifest.models)} model(s) are in {out}; triage with: cxr-desktop triage FILMS --bundle {out}")
    return 0


@app.command
def verify(bundle: Path) -> int:
    """Check every byte of a bundle against its hashes; exit code 1 and a sentence where one is wrong.

    Parameters
    ----------
    bundle
        The .cxr file.
    """
    from cxr_shared.bundle import open_bundle

    opened = open_bundle(bundle)
    print(f"{bundle} is sound: {len(opened.targets)} model(s), SHA-256 {opened.sha256}")
    return 0


@app.command
def inspect(bundle: Path) -> int:
    """Print what a verified bundle holds: models, test figures, operating points.

    Parameters
    ----------
    bundle
        The .cxr file.
    """
    from cxr_export.inspect import describe
    from cxr_shared.bundle import open_bundle

    print(describe(open_bundle(bundle)))
    return 0


@app.command
def benchmark(bundle: Path, *, films: Path | None = None, json: Path | None = None, rounds: int = 10) -> int:
    """Time a bundle on this machine beside DenseNet-121, each layout and precision, and from file to scores.

    Takes some minutes. Close other programs first: whatever else runs is measured too.

    Parameters
    ----------
    bundle
        The .cxr file.
    films
        A folder of PNGs to score as a batch; by default phantoms.
    json
        Write all figures here.
    rounds
        Rounds in which every contender takes its turn.
    """
    from cxr_export.benchmark.run import benchmark as measure
    from cxr_export.benchmark.table import document, show
    from cxr_shared.files import write_json

    found = measure(bundle, films=films, rounds=max(1, rounds), report=print)
    show(found)
    if json is not None:
        write_json(json, document(found))
        print(f"wrote {json}")
    return 0


def main() -> int:
    """Run the command line; returns the exit code."""
    return run_command(app, extra="export")
