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
def calibration(*runs: Path) -> int:
    """Print how each run's scores would be calibrated, its operating points and its reliability on the test films.

    Parameters
    ----------
    runs
        Finished run directories.
    """
    from rich.console import Console

    from cxr_export.reliability import calibration_report
    from cxr_trainer.fit.run import Run

    for run in runs:
        for part in calibration_report(Run.open(run)):
            Console().print(part)
    return 0


def main() -> int:
    """Run the command line; returns the exit code."""
    return run_command(app, extra="export")
