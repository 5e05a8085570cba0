"""A worklist on paper: a page for each film, as PDF, or as images for a look at them.

Everything is drawn in millimetres on whatever the painter is open on. Painting on a `QPdfWriter` or `QImage` needs no
widget, so it runs in any thread.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QMarginsF, Qt
from PySide6.QtGui import (
    QImage,
    QPageSize,
    QPainter,
    QPdfWriter,
)

from cxr_desktop.inference.verdict import Scored
from cxr_desktop.intake.pool import Pool
from cxr_desktop.intake.prepared import DisplayFilm
from cxr_desktop.report.film_page import PrintedWorklist
from cxr_desktop.report.pictures import grey_picture
from cxr_desktop.ui.pages import Pages
from cxr_desktop.ui.paper import MM, Paper
from cxr_shared.errors import OutputError
from cxr_shared.files import atomic_writer
from cxr_shared.notice import NOT_FOR_CLINICAL_USE

_DPI: Final = 300


def write_pdf(
    path: Path,
    printed: PrintedWorklist,
    *,
    pool: Pool,
    sources: dict[Path, Path] | None = None,
    paper: Paper = Paper.A4,
    stopped: Callable[[], bool] = lambda: False,
) -> int:
    """Write the report and return its number of pages.

    Parameters
    ----------
    path
        The PDF file.
    printed
        What to print.
    pool
        Decodes the films.
    sources
        Where the films lie whose worklist gives them other names, as a de-identified one does; a film that is missing
        in it is printed without pictures.
    paper
        A4 or Letter.
    stopped
        Asked between films; True ends the work, and nothing is written: a report in which films lack looks whole.

    Raises
    ------
    OutputError
        The file could not be written.
    """
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder, "report.pdf")
        writer = QPdfWriter(str(scratch))
        writer.setResolution(_DPI)
        writer.setPageSize(QPageSize(paper.value))
        writer.setPageMargins(QMarginsF())
        writer.setTitle(f"Chest X-ray triage report. {NOT_FOR_CLINICAL_USE}")
        writer.setCreator("cxr-desktop")
        pages = Pages(writer, printed, paper)
        with _painting(writer) as painter:
            pages.begin(painter)
            _print_all(pages, printed, pool=pool, sources=sources, stopped=stopped)
        if stopped():
            return 0
        if not scratch.exists():
            raise OutputError(f"The pages of {path} could not be kept. Free some space and try again.")
        with scratch.open("rb") as made, atomic_writer(path) as out:
            shutil.copyfileobj(made, out)
    return pages.number


def page_images(
    printed: PrintedWorklist,
    *,
    pool: Pool,
    sources: dict[Path, Path] | None = None,
    paper: Paper = Paper.A4,
    dpi: int = 110,
) -> list[QImage]:
    """Paint the pages of `write_pdf` as images, by the same code."""
    device = _Images(paper, dpi)
    pages = Pages(device, printed, paper)
    pages.begin(device.painter)
    _print_all(pages, printed, pool=pool, sources=sources, stopped=lambda: False)
    device.painter.end()
    return device.images


def _print_all(
    pages: Pages,
    printed: PrintedWorklist,
    *,
    pool: Pool,
    sources: dict[Path, Path] | None,
    stopped: Callable[[], bool],
) -> None:
    scored = [verdict for verdict in printed.worklist.ordered() if isinstance(verdict, Scored)]
    for number, verdict in enumerate(scored, 1):
        if stopped():
            return
        source = verdict.source if sources is None else sources.get(verdict.source)
        pages.film(printed.page(verdict, _decoded(pool, source)), f"Film {number:,} of {len(scored):,}")
    pages.refused()


def _decoded(pool: Pool, source: Path | None) -> npt.NDArray[np.uint8] | None:
    film = pool.display(source) if source is not None else None
    return grey_picture(film) if isinstance(film, DisplayFilm) else None


@contextmanager
def _painting(device: QPdfWriter) -> Iterator[QPainter]:
    painter = QPainter()
    if not painter.begin(device):
        raise OutputError("The report could not be begun: there is no room for temporary files. Free some space.")
    try:
        yield painter
    finally:
        painter.end()


class _Images:
    """Pages as images: what `QPdfWriter` is for a file."""

    def __init__(self, paper: Paper, dpi: int) -> None:
        self.images: list[QImage] = []
        self.painter = QPainter()
        self._paper = paper
        self._dpi = dpi
        self.newPage()

    def newPage(self) -> bool:  # noqa: N802  (named as Qt's own)
        """Begin another image."""
        if self.painter.isActive():
            self.painter.end()
        width, height = (round(side / MM * self._dpi) for side in self._paper.size_mm)
        image = QImage(width, height, QImage.Format.Format_RGB32)
        image.setDotsPerMeterX(round(self._dpi / MM * 1000))
        image.setDotsPerMeterY(round(self._dpi / MM * 1000))
        image.fill(Qt.GlobalColor.white)
        self.images.append(image)
        return self.painter.begin(image)
