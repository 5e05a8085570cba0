"""Commands about films: `phantoms`, `audit`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from cxr_trainer.cli.options import Flag, app, data_folder


@app.command
def phantoms(
    out: Path,
    *,
    films: int = 600,
    seed: int = 7,
    dicom: bool = False,
    findings: Annotated[list[str] | None, Parameter(negative="", consume_multiple=True)] = None,
) -> int:
    """Write synthetic chest films with known findings and boxes, in NIH's layout.

    Parameters
    ----------
    out
        Folder to write to.
    films
        How many films.
    seed
        The same seed gives the same bytes.
    dicom
        Write DICOM files instead of PNG.
    findings
        Only these findings occur; all 14 by default.
    """
    from cxr_trainer.commands.phantoms import make_phantoms

    return make_phantoms(out, films=films, seed=seed, dicom=dicom, findings=findings or [])


@app.command
def audit(
    *,
    data: Path | None = None,
    out: Path | None = None,
    decode: Flag = False,
    json: Flag = False,
) -> int:
    """Set a data folder beside the paper's Tables 1 to 3, and look for faults in its files.

    Ends with 0 whatever it finds.

    Parameters
    ----------
    data
        Folder with NIH's label file and images, or a label file alone (.csv, .csv.gz); CXR_DATA stands in for it.
    out
        Folder for audit.json, audit.md and the figures.
    decode
        Read every film, which finds those that cannot be read and those with the same pixels.
    json
        Print the machine-readable form instead of tables.
    """
    from cxr_trainer.commands.audit import audit_folder

    return audit_folder(data_folder(data), out=out, decode=decode, json_form=json)
