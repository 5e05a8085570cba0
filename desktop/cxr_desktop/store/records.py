"""What the store keeps besides verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from cxr_desktop.inference.verdict import Verdict
from cxr_shared.findings import Target


class Opinion(StrEnum):
    """What a reader says to one target's answer."""

    AGREE = "agree"
    DISAGREE = "disagree"


@dataclass(frozen=True, slots=True)
class Read:
    """One state of a reader's reading of a film; the latest counts.

    Attributes
    ----------
    sha256
        The film's content.
    bundle_sha256
        The bundle whose scores the reader saw; empty where none were there.
    opinions
        What the reader said to each target; those not judged are left out.
    note
        The reader's own words. They may hold patient data: never log them.
    finished
        Marked as read.
    blind
        Committed before the scores were shown.
    calls
        What the reader saw before the scores were shown: for each target that they judged, whether it is present.
    at
        ISO 8601, UTC; the store sets it where it is empty.
    """

    sha256: str
    bundle_sha256: str
    opinions: Mapping[Target, Opinion]
    note: str = ""
    finished: bool = False
    blind: bool = False
    calls: Mapping[Target, bool] = field(default_factory=dict)
    at: str = ""


@dataclass(slots=True)
class StoredFilm:
    """One place of the worklist.

    Attributes
    ----------
    source
        The file, absolute.
    added_at
        When it came onto the list, in seconds since the epoch.
    sha256
        SHA-256 of its content; empty while it was not read, or has changed since.
    verdict
        The newest by the bundle asked for, else the newest by any; None while it waits.
    stale
        The verdict is by another bundle than the one asked for.
    read
        The latest reading of this content.
    real
        Its real path, by which it is on the list once.
    """

    source: Path
    added_at: float
    sha256: str
    verdict: Verdict | None
    stale: bool
    read: Read | None
    real: str = ""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the audit trail.

    Attributes
    ----------
    number
        1, 2, 3 and so on, without a gap.
    at
        ISO 8601, UTC.
    action
        What was done, such as ``"verdicts-saved"``.
    detail
        Counts and hashes; no patient data.
    previous, hash
        SHA-256 of the entry before (zeros for the first), and of this one with it.
    """

    number: int
    at: str
    action: str
    detail: Mapping[str, str]
    previous: str
    hash: str
