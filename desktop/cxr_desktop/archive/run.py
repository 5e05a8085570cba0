"""Scoring an archive: list it, settle how, score what has no rows yet, write part by part."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias

from cxr_desktop.archive.errors import ArchiveUnfinished, ArchiveUnreachable
from cxr_desktop.archive.films import Part
from cxr_desktop.archive.here import score_here
from cxr_desktop.archive.inventory import Inventory
from cxr_desktop.archive.listing import Listing
from cxr_desktop.archive.results import Collector, Tally, done
from cxr_desktop.archive.rows import metadata_of
from cxr_desktop.archive.settled import Decision, claim, decide, settle, settled
from cxr_desktop.archive.storage import Storage
from cxr_desktop.archive.tables import arrow
from cxr_desktop.inference.kinds import Wanted
from cxr_desktop.intake.decoding import DecodePool
from cxr_desktop.report.pseudonyms import Pseudonyms
from cxr_shared.bundle import Bundle

PART_FILMS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Archive:
    """What is to be scored, and where the rows go.

    Attributes
    ----------
    places
        Absolute paths or URLs of the films.
    out
        Where the rows go.
    wanted
        The provider asked for.
    names
        Pseudonyms for patients; None leaves them as they are.
    part_films
        Films of a part that is listed from now on.
    """

    places: tuple[str, ...]
    out: Storage
    wanted: Wanted = Wanted.AUTO
    names: Pseudonyms | None = None
    part_films: int = PART_FILMS


@dataclass(frozen=True, slots=True)
class Listed:
    """What there is to do: films in the inventory, those whose rows were there before, and what to hear of it."""

    films: int
    before: int
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """So many films more have rows."""

    films: int


Event: TypeAlias = Listed | Rows


class Scoring(Protocol):
    """Where films are scored."""

    def decide(self, wanted: Wanted, *, films: int) -> Decision:
        """Choose provider and plan."""

    def score(self, parts: Iterable[Part], decision: Decision) -> Iterator[Any]:
        """Score parts; yields tables of rows of one part each."""


class Here:
    """Scores films in this process."""

    def __init__(self, bundle: Bundle, *, make_pool: Callable[[], DecodePool] = DecodePool) -> None:
        self._bundle = bundle
        self._make_pool = make_pool

    def decide(self, wanted: Wanted, *, films: int) -> Decision:
        """Choose provider and plan, see `settled.decide`."""
        return decide(self._bundle, wanted, films=films)

    def score(self, parts: Iterable[Part], decision: Decision) -> Iterator[Any]:
        """Score parts, see `here.score_here`."""
        return score_here(parts, self._bundle, decision, make_pool=self._make_pool)


def score_archive(archive: Archive, bundle: Bundle, scoring: Scoring, *, tell: Callable[[Event], None]) -> Tally:
    """Score every film of an archive that has no row yet.

    A list of films is gone on with as it was made. Once all of it is done, the archive is listed again, and films that
    came since are a further list.

    Parameters
    ----------
    archive
        What is to be scored.
    bundle
        A verified bundle.
    scoring
        Where.
    tell
        Called with each event, in the caller's thread.

    Raises
    ------
    ArchiveUnreachable, ArchiveRefused, MachineFailed, ArchiveUnfinished, OutputError, MissingExtra
        The films cannot be listed, the results are another run's, or rows are missing at the end.
    """
    arrow()
    claim(archive.out, bundle, archive.places, deidentified=archive.names is not None)
    decision = settled(archive.out, archive.wanted)
    inventory, remarks = _up_to_date(archive)
    missing = _missing(inventory, archive.out)
    to_do = inventory.films_in(missing)
    tell(Listed(inventory.films, inventory.films - to_do, remarks))
    if not missing:
        return Tally()
    if decision is None:
        decision = scoring.decide(archive.wanted, films=to_do)
        settle(archive.out, decision)
    metadata = metadata_of(decision.provenance, bundle.manifest, deidentified=archive.names is not None)
    collector = Collector(archive.out, metadata, archive.names)
    for last in (False, False, True):
        try:
            for rows in scoring.score(_expected(inventory, missing, collector), decision):
                tell(Rows(collector.add(rows)))
        except ArchiveUnfinished:
            if last:
                raise
        missing = _missing(inventory, archive.out)
        if not missing:
            return collector.tally
    raise ArchiveUnfinished(f"{len(missing)} parts lack rows. What was written stays; the same command goes on.")


def _up_to_date(archive: Archive) -> tuple[Inventory, tuple[str, ...]]:
    """Return the inventory, extended where all of it is done, and what to say of it."""
    inventory = Inventory(archive.out)
    if _missing(inventory, archive.out):
        return inventory, ()
    again = bool(inventory.generations)
    made = inventory.extend(Listing(archive.places), part_films=archive.part_films)
    if not inventory.films:
        places = ", ".join(archive.places)
        raise ArchiveUnreachable(f"No film was found in {places}. Films are PNG, JPEG or DICOM files.")
    remarks = list(made.remarks)
    if again:
        remarks.append(f"{made.films:,} films are new since the archive was listed last.")
    if made.changed:
        remarks.append(f"{made.changed:,} films were written over since; they keep the rows that they have.")
    return inventory, tuple(remarks)


def _missing(inventory: Inventory, out: Storage) -> list[int]:
    written = done(out)
    return [number for number in range(inventory.parts) if number not in written]


def _expected(inventory: Inventory, numbers: Iterable[int], collector: Collector) -> Iterator[Part]:
    for number in numbers:
        part = inventory.part(number)
        collector.expect(part)
        yield part
