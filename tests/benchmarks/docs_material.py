"""What the documentation's pictures are made with: phantoms, a run of each target and their bundle, made once and kept.

Everything goes through the console scripts. Material that exists is taken as it is, so a stopped build goes on.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from docs_fields import ROOT

from cxr_shared.findings import FINDINGS, Target

RECIPE: Final = ROOT / "tests" / "endtoend" / "demo.toml"
RATE_WITHOUT_MINIMUM: Final = "0.003"
"""max_lr where a range test suggests none, as in the demo."""


def make_bundle(folder: Path, *, films: int, seed: int, targets: Sequence[Target] = tuple(Target)) -> Path:
    """Make phantoms, runs and a bundle below `folder`, as far as they are missing, and return the bundle.

    Parameters
    ----------
    folder
        Where they are kept.
    films, seed
        Of the phantoms.
    targets
        What the bundle's models answer.
    """
    bundle = folder / "chest.cxr"
    if not bundle.is_file():
        phantoms = make_phantoms(folder / "phantoms", films=films, seed=seed)
        runs = [finished_run(folder / "runs", phantoms, target) for target in targets]
        call("cxr-export", "onnx", *runs, "--out", bundle)
    return bundle


def make_phantoms(folder: Path, *, films: int, seed: int, findings: Sequence[Target] = FINDINGS) -> Path:
    """Phantoms with some findings; the box list is written last, so it marks them as complete."""
    if not (folder / "BBox_List_2017.csv").is_file():
        names = [finding.slug for finding in findings]
        call("cxr-trainer", "phantoms", folder, "--films", films, "--seed", seed, "--findings", *names)
    return folder


def finished_run(out: Path, phantoms: Path, target: Target) -> Path:
    """The run of a target, begun or gone on with; where its range test finds no rate, CLR takes the demo's."""
    found = sorted(out.glob(f"{target.slug}-*"))
    if not found:
        _try("cxr-trainer", "fit", "--disease", target.slug, "--data", phantoms, "--recipe", RECIPE, "--out", out)
        found = sorted(out.glob(f"{target.slug}-*"))
    if not found:
        raise SystemExit(f"no run of {target.slug} was made; its command says why")
    run = found[-1]
    if not (run / "metrics.json").is_file():
        refused = (run / "range_test.json").is_file()
        call("cxr-trainer", "resume", run, *(("--clr.max_lr", RATE_WITHOUT_MINIMUM) if refused else ()))
    return run


def call(*words: object) -> None:
    """Run a command of this environment; CalledProcessError where it fails."""
    subprocess.run(_line(words), check=True, env=_environment())


def _try(*words: object) -> None:
    subprocess.run(_line(words), check=False, env=_environment())


def _line(words: Sequence[object]) -> list[str]:
    name, *rest = map(str, words)
    print(f"$ {name} {' '.join(rest)}", flush=True)
    return [str(Path(sys.executable).parent / name), *rest]


def _environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
