"""The printed report: its words, its pages, and what is seen on them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("PySide6")

from programs import needed
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from cxr_desktop.inference.verdict import Refused, Scored
from cxr_desktop.intake.pool import Pool
from cxr_desktop.report import Worklist
from cxr_desktop.report.deidentify import deidentified
from cxr_desktop.report.film_page import FilmPage, PrintedWorklist, Reading
from cxr_desktop.report.pseudonyms import Pseudonyms
from cxr_desktop.ui.paper import Paper
from cxr_desktop.ui.printing import page_images, write_pdf
from cxr_shared.bundle import Bundle, Interval
from cxr_shared.errors import OutputError

_MADE = dt.datetime(2026, 3, 4, 5, 6, tzinfo=dt.UTC)
_GREY = np.tile(np.linspace(0, 255, 320).astype(np.uint8), (400, 1))


@pytest.fixture
def refused(scored: Worklist) -> Worklist:
    verdict = Refused(Path("broken.png"), "not-an-image", "This is no image.", scored.provenance)
    return dataclasses.replace(scored, verdicts=[*scored.verdicts, verdict], found=4)


@pytest.fixture
def printed(refused: Worklist, report_bundle: Bundle) -> PrintedWorklist:
    return PrintedWorklist(refused, report_bundle.manifest, _MADE)


def _words(page: FilmPage) -> str:
    cells = [cell for line in page.scores for cell in line.cells]
    paragraphs = [part for paragraph in page.paragraphs for part in paragraph]
    return "\n".join([page.heading, *page.facts, page.lane, page.why, *cells, *paragraphs])


def _scored(worklist: Worklist) -> Scored:
    verdict = worklist.ordered()[0]
    assert isinstance(verdict, Scored)
    return verdict


def test_a_page_says_who_what_and_how_sure(printed: PrintedWorklist, report_bundle: Bundle) -> None:
    verdict = _scored(printed.worklist)
    reading = Reading("Read 2026-03-04", ("Edema: agree",), "Compare with the prior film")
    page = dataclasses.replace(printed, readings={verdict.source: reading}).page(verdict, _GREY)
    words = _words(page)
    assert verdict.identity.patient_id in page.heading
    assert "0.60 balanced" in words
    assert "0.50 (0.00–1.00)" in words  # the toy's AUC with its interval
    assert "0.50 *" in words  # its sensitivity was measured on no test film
    assert "On the validation films" in words
    assert "Edema: agree. Note: Compare with the prior film" in words
    assert report_bundle.sha256 in words
    assert verdict.provenance.plan in words
    assert verdict.urgency.why[1:] in page.why
    assert [picture.title.split()[0] for picture in page.pictures] == [
        "Film",
        *(target.display for target in verdict.urgency.positive),
    ]
    assert [line.positive for line in page.scores] == [score.positive for score in verdict.scores.values()]


def test_sensitivity_and_specificity_carry_the_intervals_of_the_manifest(
    scored: Worklist, report_bundle: Bundle
) -> None:
    manifest = report_bundle.manifest
    entry = manifest.models[0]
    point = entry.operating_points[0].model_copy(
        update={
            "test_sensitivity": Interval(value=0.91, low=0.85, high=0.95),
            "test_specificity": Interval(value=0.72, low=0.66, high=0.77),
        }
    )
    entry = entry.model_copy(update={"operating_points": (point,)})
    manifest = manifest.model_copy(update={"models": (entry, *manifest.models[1:])})
    page = PrintedWorklist(scored, manifest, _MADE).page(_scored(scored), None)
    assert page.scores[0].cells[-2:] == ("0.91 (0.85–0.95)", "0.72 (0.66–0.77)")
    assert page.pictures == ()
    assert "could not be decoded again" in _words(page)


def test_a_deidentified_page_names_nobody(printed: PrintedWorklist, names: Pseudonyms) -> None:
    verdict = _scored(printed.worklist)
    hidden = deidentified(printed.worklist, names)
    reading = Reading("Read", (), "Frau Müller klagt")
    pages = dataclasses.replace(printed, worklist=hidden, readings={Path("film-0001"): reading})
    words = _words(pages.page(_scored(hidden), _GREY)) + pages.stamp
    identity = verdict.identity
    for secret in (identity.patient_id, identity.accession_number, identity.acquired[:10], verdict.source.name):
        assert secret
        assert secret not in words
    assert "Müller" not in words
    assert "2026-03-04" not in words
    assert names.patient(identity.patient_id) in words


@pytest.mark.parametrize(("paper", "points"), [(Paper.A4, (595, 842)), (Paper.LETTER, (612, 792))])
def test_a_pdf_has_a_page_a_film_and_one_for_what_was_refused(
    qapp: QApplication,
    printed: PrintedWorklist,
    pool: Pool,
    tmp_path: Path,
    paper: Paper,
    points: tuple[int, int],
) -> None:
    assert write_pdf(tmp_path / "w.pdf", printed, pool=pool, paper=paper) == 4
    data = (tmp_path / "w.pdf").read_bytes()
    assert data.startswith(b"%PDF")
    assert len(re.findall(rb"/Type /Page\b", data)) == 4
    (box,) = set(re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", data))
    assert tuple(round(float(side)) for side in box) == points
    assert [path.name for path in tmp_path.iterdir()] == ["w.pdf"]


def test_the_pdfs_words_can_be_searched(
    qapp: QApplication, printed: PrintedWorklist, pool: Pool, tmp_path: Path
) -> None:
    ghostscript = needed("gs", package="ghostscript")
    write_pdf(tmp_path / "w.pdf", printed, pool=pool)
    command = [ghostscript, "-q", "-dNOPAUSE", "-dBATCH", "-sDEVICE=txtwrite", "-o", "-", str(tmp_path / "w.pdf")]
    words = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    words = " ".join(words.split())
    assert words.count("NOT FOR CLINICAL USE") >= 2 * 4, "in the head and in the foot of every page"
    for page in range(1, 5):
        assert f"page {page}" in words
    assert "Film 3 of 3" in words
    assert _scored(printed.worklist).identity.patient_id in words
    assert "This is no image." in words


def test_the_report_is_written_off_the_windows_thread(
    qapp: QApplication, printed: PrintedWorklist, pool: Pool, tmp_path: Path
) -> None:
    pages: list[int] = []
    thread = threading.Thread(target=lambda: pages.append(write_pdf(tmp_path / "w.pdf", printed, pool=pool)))
    thread.start()
    thread.join(timeout=120)
    assert pages == [4]


def _pixels(image: QImage) -> np.ndarray:
    image = image.convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()  # the image ends here


def test_pages_are_white_with_the_film_its_map_and_red_notices(
    qapp: QApplication, printed: PrintedWorklist, pool: Pool
) -> None:
    images = page_images(printed, pool=pool, dpi=72)
    assert [(image.width(), image.height()) for image in images] == [(595, 842)] * 4
    page = _pixels(images[0]).astype(int)
    assert (page == 255).all(axis=2).mean() > 0.4
    coloured = page.max(axis=2) - page.min(axis=2) > 60
    assert coloured[:80, 300:].any(), "the notice at the top is red"
    assert coloured[150:420].sum() > 1000, "a heat map lies over the film"
    dark = page.max(axis=2) < 60
    assert dark[150:420, :300].sum() > 2000, "the film has its black"
    # Nothing is drawn over the margins of 15 mm, but the table's tint by one.
    assert (page[:, :38] == 255).all()
    assert (page[:, -38:] == 255).all()


def test_a_long_note_goes_on_over_the_page(
    qapp: QApplication, scored: Worklist, report_bundle: Bundle, pool: Pool
) -> None:
    verdict = _scored(scored)
    long = Reading("Read", (), "A word of a note and another one. " * 500)
    one = dataclasses.replace(scored, verdicts=[verdict])
    printed = PrintedWorklist(one, report_bundle.manifest, _MADE, {verdict.source: long})
    images = page_images(printed, pool=pool, dpi=50)
    short = page_images(dataclasses.replace(printed, readings={}), pool=pool, dpi=50)
    assert (len(short), len(images)) == (1, 3)
    assert all((_pixels(image)[-20:] == 255).all() for image in images), "no page is written to its edge"


def test_an_empty_worklist_is_a_page_that_says_so(
    qapp: QApplication, scored: Worklist, report_bundle: Bundle, pool: Pool, tmp_path: Path
) -> None:
    empty = PrintedWorklist(Worklist(scored.provenance), report_bundle.manifest, _MADE)
    assert write_pdf(tmp_path / "w.pdf", empty, pool=pool) == 1


def test_a_stopped_report_is_not_written_since_it_would_look_whole(
    qapp: QApplication, printed: PrintedWorklist, pool: Pool, tmp_path: Path
) -> None:
    asked = iter((False, True))
    assert write_pdf(tmp_path / "w.pdf", printed, pool=pool, stopped=lambda: next(asked, True)) == 0
    assert not (tmp_path / "w.pdf").exists()


def test_a_pdf_that_cannot_be_written_says_why(
    qapp: QApplication, printed: PrintedWorklist, pool: Pool, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="Could not write"):
        write_pdf(tmp_path / "file" / "w.pdf", printed, pool=pool)


def test_names_in_other_scripts_do_not_stop_a_page(
    qapp: QApplication, scored: Worklist, report_bundle: Bundle, pool: Pool, write_film: Callable[..., Path]
) -> None:
    verdict = _scored(scored)
    identity = dataclasses.replace(verdict.identity, patient_name="山田^太郎 محمد Änne")
    named = dataclasses.replace(verdict, facts=dataclasses.replace(verdict.facts, identity=identity))
    printed = PrintedWorklist(dataclasses.replace(scored, verdicts=[named]), report_bundle.manifest, _MADE)
    assert printed.page(named, None).heading.startswith("山田 太郎 محمد Änne")
    assert len(page_images(printed, pool=pool, dpi=50)) == 1
