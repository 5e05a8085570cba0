"""What a printed page says of one film. No Qt here: `ui.printing` lays it out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from cxr_desktop.inference.heatmap import CAPTION, colour_range
from cxr_desktop.inference.lanes import Lane
from cxr_desktop.inference.verdict import Refused, Score, Scored
from cxr_desktop.intake.names import shown_name
from cxr_desktop.report.pictures import fitted, leading_target, overlay
from cxr_desktop.report.worklist import Worklist
from cxr_shared import __version__
from cxr_shared.bundle import Interval, Manifest, ModelEntry
from cxr_shared.film import Identity
from cxr_shared.findings import Target
from cxr_shared.notice import NOT_FOR_CLINICAL_USE

MOST_MAPS: Final = 3
PICTURE_SIDE: Final = 1100
"""Longer side of a printed film in pixels: some 300 an inch at the size at which it is printed."""
SCORE_HEADS: Final = (
    "Target",
    "Probability",
    "Operating point",
    "Result",
    "AUC (95 %)",
    "Sensitivity (95 %)",
    "Specificity (95 %)",
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader said of a film.

    Attributes
    ----------
    state
        Such as ``read`` or ``not read yet``.
    opinions
        Lines such as ``Pneumothorax: agree``.
    note
        Free text; empty where there is none. It never goes into a de-identified report.
    """

    state: str = "Not read yet"
    opinions: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One picture: (h, w) or (h, w, 3) uint8, what it is, and the ends of its colours in logits where it has some."""

    pixels: npt.NDArray[np.uint8]
    title: str
    scale: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class ScoreLine:
    """A row of the table, its cells in the order of `SCORE_HEADS`."""

    cells: tuple[str, ...]
    positive: bool


@dataclass(frozen=True, slots=True, eq=False)
class FilmPage:
    """One film: a heading, lines of facts, pictures, the table, and paragraphs after it by their headings."""

    heading: str
    facts: tuple[str, ...]
    lane: str
    urgent: bool
    why: str
    pictures: tuple[Picture, ...]
    scores: tuple[ScoreLine, ...]
    paragraphs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class RefusedLine:
    """A film that was not scored, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class PrintedWorklist:
    """What stands on every page, and what was not scored.

    Attributes
    ----------
    worklist
        De-identified already where that was asked for.
    manifest
        The bundle that scored it.
    made
        When it is printed.
    readings
        By the film's file, as the worklist names it.
    """

    worklist: Worklist
    manifest: Manifest
    made: dt.datetime
    readings: Mapping[Path, Reading] = field(default_factory=dict)

    @property
    def notice(self) -> str:
        """The bundle's notice, which says in any case what the report is not for."""
        notice = self.worklist.provenance.notice
        return notice if NOT_FOR_CLINICAL_USE in notice else f"{notice} {NOT_FOR_CLINICAL_USE}."

    @property
    def stamp(self) -> str:
        """When and by what it was printed; a de-identified report holds no date."""
        program = f"cxr-desktop {__version__}"
        return f"De-identified · {program}" if self.worklist.deidentified else f"{self.made:%Y-%m-%d %H:%M} · {program}"

    def refused(self) -> list[RefusedLine]:
        """List the films without scores, in the worklist's order."""
        return [
            RefusedLine(shown_name(verdict.source), verdict.message)
            for verdict in self.worklist.ordered()
            if isinstance(verdict, Refused)
        ]

    def page(self, verdict: Scored, grey: npt.NDArray[np.uint8] | None) -> FilmPage:
        """Put together what is said of one film.

        Parameters
        ----------
        verdict
            Of the worklist.
        grey
            (H, W) uint8, the film in its default presentation; None where it could not be decoded again.
        """
        lane = self.worklist.lane(verdict)
        return FilmPage(
            heading=_heading(verdict),
            facts=tuple(_facts(verdict)),
            lane=lane.words.capitalize(),
            urgent=lane is Lane.URGENT,
            why=_sentence(verdict.urgency.why),
            pictures=() if grey is None else pictures(verdict, grey, self.manifest),
            scores=tuple(_line(score, self.manifest.entry(score.target)) for score in verdict.scores.values()),
            paragraphs=tuple(self._paragraphs(verdict, pictured=grey is not None)),
        )

    def _paragraphs(self, verdict: Scored, *, pictured: bool) -> Sequence[tuple[str, str]]:
        said = [("Disagreement", _sentence(verdict.disagreement))] if verdict.disagreement else []
        if not pictured:
            said.append(("Pictures", "The film could not be decoded again, or says that text is burned into it."))
        reading = self.readings.get(verdict.source, Reading())
        words = "; ".join((reading.state, *reading.opinions))
        note = f" Note: {reading.note}" if reading.note and not self.worklist.deidentified else ""
        said.append(("Reading", f"{words}.{note}"))
        said.append(
            ("Maps", f"{CAPTION}. Scales are in logits, begin at the operating point and are the same on every film.")
        )
        said.append(("Figures", _figures(self.manifest)))
        said.append(("Provenance", _provenance(verdict)))
        return said


