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
def onnx(*runs: Path, out: Path = Path("chest.cxr"), precisions: str = "float32,int8") -> int:
    """Export the best model of each run; every model is checked against torch first.

    Parameters
    ----------
    runs
        Finished run directories, one for each target.
    out
        The bundle to write.
    precisions
        Some of float32, float16 (for GPUs) and int8 (for CPUs), separated by commas. float32 is always written. A
        model that is not good enough at int8 keeps its most harmful layers in float32 or is left out at int8.
    """
    from cxr_export.precisions import parse_precisions
    from cxr_export.write import write_bundle
    from cxr_trainer.fit.run import Run

    wanted = parse_precisions(precisions)
    manifest = write_bundle([Run.open(run) for run in runs], out, precisions=wanted, report=print)
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


def main() -> int:
    """Run the command line; returns the exit code."""
    return run_command(app, extra="export")
