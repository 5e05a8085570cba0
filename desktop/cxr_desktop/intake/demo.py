"""Films to try the program with: phantoms, written once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from cxr_shared.places import Kept, own_place

_FILMS: Final = 12
_SEED: Final = 4


def demo_folder() -> Path:
    """Return where demo films lie: CXR_DEMO, else the system's place for caches."""
    return own_place("demo-films", kept=Kept.CACHE, variable="CXR_DEMO")


def demo_bundle(program: Path | None = None) -> Path | None:
    """Return the models that an installer brought along for the demo films; None where it brought none.

    Parameters
    ----------
    program
        The frozen program's folder of files; by default that of the one that runs, if any.
    """
    folder = program or getattr(sys, "_MEIPASS", None)
    return None if folder is None else next(iter(sorted(Path(folder, "demo").glob("*.cxr"))), None)


def demo_films(folder: Path) -> list[Path]:
    """Return a dozen phantom DICOM films with findings and without, and write those that are not there yet.

    Raises
    ------
    OutputError
        They cannot be written.
    """
    found = sorted(folder.rglob("*.dcm"))
    if len(found) == _FILMS:
        return found
    from cxr_shared.phantom import write_phantoms  # a window without a demo draws no phantoms

    return sorted(write_phantoms(folder, films=_FILMS, seed=_SEED, dicom=True, workers=1).images)