def pictures(verdict: Scored, grey: npt.NDArray[np.uint8], manifest: Manifest) -> tuple[Picture, ...]:
    """Give the film, then the maps of its positive targets, the gravest first; else that of the nearest one."""
    grey = fitted(grey, PICTURE_SIDE)
    targets = verdict.urgency.positive[:MOST_MAPS] or (leading_target(verdict),)
    return (Picture(grey, "Film"), *(_map(verdict, target, grey, manifest) for target in targets))


def _map(verdict: Scored, target: Target, grey: npt.NDArray[np.uint8], manifest: Manifest) -> Picture:
    score = verdict.scores[target]
    laid = overlay(grey, verdict, target, manifest.input)
    return Picture(laid, f"{target.display} {score.probability:.2f}", colour_range(score))


def _heading(verdict: Scored) -> str:
    identity = verdict.facts.identity
    named = [identity.patient_name.replace("^", " ").strip(), identity.patient_id]
    return " · ".join(dict.fromkeys(filter(None, named))) or shown_name(verdict.source)


def _facts(verdict: Scored) -> Sequence[str]:
    facts = verdict.facts
    spacing = f", {facts.spacing.row_mm:.3f} mm a pixel" if facts.spacing else ""
    about = [
        *_person(facts.identity),
        f"view {facts.view.value}",
        f"{facts.shape[1]} × {facts.shape[0]}, {facts.bits} bit{spacing}",
    ]
    return [" · ".join(filter(None, about)), f"File {shown_name(verdict.source)}"]


def _person(identity: Identity) -> Sequence[str]:
    taken = identity.acquired.replace("T", " ")
    accession = f"accession {identity.accession_number}" if identity.accession_number else ""
    return [identity.patient_sex, identity.patient_age, taken, accession]


def _line(score: Score, entry: ModelEntry) -> ScoreLine:
    point = entry.operating_point
    return ScoreLine(
        (
            score.target.display,
            f"{score.probability:.2f}",
            f"{score.threshold:.2f} {point.name}",
            "above" if score.positive else "below",
            _interval(entry.metrics.auc),
            _interval(point.test_sensitivity) or f"{point.sensitivity:.2f} *",
            _interval(point.test_specificity) or f"{point.specificity:.2f} *",
        ),
        score.positive,
    )


def _interval(value: Interval | None) -> str:
    return "" if value is None else f"{value.value:.2f} ({value.low:.2f}–{value.high:.2f})"


def _figures(manifest: Manifest) -> str:
    points = [entry.operating_point for entry in manifest.models]
    unmeasured = any(point.test_sensitivity is None or point.test_specificity is None for point in points)
    films = sorted({entry.metrics.films for entry in manifest.models})
    counted = f"{films[0]:,}" if len(films) == 1 else f"{films[0]:,} to {films[-1]:,}"
    starred = " * On the validation films that chose the operating point." if unmeasured else ""
    return (
        "Probabilities are calibrated and hold at the prevalence of the cohort. AUC, sensitivity and specificity are "
        f"the model's own on {counted} test films of its cohort, not this film's.{starred}"
    )


def _provenance(verdict: Scored) -> str:
    origin = verdict.provenance
    gate = f" Film gate: distance {verdict.gate.distance:.2f} of {verdict.gate.threshold:.2f}." if verdict.gate else ""
    plan = f", {origin.plan}" if origin.plan else ""
    content = f" Content of the file: {verdict.sha256}." if verdict.sha256 else ""
    return (
        f"Bundle {origin.bundle_name}, SHA-256 {origin.bundle_sha256}. Run on {origin.provider}{plan} "
        f"({origin.provider_reason}); pixel path {origin.pixel_path_version}; "
        f"read in {verdict.timings.read:.0f} ms, scored in {verdict.timings.infer:.0f} ms.{gate}{content}"
    )


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."
