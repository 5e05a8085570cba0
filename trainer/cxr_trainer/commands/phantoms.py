"""`cxr-trainer phantoms`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from cxr_shared.findings import FINDINGS, parse_target
from cxr_shared.phantom import write_phantoms
from cxr_trainer.errors import RecipeError


def make_phantoms(out: Path, *, films: int, seed: int, dicom: bool, findings: Sequence[str]) -> int:
    """Write synthetic films and say where."""
    if films < 1:
        raise RecipeError("--films must be at least 1.")
    chosen = [parse_target(name) for name in findings] or list(FINDINGS)
    console = Console(stderr=True)
    with console.status("making phantom films") as status:

        def show(done: int, total: int) -> None:
            status.update(f"making phantom films: {done} of {total}")

        write_phantoms(out, films=films, seed=seed, dicom=dicom, findings=chosen, progress=show)
    print(f"{films} films are in {out}; train with: cxr-trainer fit --disease hernia --data {out}")
    return 0
