"""The catalog of an NIH-layout folder: one row a film, with labels, patient and path."""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from cxr_shared.errors import CxrError
from cxr_shared.findings import FINDINGS, Target, parse_labels
from cxr_trainer.errors import CatalogError

LABEL_FILES: Final = (
    "Data_Entry_2017_v2020.csv",
    "Data_Entry_2017_v2020.csv.gz",
    "Data_Entry_2017.csv",
    "Data_Entry_2017.csv.gz",
)
"""Names of NIH's label file, preferred first."""

_COLUMNS: Final = {
    "Image Index": "image",
    "Finding Labels": "labels",
    "Follow-up #": "follow_up",
    "Patient ID": "patient",
    "Patient Age": "age",
    "Patient Gender": "sex",
    "View Position": "view",
}


@dataclass(frozen=True, slots=True, eq=False)
class Catalog:
    """The films of a folder.

    Attributes
    ----------
    root
        The folder.
    label_file
        The CSV that was read.
    films
        A row for each film that is there, sorted by image: image, patient, follow_up, age (years, may be
        missing), sex, view, path (str), and a bool column for each of the 14 findings, named as NIH does.
    missing
        Images of the label file that are nowhere in the folder.
    """

    root: Path
    label_file: Path
    films: pd.DataFrame
    missing: tuple[str, ...]

    def with_finding(self, finding: Target) -> pd.DataFrame:
        """Films labelled with `finding`, alone or among others."""
        return self.films[self.films[finding.value]]

    def normal(self) -> pd.DataFrame:
        """Films labelled 'No Finding'."""
        return self.films[~self.films[[each.value for each in FINDINGS]].any(axis=1)]


def read_catalog(root: Path) -> Catalog:
    """Read the label file in `root` and find its images in any nesting of folders below.

    Where several of `LABEL_FILES` are there, the one with the fewest missing images counts.

    Raises
    ------
    CatalogError
        No folder, no label file, columns missing, an unknown label, an image listed twice, or no image found.
    """
    if not root.is_dir():
        raise CatalogError(f"There is no folder {root}. Give the folder that holds {LABEL_FILES[0]}.")
    files = [root / name for name in LABEL_FILES if (root / name).is_file()]
    if not files:
        raise CatalogError(
            f"{root} has no label file. Put NIH's {LABEL_FILES[0]} there, or a CSV with the same columns."
        )
    labels = {file: read_labels(file) for file in files}
    paths = _find_images(root, {name for frame in labels.values() for name in frame["image"]})
    catalogs = [_with_paths(root, file, frame, paths) for file, frame in labels.items()]
    catalog = min(catalogs, key=lambda each: len(each.missing))
    if catalog.films.empty:
        raise CatalogError(
            f"None of the {len(catalog.missing):,} films of {catalog.label_file} is below {root}. "
            "Unpack NIH's images_*.tar.gz there."
        )
    return catalog


def _with_paths(root: Path, label_file: Path, labels: pd.DataFrame, paths: dict[str, str]) -> Catalog:
    found = np.array([name in paths for name in labels["image"]], dtype=bool)
    films = labels[found]
    films = films.assign(path=[paths[name] for name in films["image"]]).sort_values("image", ignore_index=True)
    return Catalog(root, label_file, films, tuple(labels["image"][~found]))


def read_labels(path: Path) -> pd.DataFrame:
    """Read a label file in NIH's layout (2017 or v2020), without looking for its images.

    Returns
    -------
    pandas.DataFrame
        The columns of `Catalog.films` but `path`.

    Raises
    ------
    CatalogError
        It cannot be read, a column is missing, a label is unknown or an image is listed twice.
    """
    try:
        raw = pd.read_csv(path, dtype=str, keep_default_na=False, index_col=False)
    except (
        OSError,
        EOFError,
        zlib.error,
        UnicodeDecodeError,
        pd.errors.ParserError,
        pd.errors.EmptyDataError,
    ) as error:
        raise CatalogError(f"Could not read {path}: {error}. It must be a CSV in NIH's layout.") from error
    absent = [name for name in _COLUMNS if name not in raw.columns]
    if absent:
        raise CatalogError(f"{path} lacks the column(s) {', '.join(absent)}. It must have NIH's columns.")
    frame = raw[list(_COLUMNS)].rename(columns=_COLUMNS)
    twice = frame["image"][frame["image"].duplicated()]
    if len(twice):
        raise CatalogError(f"{path} lists {twice.iloc[0]} more than once ({len(twice)} such rows). Remove them.")
    return _typed(frame, path)


def _typed(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    known: dict[str, frozenset[Target]] = {}
    for text in frame["labels"].unique():
        try:
            known[text] = parse_labels(text)
        except CxrError as error:
            raise CatalogError(f"{path} has the label '{text}'. {error}") from error
    columns = {each.value: frame["labels"].map(lambda t, e=each: e in known[t]).astype(bool) for each in FINDINGS}
    # The 2017 release writes ages as '058Y'.
    age = pd.to_numeric(frame["age"].str.rstrip("Yy"), errors="coerce")
    follow_up = pd.to_numeric(frame["follow_up"], errors="coerce").fillna(0).astype(int)
    return frame.assign(age=age, follow_up=follow_up, **columns).drop(columns="labels")


def _find_images(root: Path, wanted: set[str]) -> dict[str, str]:
    """Path of each wanted image by name; the first in sorted order where a name occurs twice."""
    paths: dict[str, str] = {}
    for folder, folders, names in os.walk(root, followlinks=True):
        folders.sort()
        for name in names:
            if name in wanted and name not in paths:
                paths[name] = str(Path(folder) / name)
    return paths
