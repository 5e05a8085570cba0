"""Writing every film of a worklist as DICOM objects; a film without a study costs only itself."""

from __future__ import annotations

import datetime as dt
import logging
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydicom.dataset import Dataset

from cxr_desktop.inference.verdict import Scored
from cxr_desktop.intake.decoding import DecodePool
from cxr_desktop.intake.prepared import DisplayFilm
from cxr_desktop.report.deidentify import film_label
from cxr_desktop.report.dicom.capture import capture
from cxr_desktop.report.dicom.deidentify import without_identity
from cxr_desktop.report.dicom.header import Context, save
from cxr_desktop.report.dicom.segmentation import segmentation
from cxr_desktop.report.dicom.source import NoStudyError, burned_in, read_source
from cxr_desktop.report.dicom.structured_report import structured_report
from cxr_desktop.report.pictures import grey_picture, leading_target
from cxr_desktop.report.pseudonyms import Pseudonyms
from cxr_desktop.report.worklist import Worklist
from cxr_shared.bundle import Manifest

_NAMED: Final = 5

# Its warnings quote what a header holds.
logging.getLogger("highdicom").setLevel(logging.CRITICAL)


@dataclass(slots=True)
class DicomExport:
    """What came of an export.

    Attributes
    ----------
    written
        Files, the same ones when the same verdicts are exported again.
    films
        Films about which something was written.
    skipped
        Why others were left out, a sentence each.
    warnings
        What a person should look at before passing the files on, a sentence each.
    """

    written: list[Path] = field(default_factory=list)
    films: int = 0
    skipped: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def summary(self) -> Iterator[str]:
        """Say it in a few sentences."""
        yield f"DICOM: {len(self.written):,} objects about {self.films:,} films, {len(self.skipped):,} films left out."
        for sentences in (self.skipped, self.warnings):
            yield from sentences[:_NAMED]
            if len(sentences) > _NAMED:
                yield f"The same of {len(sentences) - _NAMED:,} more films."


_ODD_HEADER: Final = (ValueError, TypeError, AttributeError, LookupError)


def write_dicom(
    folder: Path,
    worklist: Worklist,
    manifest: Manifest,
    *,
    pool: DecodePool,
    pseudonyms: Pseudonyms | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> DicomExport:
    """Write a Structured Report, captures of heat maps and a Segmentation for each scored DICOM film.

    Parameters
    ----------
    folder
        Gets a folder for each study.
    worklist
        The verdicts, as they are; de-identified here.
    manifest
        The bundle that scored them.
    pool
        Decodes the films for the captures.
    pseudonyms
        Where given, the objects hold no identifier but these.
    stopped
        Asked between films; True ends the export.

    Raises
    ------
    OutputError
        A file could not be written.
    """
    export = DicomExport()
    # DICOM's times are local ones, to the second.
    made = dt.datetime.now().astimezone().replace(tzinfo=None, microsecond=0)
    for number, verdict in enumerate(worklist.ordered(), 1):
        if stopped():
            break
        if not isinstance(verdict, Scored):
            continue
        label = film_label(number) if pseudonyms else verdict.source.name
        try:
            source = read_source(verdict.source, label)
        except NoStudyError as error:
            export.skipped.append(str(error))
            continue
        if pseudonyms:
            source = without_identity(source, pseudonyms)
        try:
            context = Context(source, verdict, manifest, made, deidentified=pseudonyms is not None)
            _write_film(folder, context, export, label=label, pool=pool)
        except _ODD_HEADER as error:  # highdicom takes for granted what the standard asks for
            export.skipped.append(
                f"{label} has a header that no object can be made from ({type(error).__name__}); send the film's "
                "original from its archive and export again."
            )
    return export


def _write_film(folder: Path, context: Context, export: DicomExport, *, label: str, pool: DecodePool) -> None:
    study = folder / str(context.source.StudyInstanceUID)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # highdicom's quote names of patients that are no usual ones
        for kind, made in _objects(context, export, label=label, pool=pool):
            path = study / f"{kind}-{made.SOPInstanceUID}.dcm"
            save(made, path)
            export.written.append(path)
    export.films += 1


def _objects(context: Context, export: DicomExport, *, label: str, pool: DecodePool) -> Iterable[tuple[str, Dataset]]:
    yield "SR", structured_report(context)
    regions = segmentation(context)
    if regions is not None:
        yield "SEG", regions
    if context.deidentified and burned_in(context.source):
        export.warnings.append(f"{label} says that text is burned into it: its picture was left out.")
        return
    film = pool.display(context.verdict.source)
    if not isinstance(film, DisplayFilm):
        export.warnings.append(f"{label} could not be decoded again: its picture was left out.")
        return
    if context.deidentified and burned_in(context.source) is None:
        export.warnings.append(f"{label} does not say whether text is burned into it: look at its pictures.")
    grey = grey_picture(film)
    positive = context.verdict.urgency.positive or (leading_target(context.verdict),)
    for number, target in enumerate(positive, 1):
        yield "SC", capture(context, grey, target, number=number)
