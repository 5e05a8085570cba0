"""An audit: everything that is found out about a data folder, or about a label file alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from cxr_trainer.audit.cohorts import CohortRow, LeakRow, cohort_rows, leak_rows, pneumothorax_clr_batches
from cxr_trainer.audit.images import Images, Progress, check_images
from cxr_trainer.audit.labels import Labels, MakeUp, Rows, count_labels, count_rows, make_up
from cxr_trainer.audit.paper import Compared
from cxr_trainer.data.catalog import Catalog, label_files, read_rows, with_images
from cxr_trainer.data.images import ImageFiles, find_images
from cxr_trainer.errors import CatalogError

SCHEMA: Final = "cxr-audit/1"


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found.

    Attributes
    ----------
    label_file
        The label file that it is about.
    rows, labels, make_up
        What the label file says.
    cohorts
        Tables 2 and 3, from every film that is listed.
    pneumothorax_clr_batches
        Batches an epoch of that finding's CLR stage.
    leaks
        What each split shares, over the films that are there; over all that are listed, where no image is.
    images
        The state of the image files; None where there is none.
    schema
        Name and version of this form.
    """

    label_file: str
    rows: Rows
    labels: Labels
    make_up: MakeUp
    cohorts: tuple[CohortRow, ...]
    pneumothorax_clr_batches: Compared | None
    leaks: tuple[LeakRow, ...]
    images: Images | None
    schema: str = SCHEMA


def audit_data(data: Path, *, decode: bool = False, progress: Progress = lambda _what, _done, _total: None) -> Audit:
    """Audit a folder in NIH's layout, or a label file alone.

    Parameters
    ----------
    data
        The folder, or a CSV in NIH's layout (also ``.csv.gz``), whose images are then not looked for.
    decode
        Read every film, to find those that cannot be.
    progress
        Told how far it is.

    Raises
    ------
    CatalogError
        There is no such folder or label file, or it is not in NIH's layout.
    """
    if data.is_file():
        return _audit(_read(data), data.parent, data, None, decode=decode, progress=progress)
    files = {path: _read(path) for path in label_files(data)}
    images = find_images(data, {name for rows in files.values() for name in rows["image"]})
    path = min(files, key=lambda each: int((~files[each]["image"].isin(list(images.paths))).sum()))
    found = images if images.paths else None
    return _audit(files[path], data, path, found, decode=decode, progress=progress)


def _read(path: Path) -> pd.DataFrame:
    rows = read_rows(path)
    if rows.empty:
        raise CatalogError(f"{path} lists no film. It must be a CSV in NIH's layout, a row for each film.")
    return rows


def _audit(
    rows: pd.DataFrame, root: Path, path: Path, images: ImageFiles | None, *, decode: bool, progress: Progress
) -> Audit:
    listed = rows.drop_duplicates("image").sort_values("image", ignore_index=True)
    catalog = Catalog(root, path, listed, ())
    there = with_images(root, path, listed, images) if images else catalog
    cohorts = cohort_rows(catalog)
    return Audit(
        label_file=str(path),
        rows=count_rows(rows),
        labels=count_labels(listed),
        make_up=make_up(listed),
        cohorts=tuple(cohorts),
        pneumothorax_clr_batches=pneumothorax_clr_batches(cohorts),
        leaks=tuple(leak_rows(there)),
        images=check_images(root, listed, there.films, images=images, decode=decode, progress=progress)
        if images
        else None,
    )
