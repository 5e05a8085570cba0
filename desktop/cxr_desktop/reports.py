"""Everything that a worklist can be written as, from one description. Qt is imported only where a PDF is asked for."""

from __future__ import annotations

import datetime as dt
import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from cxr_desktop.intake.decoding import DecodePool
from cxr_desktop.intake.pool import MakePool
from cxr_desktop.report import Worklist, write_csv, write_html, write_json_report
from cxr_desktop.report.deidentify import deidentified, film_label
from cxr_desktop.report.film_page import PrintedWorklist, Reading
from cxr_desktop.report.pseudonyms import Pseudonyms, site_pseudonyms
from cxr_shared.bundle import Bundle
from cxr_shared.errors import OutputError

PIXELS_WARNING: Final = (
    "Identifiers were removed from what is written, not from what is seen: look whether text is burned into the "
    "films' pictures before you pass them on."
)


@dataclass(frozen=True, slots=True)
class Remarks:
    """How an export goes on.

    Attributes
    ----------
    tell
        Takes sentences about films that were left out, and what to look at before passing reports on.
    stopped
        Asked between films; True ends the PDF and the DICOM export early.
    """

    tell: Callable[[str], None] = lambda _sentence: None
    stopped: Callable[[], bool] = lambda: False


@dataclass(frozen=True, slots=True)
class Reports:
    """Where to write the result; None writes no such file.

    Attributes
    ----------
    json, csv, html, pdf
        Files.
    dicom
        A folder, for DICOM objects in the films' own studies.
    deidentified
        Whether no report may say whom the films show.
    """

    json: Path | None = None
    csv: Path | None = None
    html: Path | None = None
    pdf: Path | None = None
    dicom: Path | None = None
    deidentified: bool = False

    @property
    def files(self) -> tuple[Path, ...]:
        """The files among them."""
        return tuple(path for kind, path in self.by_kind.items() if kind != "dicom")

    @property
    def by_kind(self) -> dict[str, Path]:
        """What is written, by its kind."""
        every = {kind: getattr(self, kind) for kind in ("json", "csv", "html", "pdf", "dicom")}
        return {kind: path for kind, path in every.items() if path is not None}

    def check(self) -> None:
        """Fail before the work rather than after it.

        Raises
        ------
        OutputError
            A report is a folder where it should be a file, or its folder cannot be written to.
        PseudonymKeyError
            Pseudonyms were asked for, and the site's key is damaged.
        """
        for path in self.files:
            _check_folder(path.parent, path)
            if path.is_dir():
                raise OutputError(f"{path} is a folder. Name a file in it.")
        if self.dicom is not None:
            _check_folder(self.dicom, self.dicom)
        if self.deidentified:
            site_pseudonyms()

    def write(
        self,
        worklist: Worklist,
        bundle: Bundle,
        *,
        readings: Mapping[Path, Reading] | None = None,
        remarks: Remarks | None = None,
        make_pool: MakePool = DecodePool,
    ) -> tuple[Path, ...]:
        """Write the reports and return their paths.

        Parameters
        ----------
        worklist
            The verdicts, as they are.
        bundle
            What scored them.
        readings
            What readers said, by the film's file; it goes into JSON, CSV and PDF, a note only where patients are named.
        remarks
            Hears what a person should know, and ends the export early.
        make_pool
            Makes the pool that decodes the films of the PDF and of the DICOM export.

        Raises
        ------
        OutputError
            One could not be written.
        PseudonymKeyError
            Pseudonyms were asked for, and the site's key is damaged.
        """
        names = site_pseudonyms() if self.deidentified else None
        job = _Job(worklist, bundle, names, remarks or Remarks(), readings or {}, make_pool)
        if self.json is not None:
            write_json_report(self.json, job.shown, job.shown_readings())
        if self.csv is not None:
            write_csv(self.csv, job.shown, job.shown_readings())
        if self.html is not None:
            write_html(self.html, job.shown, bundle.manifest.input)
        if self.pdf is not None:
            job.write_pdf(self.pdf)
        if self.dicom is not None:
            job.write_dicom(self.dicom)
        if names and (self.html or self.pdf or self.dicom):
            job.remarks.tell(PIXELS_WARNING)
        return tuple(self.by_kind.values())


@dataclass(slots=True)
class _Job:
    """One export: what is shown is de-identified, what is read are the films themselves."""

    worklist: Worklist
    bundle: Bundle
    names: Pseudonyms | None
    remarks: Remarks
    readings: Mapping[Path, Reading]
    make_pool: MakePool
    shown: Worklist = field(init=False)

    def __post_init__(self) -> None:
        self.shown = deidentified(self.worklist, self.names) if self.names else self.worklist

    def shown_readings(self) -> Mapping[Path, Reading]:
        """What readers said, by the name that the film has in the report; without notes where nobody is named."""
        if self.names is None:
            return self.readings
        labels = {Path(film_label(number)): each.source for number, each in enumerate(self.worklist.ordered(), 1)}
        said = ((label, self.readings.get(source)) for label, source in labels.items())
        return {label: replace(reading, note="") for label, reading in said if reading is not None}

    def write_pdf(self, path: Path) -> None:
        """Print every film."""
        _application_for_fonts()
        from cxr_desktop.ui.paper import local_paper
        from cxr_desktop.ui.printing import write_pdf

        sources, readings = self._sources(), self.shown_readings()
        printed = PrintedWorklist(self.shown, self.bundle.manifest, dt.datetime.now().astimezone(), readings)
        with closing(self.make_pool(workers=1)) as pool:
            stopped = self.remarks.stopped
            write_pdf(path, printed, pool=pool, sources=sources, paper=local_paper(), stopped=stopped)

    def write_dicom(self, folder: Path) -> None:
        """Add to every film's study."""
        from cxr_desktop.report.dicom.export import write_dicom

        with closing(self.make_pool(workers=1)) as pool:
            export = write_dicom(
                folder,
                self.worklist,
                self.bundle.manifest,
                pool=pool,
                pseudonyms=self.names,
                stopped=self.remarks.stopped,
            )
        for sentence in export.summary():
            self.remarks.tell(sentence)

    def _sources(self) -> dict[Path, Path] | None:
        """Where de-identified films lie, but for those whose picture would say whom they show."""
        if self.names is None:
            return None
        films = enumerate(self.worklist.ordered(), 1)
        return {
            Path(film_label(number)): verdict.source
            for number, verdict in films
            if verdict.facts is not None and not verdict.facts.burned_in
        }


def _application_for_fonts() -> None:
    """Painting words needs Qt's application; a command has none yet, and needs no screen for it."""
    from PySide6.QtGui import QGuiApplication

    if QGuiApplication.instance() is None:
        from cxr_desktop.app import has_display, make_application

        if not has_display():
            os.environ["QT_QPA_PLATFORM"] = "offscreen"
        make_application()


def _check_folder(folder: Path, path: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}. Choose another folder.") from error
