"""One row a film: the schema of the results, and verdicts as rows of it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from cxr_desktop.archive.tables import arrow
from cxr_desktop.inference.lanes import lane_of
from cxr_desktop.inference.verdict import Provenance, Scored, Verdict
from cxr_desktop.report.pseudonyms import Pseudonyms
from cxr_shared import __version__
from cxr_shared.bundle import Manifest
from cxr_shared.film import Identity
from cxr_shared.findings import Target

SCHEMA: Final = "cxr-archive/1"
"""Name and version of the rows; a column may be added within a version, never changed or removed."""

_IDENTITY: Final = tuple(field.name for field in dataclasses.fields(Identity))
TIMINGS: Final = ("read_ms", "infer_ms")


def schema_of(targets: Sequence[Target]) -> Any:  # noqa: ANN401  (pyarrow ships no types)
    """Return the columns for a bundle's targets, without metadata."""
    pa = arrow()
    return pa.schema(
        [
            pa.field("part", pa.int32(), nullable=False),
            pa.field("number", pa.int32(), nullable=False),
            pa.field("file", pa.string(), nullable=False),
            pa.field("sha256", pa.string()),
            pa.field("state", pa.string(), nullable=False),
            pa.field("lane", pa.string(), nullable=False),
            ("urgency", pa.float64()),
            ("reason", pa.string()),
            ("disagreement", pa.string()),
            *(column for target in targets for column in _score_columns(target.slug)),
            ("gate_distance", pa.float64()),
            ("refusal_kind", pa.string()),
            ("refusal_message", pa.string()),
            ("rows", pa.int32()),
            ("columns", pa.int32()),
            ("view", pa.string()),
            ("transfer_syntax", pa.string()),
            ("spacing_row_mm", pa.float64()),
            ("spacing_column_mm", pa.float64()),
            *((name, pa.string()) for name in _IDENTITY),
            *((name, pa.float32()) for name in TIMINGS),
        ]
    )


def metadata_of(provenance: Provenance, manifest: Manifest, *, deidentified: bool) -> dict[str, str]:
    """Return what is true of all rows, as text, for the schema's metadata."""
    gate = "" if manifest.gate is None else f"{manifest.gate.threshold:g}"
    return {
        "cxr.schema": SCHEMA,
        "cxr.program_version": __version__,
        "cxr.bundle_name": provenance.bundle_name,
        "cxr.bundle_sha256": provenance.bundle_sha256,
        "cxr.provider": provenance.provider,
        "cxr.plan": provenance.plan,
        "cxr.pixel_path_version": str(provenance.pixel_path_version),
        "cxr.gate_threshold": gate,
        "cxr.deidentified": str(deidentified).lower(),
        "cxr.notice": provenance.notice,
    }


def table_of(part: int, judged: Iterable[tuple[int, str, Verdict]], targets: Sequence[Target]) -> Any:  # noqa: ANN401
    """Turn verdicts into rows.

    Parameters
    ----------
    part
        Number of the part.
    judged
        A film's number in the part, its path or URL, and its verdict.
    targets
        The bundle's, in its order.
    """
    rows = [{"part": part, "number": number, "file": _text(key), **_row(verdict)} for number, key, verdict in judged]
    return arrow().Table.from_pylist(rows, schema=schema_of(targets))


def without_identity(table: Any, names: Pseudonyms) -> Any:  # noqa: ANN401
    """Replace what identifies a patient in rows, as reports do (`report.deidentify`); a film is called by its place."""
    pa = arrow()
    kept = {"patient_id": names.patient, "study_uid": names.uid, "series_uid": names.uid, "sop_uid": names.uid}
    columns: dict[str, list[str | None]] = dict.fromkeys(_IDENTITY, [None] * len(table))
    for name, change in {**kept, "sha256": names.content}.items():
        columns[name] = [change(value) if value else None for value in table[name].to_pylist()]
    places = zip(table["part"].to_pylist(), table["number"].to_pylist(), strict=True)
    columns["file"] = [f"film-{part:05}-{number:05}" for part, number in places]
    for name, values in columns.items():
        place = table.schema.get_field_index(name)
        table = table.set_column(place, table.schema.field(place), pa.array(values, pa.string()))
    return table


def _text(key: str) -> str:
    """Return a path as text, with an escape for each byte of a name that is none."""
    return key.encode(errors="backslashreplace").decode()


def _score_columns(slug: str) -> Sequence[Any]:
    pa = arrow()
    return (
        (f"{slug}_logit", pa.float32()),
        (f"{slug}_probability", pa.float64()),
        (f"{slug}_threshold", pa.float64()),
        (f"{slug}_positive", pa.bool_()),
    )


def _row(verdict: Verdict) -> dict[str, Any]:
    shared = {
        "sha256": verdict.sha256 or None,
        "lane": lane_of(verdict).words,
        "gate_distance": verdict.gate.distance if verdict.gate else None,
        **{name: value or None for name, value in dataclasses.asdict(verdict.identity).items()},
        "read_ms": verdict.timings.read,
        "infer_ms": verdict.timings.infer,
        **_facts(verdict),
    }
    if isinstance(verdict, Scored):
        return {**shared, **_scored(verdict)}
    refusal = {"refusal_kind": verdict.kind, "refusal_message": verdict.message}
    return {**shared, "state": "refused", "reason": verdict.message, **refusal}


def _scored(verdict: Scored) -> Mapping[str, Any]:
    row: dict[str, Any] = {
        "state": "scored",
        "urgency": verdict.urgency.value,
        "reason": verdict.urgency.why,
        "disagreement": verdict.disagreement or None,
    }
    for target, score in verdict.scores.items():
        assert math.isfinite(score.logit), "an engine gives finite logits"
        row[f"{target.slug}_logit"] = score.logit
        row[f"{target.slug}_probability"] = score.probability
        row[f"{target.slug}_threshold"] = score.threshold
        row[f"{target.slug}_positive"] = score.positive
    return row


def _facts(verdict: Verdict) -> Mapping[str, Any]:
    facts = verdict.facts
    if facts is None:
        return {}
    rows, columns = facts.shape
    spacing = facts.spacing
    return {
        "rows": rows,
        "columns": columns,
        "view": facts.view.value,
        "transfer_syntax": facts.transfer_syntax,
        "spacing_row_mm": spacing.row_mm if spacing else None,
        "spacing_column_mm": spacing.column_mm if spacing else None,
    }
