"""A search in an archive and the fetch of what it found, in the background; at most one of them at a time."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, Signal

from cxr_desktop.ui.i18n import tr
from cxr_desktop.ui.network import Network
from cxr_shared.film import Identity

if TYPE_CHECKING:
    from cxr_desktop.pacs.query import Archive, Fetched, Found, LeftOut, Progress

_EVERY_S: Final = 0.1
_REASONS: Final = 3


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person entered."""

    peer: str
    since: date | None
    until: date | None
    patient_id: str = ""
    accession_number: str = ""


class Finding(QObject):
    """Searches and fetches; signals are sent in the window's thread.

    Signals
    -------
    found
        list of Found: studies, as they come.
    progressed
        (str, int, int): how far a fetch is, in words, and of how many instances.
    ended, broken
        str: the search or the fetch is over; what came of it, or what went wrong.
    """

    found = Signal(list)
    progressed = Signal(str, int, int)
    ended = Signal(str)
    broken = Signal(str)

    def __init__(self, network: Network, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._network = network
        self._stop = threading.Event()

    def search(self, asked: Asked) -> None:
        """Look for films."""

        def answers(archive: Archive, stopped: Callable[[], bool], left: Callable[[LeftOut], None]) -> Iterable[Found]:
            from cxr_desktop.pacs.query import Query

            query = Query(
                since=asked.since,
                until=asked.until,
                patient_id=asked.patient_id,
                accession_number=asked.accession_number,
            )
            return archive.search(query, stopped=stopped, left_out=left)

        self._look(asked.peer, answers)

    def priors(self, peer: str, film: Path) -> None:
        """Look for the earlier films of the patient whom a film's file names."""

        def answers(archive: Archive, stopped: Callable[[], bool], left: Callable[[LeftOut], None]) -> Iterable[Found]:
            identity, issuer = whose(film)
            return archive.priors(identity, issuer=issuer, stopped=stopped, left_out=left)

        self._look(peer, answers)

    def fetch(self, chosen: Sequence[Found]) -> None:
        """Fetch studies; films go onto the list as they come."""
        stopped = self._begin()
        self._run(lambda: self._fetch_all(chosen, stopped))

    def stop(self) -> None:
        """End what is under way; what came stays."""
        self._stop.set()

    def _begin(self) -> Callable[[], bool]:
        stop = self._stop = threading.Event()
        return lambda: stop.is_set() or self._network.closing()

    def _run(self, operation: Callable[[], str]) -> None:
        self._network.run(operation, self.ended.emit, self.broken.emit)

    def _look(
        self,
        peer: str,
        answers: Callable[[Archive, Callable[[], bool], Callable[[LeftOut], None]], Iterable[Found]],
    ) -> None:
        stopped = self._begin()

        def look() -> str:
            left_out: Counter[str] = Counter()
            batch: list[Found] = []
            count, told = 0, 0.0

            def tell() -> None:
                some = list(batch)
                batch.clear()
                self._network.post(lambda: self.found.emit(some))

            try:
                for found in answers(self._network.archive(peer), stopped, lambda why: left_out.update([why])):
                    batch.append(found)
                    count += 1
                    if time.monotonic() - told > _EVERY_S:
                        tell()
                        told = time.monotonic()
            finally:
                tell()
            return _said_of_search(count, left_out, stopped=stopped())

        self._run(look)

    def _fetch_all(self, chosen: Sequence[Found], stopped: Callable[[], bool]) -> str:
        total = sum(found.instances or 1 for found in chosen)
        outcomes: list[Fetched] = []
        before = 0
        for found in chosen:
            if stopped():
                break
            progress = _Steady(lambda at, before=before: self._tell(at, before, total))  # type: ignore[misc]
            archive = self._network.archive(found.peer)
            fetched = archive.fetch(found, into=self._network.spool(), progress=progress, stopped=stopped)
            outcomes.append(fetched)
            before += found.instances or 1
            films = [*fetched.kept, *fetched.known]
            if films:
                self._network.post(lambda films=films: self._network.arrived.emit(films))  # type: ignore[misc]
            if fetched.trouble is not None:
                break
        return said_of_fetch(outcomes, stopped=stopped())

    def _tell(self, at: Progress, before: int, total: int) -> None:
        done = before + at.done
        words = tr(
            "{done:,} of {total:,} films, {megabytes:,.1f} MB",
            done=done,
            total=max(total, done),
            megabytes=at.bytes / 1e6,
        )
        self._network.post(lambda: self.progressed.emit(words, done, max(total, done)))


class _Steady:
    """Passes some of many reports on, so that the window is not flooded."""

    def __init__(self, tell: Callable[[Progress], None]) -> None:
        self._tell, self._told, self._done = tell, 0.0, -1

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if progress.done != self._done or now - self._told > _EVERY_S:
            self._told, self._done = now, progress.done
            self._tell(progress)


def whose(film: Path) -> tuple[Identity, str]:
    """Read whose a film is, and Issuer of Patient ID (0010,0021), of its file.

    Raises
    ------
    QueryImpossible
        The file does not say.
    """
    from cxr_desktop.pacs.query.model import QueryImpossible
    from cxr_shared.film.header import read_header
    from cxr_shared.film.identity import read_identity
    from cxr_shared.film.refusals import FilmRefusedError
    from cxr_shared.film.tags import text

    try:
        with film.open("rb") as stream:
            dataset = read_header(stream).dataset
        identity, issuer = read_identity(dataset), text(dataset, "IssuerOfPatientID")
    except (OSError, ValueError, TypeError, LookupError, AttributeError, EOFError, FilmRefusedError):
        identity, issuer = Identity(), ""
    if not identity.patient_id:
        raise QueryImpossible(tr("The open film does not say whose it is, so its priors cannot be asked for."))
    return identity, issuer


def _said_of_search(count: int, left_out: Counter[str], *, stopped: bool) -> str:
    words = _of_number(count, tr("1 study"), tr("{count:,} studies", count=count)) if count else tr("Nothing was found")
    if left_out:
        reasons = ", ".join(f"{number:,} {tr(reason)}" for reason, number in left_out.most_common())
        words = tr("{studies}; left out: {reasons}", studies=words, reasons=reasons)
    return tr("{words} (stopped)", words=words) if stopped else words


def _of_number(count: int, one: str, many: str) -> str:
    return one if count == 1 else many


def said_of_fetch(outcomes: Sequence[Fetched], *, stopped: bool) -> str:
    """Say what a fetch brought, what was refused and why, and what ended it early."""
    new, known = sum(len(each.kept) for each in outcomes), sum(len(each.known) for each in outcomes)
    moved = sum(each.moved for each in outcomes)
    refused = Counter(reason for each in outcomes for reason in each.refused)
    said = [_of_number(new, tr("Fetched 1 film."), tr("Fetched {count:,} films.", count=new))]
    if not new and (known or moved):
        said = []
    if known:
        said.append(_of_number(known, tr("1 was here already."), tr("{count:,} were here already.", count=known)))
    if moved:
        said.append(tr("The archive sent {count:,} to the receiver.", count=moved))
    if refused:
        reasons = " ".join(f"{count:,}: {reason}" for reason, count in refused.most_common(_REASONS))
        said.append(tr("Not kept: {reasons}", reasons=reasons))
    said += [str(each.trouble) for each in outcomes if each.trouble is not None]
    if stopped:
        said.append(tr("It was stopped; what came stays."))
    return " ".join(said)
