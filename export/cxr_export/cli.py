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
def verify(bundle: Path, *, key: Path | None = None) -> int:
    """Check every byte of a bundle against its hashes; exit code 1 and a sentence where one is wrong.

    Parameters
    ----------
    bundle
        The .cxr file.
    key
        A public key (.pub): the bundle must be signed with its private one.
    """
    from cxr_shared.bundle import open_bundle

    opened = open_bundle(bundle)
    print(f"{bundle} is sound: {len(opened.targets)} model(s), SHA-256 {opened.sha256}")
    if key is not None:
        from cxr_shared.bundle.signing import require_key

        print(f"It was signed with key {require_key(bundle, opened.signature, key)}, the one in {key}")
    return 0


@app.command
def keygen(key: Path) -> int:
    """Make a pair of keys to sign bundles with.

    Parameters
    ----------
    key
        File of the new private key, which never leaves its owner; the public one is written beside it as .pub.
    """
    from cxr_shared.bundle.signing import make_keys

    print(f"Key {make_keys(key)}: keep {key} to yourself, and give {key}.pub to whoever verifies your bundles")
    return 0


@app.command
def sign(bundle: Path, *, key: Path) -> int:
    """Sign a bundle, or sign it anew; its models stay byte for byte what they are.

    Parameters
    ----------
    bundle
        The .cxr file, replaced by the signed one.
    key
        File of the private key.
    """
    from cxr_shared.bundle.writer import sign_bundle

    print(f"{bundle} is signed with key {sign_bundle(bundle, key).fingerprint}")
    print(f"Check it with: cxr-export verify {bundle} --key {key}.pub")
    return 0


@app.command
def schema() -> int:
    """Print the JSON Schema of a bundle's manifest."""
    import json

    from cxr_shared.bundle.manifest import json_schema

    print(json.dumps(json_schema(), indent=2))
    return 0


@app.command
def inspect(bundle: Path, *, html: Path | None = None) -> int:
    """Print what a verified bundle holds: models, test figures, operating points.

    Parameters
    ----------
    bundle
        The .cxr file.
    html
        Write the whole model card to this file too.
    """
    from cxr_export.inspect import describe
    from cxr_shared.bundle import open_bundle

    opened = open_bundle(bundle)
    print(describe(opened))
    if html is not None:
        from cxr_export.card import write_card

        write_card(opened, html)
        print(f"The model card is in {html}")
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
