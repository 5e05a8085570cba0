"""Write a set of phantoms in NIH's layout."""

from __future__ import annotations

import functools
import multiprocessing
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np

from cxr_shared.files import write_bytes, write_text
from cxr_shared.findings import FINDINGS, Target
from cxr_shared.opencv import cv2
from cxr_shared.phantom.dicom import encode
from cxr_shared.phantom.nih import BOXES_NAME, LABELS_NAME, FilmRow, boxes_table, image_path, labels_table
from cxr_shared.phantom.plan import PlannedFilm, plan_films
from cxr_shared.phantom.render import compose, describe, draw_severity, photograph

_FILMS_WORTH_A_WORKER: Final = 12


@dataclass(frozen=True, slots=True)
class PhantomSet:
    """What was written.

    Attributes
    ----------
    root
        The set's folder.
    labels, boxes
        Its two tables.
    images
        Its films in the tables' order.
    patients
        How many patients they show.
    counts
        On how many films each finding stands.
    normal
        How many films show none.
    """

    root: Path
    labels: Path
    boxes: Path
    images: tuple[Path, ...]
    patients: int
    counts: Mapping[Target, int]
    normal: int


def write_phantoms(
    out: Path,
    *,
    films: int,
    seed: int,
    dicom: bool = False,
    findings: Sequence[Target] = FINDINGS,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> PhantomSet:
    """Write `films` phantoms below `out` in NIH's layout; equal arguments give equal bytes.

    Half of the films are normal; the others show one to three of `findings`, each about equally often.
    With more than one worker the caller's main module must be importable (``if __name__ == "__main__"``).

    Parameters
    ----------
    out
        Folder of the set, made if need be; films of the same names are replaced.
    films
        How many, 1 or more.
    seed
        Number of the set, 0 or more.
    dicom
        Write 12-bit DICOM files, some of them MONOCHROME1, instead of 8-bit PNG files.
    findings
        Which findings occur.
    workers
        Processes that draw; as many as there are processors when None. The bytes do not depend on it.
    progress
        Called after each film with the number written and `films`.

    Raises
    ------
    ValueError
        `films` is not positive.
    UnknownName
        One of `findings` is none of the 14.
    OutputError
        A file could not be written.
    """
    planned = plan_films(films, seed=seed, findings=findings)
    write = functools.partial(_write_film, out=out, set_seed=seed, dicom=dicom)
    rows: list[FilmRow] = []
    with _mapper(_worker_count(workers, films)) as draw:
        for row in draw(write, planned):
            rows.append(row)
            if progress is not None:
                progress(len(rows), films)
    write_text(out / LABELS_NAME, labels_table(rows))
    write_text(out / BOXES_NAME, boxes_table(rows))
    return _summary(out, rows)


def _summary(out: Path, rows: Sequence[FilmRow]) -> PhantomSet:
    shown = Counter(finding for row in rows for finding in row.film.findings)
    return PhantomSet(
        root=out,
        labels=out / LABELS_NAME,
        boxes=out / BOXES_NAME,
        images=tuple(out / image_path(row.film, extension=Path(row.name).suffix) for row in rows),
        patients=len({row.film.patient for row in rows}),
        counts=MappingProxyType({finding: shown[finding] for finding in FINDINGS}),
        normal=sum(not row.film.findings for row in rows),
    )


def _worker_count(wanted: int | None, films: int) -> int:
    if wanted is not None:
        return max(1, wanted)
    return max(1, min(os.cpu_count() or 1, films // _FILMS_WORTH_A_WORKER))


_Mapper = Callable[[Callable[[PlannedFilm], FilmRow], Iterable[PlannedFilm]], Iterator[FilmRow]]


@contextmanager
def _mapper(workers: int) -> Iterator[_Mapper]:
    """Give `map`, over processes where there are several workers."""
    if workers == 1:
        yield map
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker) as pool:
        try:
            yield functools.partial(pool.map, chunksize=4)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _start_worker() -> None:
    cv2.setNumThreads(1)


def _write_film(film: PlannedFilm, *, out: Path, set_seed: int, dicom: bool) -> FilmRow:
    grades = {finding: draw_severity(film.seed, finding) for finding in film.findings}
    scene = compose(film.seed, grades=grades, patient=film.patient_seed, view=film.view)
    grey = photograph(scene)
    pixels = np.round(grey * np.float32(255)).astype(np.uint8)
    phantom = describe(scene, pixels=pixels, grades=grades, age=film.age)
    path = image_path(film, extension=".dcm" if dicom else ".png")
    data = encode(phantom, grey, film=film, set_seed=set_seed) if dicom else _png(pixels)
    write_bytes(out / path, data)
    return FilmRow(film, path.name, phantom.sex, phantom.mm_per_pixel, phantom.boxes)


def _png(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    _, data = cv2.imencode(".png", pixels)
    return data.tobytes()
