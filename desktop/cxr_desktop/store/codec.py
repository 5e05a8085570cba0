"""Verdicts and reads as JSON text, exactly: what is read back equals what was written.

What all verdicts of a run share, their provenance and their form (`form`), are texts of their own, so that 10,000 films
keep each once and read it once.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic_core import from_json

from cxr_desktop.inference.urgency import Urgency
from cxr_desktop.inference.verdict import GateReading, Provenance, Refused, Scored, Timings, Verdict
from cxr_desktop.intake.prepared import decode_facts
from cxr_desktop.store.deferred import Deferred
from cxr_desktop.store.errors import RecordDamaged
from cxr_desktop.store.form import (
    Form,
    Json,
    pack_form,
    pack_numbers,
    read_form,
    read_peaks,
    read_scores,
    shape_of,
    to_json,
)
from cxr_desktop.store.pictures import pack_maps, pack_thumbnail, read_maps, unpack_thumbnail
from cxr_desktop.store.records import Opinion, Read
from cxr_shared.files import sha256_bytes
from cxr_shared.film import Identity
from cxr_shared.findings import Target
from cxr_shared.heat_map import FloatMap

_MALFORMED = (ValueError, KeyError, TypeError, IndexError, AttributeError)


@dataclass(frozen=True, slots=True)
class Packed:
    """A verdict as text and bytes.

    Attributes
    ----------
    provenance, form
        What it shares with others; the form is empty for a refusal.
    body
        The rest.
    numbers
        (4, n) float64, little-endian, or nothing for a refusal: logits, then `x`, `y` and `logit` of the peaks. They
        are most of a verdict and are looked into late.
    heat_maps, thumbnail
        Compressed, or None.
    """

    provenance: str
    form: str
    body: str
    numbers: bytes = b""
    heat_maps: bytes | None = None
    thumbnail: bytes | None = None


def pack(verdict: Verdict) -> Packed:
    """Turn a verdict into text and bytes; maps are read where they were left in a store."""
    return _pack_scored(verdict) if isinstance(verdict, Scored) else _pack_refused(verdict)


def _pack_scored(verdict: Scored) -> Packed:
    heat_maps = pack_maps(verdict.maps)
    thumbnail = None if verdict.thumbnail is None else pack_thumbnail(verdict.thumbnail)
    urgency = verdict.urgency
    body = {
        "source": os.fspath(verdict.source),
        "facts": dataclasses.asdict(verdict.facts),
        "urgency": [urgency.value, urgency.nearness, urgency.why, urgency.positive],
        "timings": dataclasses.astuple(verdict.timings),
        "gate": _pack_gate(verdict.gate),
        "heat_maps": sha256_bytes(heat_maps),
        "thumbnail": None if thumbnail is None else [*shape_of(verdict.thumbnail), sha256_bytes(thumbnail)],
    }
    return Packed(
        _pack_provenance(verdict), pack_form(verdict), to_json(body), pack_numbers(verdict), heat_maps, thumbnail
    )


def _pack_refused(verdict: Refused) -> Packed:
    body = {
        "source": os.fspath(verdict.source),
        "kind": verdict.kind,
        "message": verdict.message,
        "timings": dataclasses.astuple(verdict.timings),
        "gate": _pack_gate(verdict.gate),
        "facts": None if verdict.facts is None else dataclasses.asdict(verdict.facts),
        "identity": dataclasses.asdict(verdict.identity),
        "sha256": verdict.sha256,
    }
    return Packed(_pack_provenance(verdict), "", to_json(body))


def _pack_provenance(verdict: Verdict) -> str:
    return to_json(dataclasses.asdict(verdict.provenance))


def _pack_gate(gate: GateReading | None) -> tuple[float, float] | None:
    return None if gate is None else (gate.distance, gate.threshold)


class Unpacker:
    """Turns rows back into verdicts, reading what they share once.

    Parameters
    ----------
    shared
        The texts of provenances and forms, by their SHA-256.
    heat_maps
        Reads the packed maps of a verdict's row; None where they are gone.
    """

    def __init__(self, shared: Mapping[str, str], heat_maps: Callable[[int], bytes | None]) -> None:
        self._shared = shared
        self._heat_maps = heat_maps
        self._provenances: dict[str, Provenance] = {}
        self._forms: dict[str, Form] = {}

    def verdict(
        self,
        row: int,
        body: str,
        *,
        provenance: str,
        form: str | None,
        numbers: bytes,
        thumbnail: bytes | None,
        source: Path | None = None,
    ) -> Verdict:
        """Read a verdict.

        Parameters
        ----------
        row, body, numbers, thumbnail
            The row's number, its text, its numbers, and its thumbnail.
        provenance, form
            The SHA-256 of the texts that it shares.
        source
            The file to give it; by default the one that was scored.

        Raises
        ------
        RecordDamaged
            A text is not what was written.
        """
        try:
            fields = _parse(body)
            where = Path(fields["source"]) if source is None else source
            shared = self._provenance(provenance)
            if not form:
                return _refused(fields, shared, where)
            kept = self._form(form)
            maps = partial(read_maps, partial(self._heat_maps, row), kept.maps, fields["heat_maps"])
            image = None if fields["thumbnail"] is None else unpack_thumbnail(thumbnail, fields["thumbnail"])
            return _scored(fields, shared, where, form=kept, numbers=numbers, maps=maps, thumbnail=image)
        except _MALFORMED as error:
            raise RecordDamaged("What was kept of a film is damaged. Score the film again.") from error

    def _provenance(self, key: str) -> Provenance:
        if key not in self._provenances:
            self._provenances[key] = Provenance(**json.loads(self._text(key)))
        return self._provenances[key]

    def _form(self, key: str) -> Form:
        if key not in self._forms:
            self._forms[key] = read_form(json.loads(self._text(key)))
        return self._forms[key]

    def _text(self, key: str) -> str:
        text = self._shared[key]
        if sha256_bytes(text.encode()) != key:
            raise ValueError("not what was written")
        return text


def _parse(body: str) -> Json:
    """Read a body; pydantic's parser takes a quarter of the time of the standard library's, and gives the same."""
    try:
        fields: Json = from_json(body)
    except ValueError:  # half of a surrogate pair: a file's name that is no UTF-8
        fields = json.loads(body)
    return fields


def _scored(
    fields: Json,
    provenance: Provenance,
    source: Path,
    *,
    form: Form,
    numbers: bytes,
    maps: Callable[[], dict[Target, FloatMap]],
    thumbnail: npt.NDArray[np.uint8] | None,
) -> Scored:
    value, nearness, why, positive = fields["urgency"]
    return Scored(
        source=source,
        facts=decode_facts(fields["facts"]),
        scores=Deferred(form.targets, partial(read_scores, form, numbers)),
        maps=Deferred(tuple(form.maps), maps),
        peaks=Deferred(form.peaks, partial(read_peaks, form, numbers)),
        urgency=Urgency(value, nearness, why, tuple(map(Target, positive))),
        timings=Timings(*fields["timings"]),
        provenance=provenance,
        thumbnail=thumbnail,
        gate=_gate(fields["gate"]),
    )


def _refused(fields: Json, provenance: Provenance, source: Path) -> Refused:
    return Refused(
        source=source,
        kind=fields["kind"],
        message=fields["message"],
        provenance=provenance,
        timings=Timings(*fields["timings"]),
        gate=_gate(fields["gate"]),
        facts=None if fields["facts"] is None else decode_facts(fields["facts"]),
        identity=Identity(**fields["identity"]),
        sha256=fields["sha256"],
    )


def _gate(pair: Sequence[float] | None) -> GateReading | None:
    return None if pair is None else GateReading(*pair)


def pack_read(read: Read) -> str:
    """Turn what a reader said into text."""
    opinions = {str(target): opinion for target, opinion in read.opinions.items()}
    fields = {"opinions": opinions, "note": read.note, "finished": read.finished, "blind": read.blind}
    calls = {str(target): seen for target, seen in read.calls.items()}
    return to_json({**fields, "calls": calls} if calls else fields)


def unpack_read(body: str, *, sha256: str, bundle_sha256: str, at: str) -> Read:
    """Undo `pack_read`; RecordDamaged where the text is not what was written."""
    try:
        fields = json.loads(body)
        opinions = {Target(target): Opinion(opinion) for target, opinion in fields["opinions"].items()}
        calls = {Target(target): bool(seen) for target, seen in fields.get("calls", {}).items()}
        note, finished, blind = fields["note"], fields["finished"], fields["blind"]
    except _MALFORMED as error:
        raise RecordDamaged("What was kept of a film's reading is damaged. Read the film again.") from error
    return Read(sha256, bundle_sha256, opinions, note=note, finished=finished, blind=blind, calls=calls, at=at)
