"""A worklist without identifiers: for JSON, CSV, HTML and PDF."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from cxr_desktop.inference.verdict import Scored, Verdict
from cxr_desktop.report.pseudonyms import Pseudonyms
from cxr_desktop.report.worklist import Worklist
from cxr_shared.film import Identity


def deidentified(worklist: Worklist, names: Pseudonyms) -> Worklist:
    """Replace what identifies a patient in every verdict, and keep the order.

    Names, ages, sexes, dates, accession numbers and the names of files are removed; patient identifiers, UIDs and
    content hashes are replaced by keyed hashes. Thumbnails are kept, but for those of films that say that text is
    burned into them.
    """
    verdicts = [
        _without_identity(verdict, film_label(number), names) for number, verdict in enumerate(worklist.ordered(), 1)
    ]
    return dataclasses.replace(worklist, verdicts=verdicts, deidentified=True)


def film_label(number: int) -> str:
    """Name of the film at a place of the worklist, from 1: its file's name may be a patient's."""
    return f"film-{number:04d}"


def _without_identity(verdict: Verdict, label: str, names: Pseudonyms) -> Verdict:
    source, facts = Path(label), verdict.facts
    identity, sha256 = _pseudonymous(verdict.identity, names), names.content(verdict.sha256)
    if facts is not None:
        facts = dataclasses.replace(facts, identity=identity, sha256=sha256)
    if isinstance(verdict, Scored):
        assert facts is not None, "a film that was scored was read"
        thumbnail = verdict.thumbnail
        if facts.burned_in:
            thumbnail = None
        return dataclasses.replace(verdict, source=source, facts=facts, thumbnail=thumbnail)
    return dataclasses.replace(verdict, source=source, facts=facts, identity=identity, sha256=sha256)


def _pseudonymous(identity: Identity, names: Pseudonyms) -> Identity:
    return Identity(
        patient_id=names.patient(identity.patient_id),
        study_uid=names.uid(identity.study_uid),
        series_uid=names.uid(identity.series_uid),
        sop_uid=names.uid(identity.sop_uid),
    )
