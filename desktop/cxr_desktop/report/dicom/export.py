"""Writing every film of a worklist as DICOM objects; a film without a study costs only itself."""

from __future__ import annotations

import datetime as dt
import logging
import warnings
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydicom.dataset import Dataset

from cxr_desktop.inference.verdict import Scored
from cxr_desktop.intake.names import shown_name
from cxr_desktop.intake.pool import Pool
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
from cxr_shared.errors import CxrError

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


KINDS: Final = ("SR", "SEG", "SC")
"""All kinds of objects about a film, in the order in which they are made."""

_ODD_HEADER: Final = (ValueError, TypeError, AttributeError, LookupError)


class NoObjectsError(CxrError):
    """A film whose header lacks what the standard asks for, so that no object about it can be made."""

    def __init__(self, label: str, error: Exception) -> None:
        super().__init__(
            f"{label} has a header that no object can be made from ({type(error).__name__}); send the film's "
            "original from its archive and export again."
        )


def now() -> dt.datetime:
    """Return the time as DICOM's objects hold it: local, to the second."""
    return dt.datetime.now().astimezone().replace(tzinfo=None, microsecond=0)


def context_of(
    verdict: Scored, manifest: Manifest, *, label: str, made: dt.datetime, pseudonyms: Pseudonyms | None = None
) -> Context:
    """Gather what the objects about one film are made of.

    Parameters
    ----------
    verdict
        The film's; its file is read again.
    manifest
        The bundle that scored it.
    label
        What the film is called in an error.
    made
        From `now`.
    pseudonyms
        Where given, the objects hold no identifier but these.

    Raises
    ------
    NoStudyError
        The film belongs to no DICOM study.
    """
    source = read_source(verdict.source, label)
    if pseudonyms:
        source = without_identity(source, pseudonyms)
    return Context(source, verdict, manifest, made, deidentified=pseudonyms is not None)


def film_objects(
    context: Context,
    pool: Pool,
    kinds: Collection[str] = KINDS,
    *,
    label: str,
    warn: Callable[[str], None] | None = None,
) -> Iterator[tuple[str, Dataset]]:
    """Make the objects about one film, one after the other.

    Parameters
    ----------
    context
        From `context_of`.
    pool
        Decodes the film for the captures.
    kinds
        Which of `KINDS`.
    label
        What the film is called in a sentence.
    warn
        Told, in a sentence, why a picture was left out or must be looked at.

    Yields
    ------
    (str, Dataset)
        Kind and object. There is one SR, at most one SEG, and an SC for each positive target, else one of the leading
        target. The same verdict gives the same SOP Instance UIDs.

    Raises
    ------
    NoObjectsError
        The header lacks what an object needs.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # highdicom's quote names of patients that are no usual ones
            made = list(_objects(context, pool, kinds, label=label, warn=warn or _no_warning))
    except _ODD_HEADER as error:  # highdicom takes for granted what the standard asks for
        raise NoObjectsError(label, error) from error
    yield from made


def _no_warning(_sentence: str) -> None:
    """Stand in where nobody asks for warnings."""


def _objects(
    context: Context, pool: Pool, kinds: Collection[str], *, label: str, warn: Callable[[str], None]
) -> Iterator[tuple[str, Dataset]]:
    if "SR" in kinds:
        yield "SR", structured_report(context)
    if "SEG" in kinds and (regions := segmentation(context)) is not None:
        yield "SEG", regions
    if "SC" in kinds:
        yield from (("SC", made) for made in _captures(context, pool, label=label, warn=warn))


def _captures(context: Context, pool: Pool, *, label: str, warn: Callable[[str], None]) -> Iterator[Dataset]:
    if context.deidentified and burned_in(context.source):
        warn(f"{label} says that text is burned into it: its picture was left out.")
        return
    film = pool.display(context.verdict.source)
    if not isinstance(film, DisplayFilm):
        warn(f"{label} could not be decoded again: its picture was left out.")
        return
    if context.deidentified and burned_in(context.source) is None:
        warn(f"{label} does not say whether text is burned into it: look at its pictures.")
    grey = grey_picture(film)
    positive = context.verdict.urgency.positive or (leading_target(context.verdict),)
    for number, target in enumerate(positive, 1):
        yield capture(context, grey, target, number=number)


def write_dicom(
    folder: Path,
    worklist: Worklist,
    manifest: Manifest,
    *,
    pool: Pool,
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
    made = now()
    for number, verdict in enumerate(worklist.ordered(), 1):
        if stopped():
            break
        if not isinstance(verdict, Scored):
            continue
        label = film_label(number) if pseudonyms else shown_name(verdict.source)
        try:
            context = context_of(verdict, manifest, label=label, made=made, pseudonyms=pseudonyms)
            _write_film(folder, context, export, label=label, pool=pool)
        except (NoStudyError, NoObjectsError) as error:
            export.skipped.append(str(error))
    return export


def _write_film(folder: Path, context: Context, export: DicomExport, *, label: str, pool: Pool) -> None:
    study = folder / str(context.source.StudyInstanceUID)
    for kind, made in film_objects(context, pool, label=label, warn=export.warnings.append):
        path = study / f"{kind}-{made.SOPInstanceUID}.dcm"
        save(made, path)
        export.written.append(path)
    export.films += 1
