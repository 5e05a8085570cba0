"""Which other films of the patient stand beside one."""

from __future__ import annotations

from collections.abc import Iterable

from cxr_desktop.worklist.row import Row


def companions(row: Row, rows: Iterable[Row]) -> list[Row]:
    """List the patient's other films: of the same study first (a lateral), then the others, the latest before it first.

    A film without a patient's identifier has none: that two files lie side by side does not make them one patient's.
    """
    patient = row.identity.patient_id
    if not patient:
        return []
    others = [each for each in rows if each is not row and each.identity.patient_id == patient]
    return sorted(others, key=lambda each: _nearness(each, row))


def caption(row: Row, beside: Row, *, hidden: bool = False) -> str:
    """Say what a companion is: ``same study``, or whether a prior and, unless patient data are hidden, of when."""
    if beside.identity.study_uid and beside.identity.study_uid == row.identity.study_uid:
        return "same study"
    when, now = beside.identity.acquired, row.identity.acquired
    if not when:
        return "same patient, undated"
    order = "prior" if not now or when < now else "later"
    return order if hidden else f"{order}, {when[:10]}"


def _nearness(other: Row, row: Row) -> tuple[bool, bool, bool, list[int]]:
    same = bool(row.identity.study_uid) and other.identity.study_uid == row.identity.study_uid
    when, now = other.identity.acquired, row.identity.acquired
    later = bool(when and now and when > now)
    digits = [int(each) for each in when if each.isdigit()]
    return not same, later, not when, [digit if later else -digit for digit in digits]
