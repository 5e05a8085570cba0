"""The catalog of an NIH-layout folder: one row a film, with labels, patient and path."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from cxr_shared.errors import CxrError
from cxr_shared.findings import FINDINGS, Target, parse_labels
from cxr_trainer.data.ages import read_ages
from cxr_trainer.data.images import ImageFiles, find_images
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
        A row for each film that is there, sorted by image: image, labels (NIH's text), patient, follow_up,
        age (years, may be missing), sex, view, path (str), and a bool column for each of the 14 findings,
        named as NIH does.
    missing
        Images of the label file that are nowhere in the folder.
    notes
        Sentences for the reader: films that lie in two places, folders that could not be listed.
    """

    root: Path
    label_file: Path
    films: pd.DataFrame
    missing: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def with_finding(self, finding: Target) -> pd.DataFrame:
        """Films labelled with `finding`, alone or among others."""
        return self.films[self.films[finding.value]]

    def normal(self) -> pd.DataFrame:
        """Films labelled 'No Finding'."""
        return self.films[~self.films[[each.value for each in FINDINGS]].any(axis=1)]


def read_catalog(root: Path) -> Catalog:
    """Read the label file in `root` and find its images in any nesting of folders below.

    Where several of `LABEL_FILES` are there, the one with the fewest missing images counts. An image in several
    places is taken from the first, if it is the same there to the byte.

    Raises
    ------
    CatalogError
        No folder, no label file, columns missing, an unknown label, an image listed twice or with different
        content in two places, or no image found.
    """
    labels = {file: read_labels(file) for file in label_files(root)}
    images = find_images(root, {name for frame in labels.values() for name in frame["image"]})
    catalogs = [with_images(root, file, frame, images) for file, frame in labels.items()]
    catalog = min(catalogs, key=lambda each: len(each.missing))
    if catalog.films.empty:
        raise CatalogError(
            f"None of the {len(catalog.missing):,} films of {catalog.label_file} is below {root}. "
            "Unpack NIH's images_*.tar.gz there."
        )
    return replace(catalog, notes=tuple(_place_notes(catalog, images)))


def label_files(root: Path) -> list[Path]:
    """Those of `LABEL_FILES` that are in `root`; CatalogError where there is none."""
    if not root.is_dir():
        raise CatalogError(f"There is no folder {root}. Give the folder that holds {LABEL_FILES[0]}.")
    files = [root / name for name in LABEL_FILES if (root / name).is_file()]
    if not files:
        raise CatalogError(
            f"{root} has no label file. Put NIH's {LABEL_FILES[0]} there, or a CSV with the same columns."
        )
    return files


def with_images(root: Path, label_file: Path, labels: pd.DataFrame, images: ImageFiles) -> Catalog:
    """The films of `labels` that are among `images`; where one lies in several places, the first counts."""
    found = np.array([name in images.paths for name in labels["image"]], dtype=bool)
    films = labels[found]
    films = films.assign(path=[images.paths[name][0] for name in films["image"]])
    return Catalog(root, label_file, films.sort_values("image", ignore_index=True), tuple(labels["image"][~found]))


def _place_notes(catalog: Catalog, images: ImageFiles) -> Iterable[str]:
    copies = images.copies(catalog.films["image"])
    different = [name for name, same in copies.items() if not same]
    if different:
        first, second, *_ = images.paths[different[0]]
        raise CatalogError(
            f"{first} and {second} have the same name but different content ({len(different):,} such images), so "
            f"which one {catalog.label_file.name} means is unknown. Keep one of them below {catalog.root}."
        )
    if copies:
        first, second, *_ = images.paths[next(iter(copies))]
        yield f"{len(copies):,} films lie in two places with the same content (the first: {first} and {second})."
    if images.closed:
        yield f"{len(images.closed):,} folders could not be listed (the first: {images.closed[0]})."


def read_labels(path: Path) -> pd.DataFrame:
    """Read a label file in NIH's layout (2017 or v2020), without looking for its images.

    Returns
    -------
    pandas.DataFrame
        The columns of `Catalog.films` but `path`.

    Raises
    ------
    CatalogError
        It cannot be read, a column or a patient is missing, a label is unknown or an image is listed twice.
    """
    rows = read_rows(path)
    for text in rows.loc[rows["unknown"], "labels"].unique()[:1]:
        try:
            parse_labels(text)
        except CxrError as error:
            raise CatalogError(f"{path} has the label '{text}'. {error}") from error
    twice = rows["image"][rows["image"].duplicated()]
    if len(twice):
        raise CatalogError(f"{path} lists {twice.iloc[0]} more than once ({len(twice)} such rows). Remove them.")
    return rows.drop(columns=["age_text", "unknown"])


def read_rows(path: Path) -> pd.DataFrame:
    """Read a label file as it is, faulty rows included.

    Returns
    -------
    pandas.DataFrame
        A row for each of the file's, in its order, with the columns of `read_labels`, ``age_text`` (as
        written) and ``unknown`` (bool: `labels` has a name that is none of NIH's).

    Raises
    ------
    CatalogError
        It cannot be read, or a column, an image's name or a patient is missing.
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
        reason = " ".join(str(error).split()).rstrip(".")
        raise CatalogError(f"Could not read {path}: {reason}. It must be a CSV in NIH's layout.") from error
    absent = [name for name in _COLUMNS if name not in raw.columns]
    if absent:
        raise CatalogError(f"{path} lacks the column(s) {', '.join(absent)}. It must have NIH's columns.")
    frame = raw[list(_COLUMNS)].rename(columns=_COLUMNS).fillna("")  # a row that was cut off has no last cells
    for name in ("Image Index", "Finding Labels", "Patient ID"):
        empty = np.flatnonzero(frame[_COLUMNS[name]].str.strip() == "")
        if len(empty):
            raise CatalogError(
                f"{path} has no '{name}' in line {empty[0] + 2} ({len(empty):,} such rows). Complete or remove them."
            )
    return _typed(frame)


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    codes, texts = pd.factorize(frame["labels"])  # a few hundred texts stand for a hundred thousand films
    known = [_known_labels(text) for text in texts]
    columns = {each.value: np.array([each in found for found, _ in known], dtype=bool)[codes] for each in FINDINGS}
    follow_up = pd.to_numeric(frame["follow_up"], errors="coerce").replace(np.inf, np.nan).fillna(0).astype(int)
    return frame.assign(
        age=read_ages(frame["age"])["years"],
        age_text=frame["age"],
        follow_up=follow_up,
        unknown=np.array([strange for _, strange in known], dtype=bool)[codes],
        **columns,
    )


def _known_labels(text: str) -> tuple[frozenset[Target], bool]:
    """The findings that a label text names, and whether it has a name that is none."""
    try:
        return parse_labels(text), False
    except CxrError:
        found: frozenset[Target] = frozenset()
        for name in text.split("|"):
            with contextlib.suppress(CxrError):
                found |= parse_labels(name)
        return found, True
