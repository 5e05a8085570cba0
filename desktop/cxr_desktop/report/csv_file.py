"""The worklist as CSV: one row a film, for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from cxr_desktop.inference.lanes import Lane
from cxr_desktop.inference.verdict import Score, Scored, Verdict
from cxr_desktop.report.film_page import Reading
from cxr_desktop.report.worklist import Worklist
from cxr_shared.files import write_text
from cxr_shared.findings import Target
from cxr_shared.notice import NOT_FOR_CLINICAL_USE

_HEAD: Final = ("file", "state", "lane", "urgency", "reason", "disagreement", "patient_id", "view", "rows", "columns")
_TAIL: Final = (
    "gate_distance",
    "refusal",
    "read_ms",
    "infer_ms",
    "provider",
    "bundle_sha256",
    "pixel_path_version",
    "sha256",
    "reading",
    "opinions",
    "note",
    "notice",
)


def write_csv(path: Path, worklist: Worklist, readings: Mapping[Path, Reading] | None = None) -> None:
    """Write one row a film, the most urgent first; for each target probability, 1 or 0 for positive, and logit.

    The probability is the calibrated one; ``gate_distance`` is how far the film is from those that the models know,
    and blank where the bundle has no gate. What readers said stands at the end, by the film's file in `readings`.

    Raises
    ------
    OutputError
        The file could not be written.
    """
    targets = _targets(worklist)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = [name for target in targets for name in (target.slug, f"{target.slug}_positive", f"{target.slug}_logit")]
    writer.writerow([*_HEAD, *columns, *_TAIL])
    for verdict in worklist.ordered():
        reading = (readings or {}).get(verdict.source)
        said = ["", "", ""] if reading is None else [reading.state, "; ".join(reading.opinions), reading.note]
        row = [*_row(verdict, targets, worklist.lane(verdict)), *said, NOT_FOR_CLINICAL_USE]
        writer.writerow([_cell(value) for value in row])
    write_text(path, text.getvalue())


def _targets(worklist: Worklist) -> tuple[Target, ...]:
    scored = next((each for each in worklist.verdicts if isinstance(each, Scored)), None)
    return tuple(scored.scores) if scored else ()


def _row(verdict: Verdict, targets: Sequence[Target], lane: Lane) -> list[object]:
    source, provenance = str(verdict.source), verdict.provenance
    distance = round(verdict.gate.distance, 4) if verdict.gate else ""
    tail = [provenance.provider, provenance.bundle_sha256, provenance.pixel_path_version, verdict.sha256]
    times = [round(verdict.timings.read, 2), round(verdict.timings.infer, 2)]
    if not isinstance(verdict, Scored):
        view = verdict.facts.view.value if verdict.facts else ""
        blanks = [""] * (2 + 3 * len(targets))
        who = ("", verdict.identity.patient_id, view)
        head: list[object] = [source, "refused", lane.words, "", verdict.message, *who]
        return [*head, *blanks, distance, verdict.kind, *times, *tail]
    facts = verdict.facts
    head = [source, "scored", lane.words, round(verdict.urgency.value, 6), verdict.urgency.why, verdict.disagreement]
    head += [facts.identity.patient_id, facts.view.value, *facts.shape]
    scores = [verdict.scores[target] for target in targets]
    cells = [value for score in scores for value in _score_cells(score)]
    return [*head, *cells, distance, "", *times, *tail]


def _score_cells(score: Score) -> tuple[float, int, float]:
    return round(score.probability, 6), int(score.positive), round(score.logit, 6)


def _cell(value: object) -> object:
    """Keep a spreadsheet from running a file's or a patient's name as a formula."""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return value
