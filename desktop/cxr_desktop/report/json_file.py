"""The worklist as JSON: the complete result, for programs."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cxr_desktop.inference.lanes import NEGATIVE, POSITIVE, Lane
from cxr_desktop.inference.verdict import Provenance, Refused, Scored, Verdict
from cxr_desktop.intake.prepared import FilmFacts
from cxr_desktop.report.film_page import Reading
from cxr_desktop.report.worklist import Worklist
from cxr_shared.files import write_json
from cxr_shared.film import Identity

SCHEMA: Final = "cxr-worklist/2"
"""Name and version of the document; a field may be added within a version, never changed or removed."""


def write_json_report(path: Path, worklist: Worklist, readings: Mapping[Path, Reading] | None = None) -> None:
    """Write the whole worklist, the most urgent film first, with what readers said by the film's file.

    Raises
    ------
    OutputError
        The file could not be written.
    """
    write_json(path, worklist_document(worklist, readings or {}))


def worklist_document(worklist: Worklist, readings: Mapping[Path, Reading] | None = None) -> dict[str, Any]:
    """Return the document as `json` takes it. Patient data stand under ``identity`` and nowhere else."""
    return {
        "schema": SCHEMA,
        **_provenance(worklist.provenance),
        "complete": worklist.complete,
        "deidentified": worklist.deidentified,
        "counts": {
            "found": worklist.found,
            "above": worklist.count(*POSITIVE),
            "below": worklist.count(*NEGATIVE),
            "refused": worklist.count(Lane.REFUSED),
        },
        "lanes": {lane.words: worklist.count(lane) for lane in Lane if lane is not Lane.WAITING},
        "films": [
            {**film_document(verdict, worklist.lane(verdict)), **_reading((readings or {}).get(verdict.source))}
            for verdict in worklist.ordered()
        ],
    }


def film_document(verdict: Verdict, lane: Lane) -> dict[str, Any]:
    """One film of the document."""
    head: dict[str, Any] = {
        "file": str(verdict.source),
        "state": "scored" if isinstance(verdict, Scored) else "refused",
        "lane": lane.words,
        "sha256": verdict.sha256 or None,
    }
    timings = {name: round(value, 2) for name, value in dataclasses.asdict(verdict.timings).items()}
    if isinstance(verdict, Refused):
        refusal = {"kind": verdict.kind, "message": verdict.message}
        reason = {"urgency": None, "reason": verdict.message, "refusal": refusal}
        facts = _facts(verdict.facts) if verdict.facts else _identity(verdict.identity)
        return {**head, **reason, **facts, **_gate(verdict), "timings_ms": timings}
    return {
        **head,
        "urgency": round(verdict.urgency.value, 6),
        "reason": verdict.urgency.why,
        "disagreement": verdict.disagreement or None,
        "scores": {
            score.target.slug: {
                "logit": round(score.logit, 6),
                "probability": round(score.probability, 6),
                "threshold": score.threshold,
                "threshold_logit": _finite(score.threshold_logit),
                "positive": score.positive,
            }
            for score in verdict.scores.values()
        },
        "peak": {
            target.slug: {"x": round(peak.x, 1), "y": round(peak.y, 1), "logit": round(peak.logit, 6)}
            for target, peak in verdict.peaks.items()
        },
        **_facts(verdict.facts),
        **_gate(verdict),
        "timings_ms": timings,
    }


def _reading(reading: Reading | None) -> dict[str, Any]:
    return {} if reading is None else {"reading": dataclasses.asdict(reading)}


def _gate(verdict: Verdict) -> dict[str, Any]:
    """What the film gate measured, where the bundle has one."""
    return {"gate": dataclasses.asdict(verdict.gate)} if verdict.gate else {}


def _finite(value: float) -> float | None:
    """JSON has no infinity; a threshold of 0 or 1 has no logit."""
    return round(value, 6) if math.isfinite(value) else None


def _provenance(provenance: Provenance) -> dict[str, Any]:
    return {
        "notice": provenance.notice,
        "bundle": {"name": provenance.bundle_name, "sha256": provenance.bundle_sha256},
        "provider": {"name": provenance.provider, "reason": provenance.provider_reason, "plan": provenance.plan},
        "pixel_path_version": provenance.pixel_path_version,
    }


def _facts(facts: FilmFacts) -> dict[str, Any]:
    rows, columns = facts.shape
    return {
        "rows": rows,
        "columns": columns,
        "view": facts.view.value,
        "transfer_syntax": facts.transfer_syntax,
        "spacing_mm": [facts.spacing.row_mm, facts.spacing.column_mm] if facts.spacing else None,
        **_identity(facts.identity),
    }


def _identity(identity: Identity) -> dict[str, Any]:
    return {"identity": {name: value for name, value in dataclasses.asdict(identity).items() if value}}
