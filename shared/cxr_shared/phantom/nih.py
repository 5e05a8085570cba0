"""NIH's layout: where its films lie and how its two tables are written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cxr_shared.findings import NO_FINDING, Target
from cxr_shared.phantom.phantom import Box, Sex
from cxr_shared.phantom.plan import PlannedFilm
from cxr_shared.phantom.raster import SIZE

LABELS_NAME: Final = "Data_Entry_2017.csv"
BOXES_NAME: Final = "BBox_List_2017.csv"

_LABELS_HEADER: Final = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)
_BOXES_HEADER: Final = "Image Index,Finding Label,Bbox [x,y,w,h],,,"
_FILMS_A_FOLDER: Final = 4999
# NIH's box table calls the finding so, its label table 'Infiltration'.
_BOX_NAMES: Final = {Target.INFILTRATION: "Infiltrate"}


@dataclass(frozen=True, slots=True)
class FilmRow:
    """What the tables say of one written film."""

    film: PlannedFilm
    name: str
    sex: Sex
    mm_per_pixel: float
    boxes: tuple[Box, ...]


def image_path(film: PlannedFilm, *, extension: str) -> Path:
    """Path of a film below the set's folder: ``images_001/images/00000012_003.png``."""
    folder = f"images_{1 + film.index // _FILMS_A_FOLDER:03d}"
    return Path(folder, "images", film.stem + extension)


def labels_table(rows: Iterable[FilmRow]) -> str:
    """Text of ``Data_Entry_2017.csv``."""
    lines = [_LABELS_HEADER]
    for row in rows:
        film = row.film
        labels = "|".join(sorted(film.findings)) or NO_FINDING
        spacing = f"{row.mm_per_pixel:g}"
        cells = [row.name, labels, film.follow_up, film.patient, film.age, row.sex, film.view]
        lines.append(",".join(map(str, [*cells, SIZE, SIZE, spacing, spacing])))
    return "\n".join(lines) + "\n"


def boxes_table(rows: Iterable[FilmRow]) -> str:
    """Text of ``BBox_List_2017.csv``."""
    lines = [_BOXES_HEADER]
    for row in rows:
        for box in row.boxes:
            label = _BOX_NAMES.get(box.finding, box.finding.value)
            place = [f"{value:g}" for value in (box.x, box.y, box.width, box.height)]
            lines.append(",".join([row.name, label, *place]))
    return "\n".join(lines) + "\n"
