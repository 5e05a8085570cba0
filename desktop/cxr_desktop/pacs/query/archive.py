"""An archive: search it, find a film's priors, fetch films."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import Final

from pydicom.dataset import Dataset

from cxr_desktop.pacs.config import NetworkConfig, Peer
from cxr_desktop.pacs.errors import NetworkError, PeerRefused, PeerUnreachable
from cxr_desktop.pacs.query.answers import (
    Level,
    found_in,
    modalities_in,
    series_keys,
    study_keys,
    uid_in,
    with_series,
)
from cxr_desktop.pacs.query.keeper import Keeper
from cxr_desktop.pacs.query.link import Finder, Link, Stopped, never
from cxr_desktop.pacs.query.model import Fetched, Found, Identified, LeftOut, Progress, Query, TooManyFound
from cxr_desktop.pacs.spool import Spool
from cxr_shared.film.acceptance import names_chest
from cxr_shared.film.tags import code

_ANSWERS_PER_FOUND: Final = 10
"""An archive may ignore a key; so many answers for one that is wanted are read before the search ends."""
_SERIES: Final = 500
"""Of a study; no radiograph has so many."""

LeftOutHeard = Callable[[LeftOut], None]
ProgressHeard = Callable[[Progress], None]


class Archive:
    """A peer's films, by whatever way it is reached; usable from any thread, every call for itself.

    Parameters
    ----------
    peer
        Name of the peer.
    link
        The way to it.
    origin
        What films from it say they came from: its AE title, else its name.
    object_bytes
        Largest object that is taken.
    """

    def __init__(self, peer: str, link: Link, *, origin: str, object_bytes: int) -> None:
        self.peer = peer
        self._origin = origin
        self._link = link
        self._object_bytes = object_bytes

    def check(self) -> str:
        """Ask whether the archive hears (C-ECHO, or a question by QIDO-RS), and say what it answered.

        Raises
        ------
        PeerUnreachable, PeerRefused
            It does not.
        """
        return self._link.check()

    def search(
        self, query: Query, *, stopped: Stopped = never, left_out: LeftOutHeard = lambda _: None
    ) -> Generator[Found, None, None]:
        """Give studies that probably hold chest films, as they are found.

        Where the words of a study do not say that it shows a chest, its series are asked for; what names
        another part of the body is left out, what names none is not.

        Parameters
        ----------
        query
            What to look for.
        stopped
            Asked throughout; True ends the search.
        left_out
            Told of each answer that is not among what is given.

        Raises
        ------
        TooManyFound
            After `query.limit` studies.
        PeerUnreachable, PeerRefused
            The archive did not answer to the end.
        """
        try:
            with self._link.finding(stopped) as finder:
                found = _Search(self.peer, finder, query, left_out).run(stopped)
                for number, each in enumerate(found):
                    if number == query.limit:
                        raise TooManyFound(query.limit)
                    yield each
        except PeerUnreachable:
            if not stopped():
                raise

    def priors(
        self,
        of: Identified,
        *,
        issuer: str = "",
        stopped: Stopped = never,
        left_out: LeftOutHeard = lambda _: None,
    ) -> Iterator[Found]:
        """Give the patient's earlier chest films, the latest first; none for a film without a patient's identifier.

        Parameters
        ----------
        of
            The film.
        issuer
            Issuer of its Patient ID (0010,0021), where its file has one. An identifier is another patient's where the
            archive names another issuer.
        stopped, left_out
            As for `search`.
        """
        if not of.patient_id:
            return
        query = Query(patient_id=of.patient_id, issuer=issuer)
        with closing(self.search(query, stopped=stopped, left_out=left_out)) as answers:
            earlier = [each for each in answers if _is_prior(each, of)]
        for each in sorted(earlier, key=lambda found: found.acquired, reverse=True):
            if issuer and each.issuer and each.issuer != issuer:
                left_out(LeftOut.OTHER_ISSUER)
            else:
                yield each

    def fetch(
        self,
        found: Found,
        *,
        into: Spool,
        progress: ProgressHeard = lambda _: None,
        stopped: Stopped = never,
    ) -> Fetched:
        """Fetch a study's films into the spool.

        What was kept stays, whatever happens later. By C-MOVE films go to the receiver, and none are `kept` here.

        Parameters
        ----------
        found
            The study.
        into
            Where films are kept, as received ones are.
        progress
            Told after each instance, and of bytes in between.
        stopped
            Asked throughout; True ends the transfer in its middle.

        Raises
        ------
        PeerUnreachable, PeerRefused, SpoolFull, SpoolNotWritable
            Before any instance came; later ones are `Fetched.trouble`.
        """
        keeper = Keeper(
            into, self._origin, found.study_uid, limit=self._object_bytes, progress=progress, stopped=stopped
        )
        try:
            whole = found if found.series else self._with_series(found, keeper)
            if whole.series and not keeper.stopped():
                keeper.expect(whole.instances)
                self._link.retrieve(found.study_uid, whole.series, keeper)
        except NetworkError as error:
            if keeper.is_empty and not keeper.given_up:
                raise
            return keeper.outcome(trouble=None if keeper.given_up else error)
        return keeper.outcome()

    def _with_series(self, found: Found, keeper: Keeper) -> Found:
        with self._link.finding(keeper.stopped) as finder:
            series, _ = films_among(finder, found)
        if not series and not keeper.stopped():
            keeper.refuse("The study has no series of chest films any more.")
        return with_series(found, series)


class _Search:
    """One search: studies whose words say enough are given at once, the others when their series were looked at."""

    def __init__(self, peer: str, finder: Finder, query: Query, left_out: LeftOutHeard) -> None:
        self._peer, self._finder, self._query, self._left_out = peer, finder, query, left_out
        self._seen: set[str] = set()
        self._answers = 0

    def run(self, stopped: Stopped) -> Iterator[Found]:
        undecided: list[Found] = []
        for modality in self._query.modalities or ("",):
            for answer in self._finder.find(Level.STUDY, study_keys(self._query, modality)):
                found = self._read(answer)
                if found is None or answer is None:
                    continue
                if names_chest(answer) and _only_films(found):
                    yield found
                else:
                    undecided.append(found)
        for found in undecided:
            if stopped():
                return
            series, reason = films_among(self._finder, found)
            if series:
                yield with_series(found, series)
            elif not stopped():
                self._left_out(reason)

    def _read(self, answer: Dataset | None) -> Found | None:
        """Read a study that is wanted and was not given before."""
        self._answers += 1
        if self._answers > self._query.limit * _ANSWERS_PER_FOUND:
            raise TooManyFound(self._query.limit)
        if answer is None:
            self._left_out(LeftOut.UNREADABLE)
            return None
        found = found_in(answer, self._peer, self._query.modalities)
        if found is None:
            self._left_out(LeftOut.NO_UID)
            return None
        if found.study_uid in self._seen:
            return None
        self._seen.add(found.study_uid)
        reason = self._reason_against(answer)
        if reason is not None:
            self._left_out(reason)
            return None
        return found

    def _reason_against(self, answer: Dataset) -> LeftOut | None:
        modalities = modalities_in(answer)
        if modalities and self._query.modalities and not set(modalities) & set(self._query.modalities):
            return LeftOut.OTHER_MODALITY
        return LeftOut.NOT_CHEST if names_chest(answer) is False else None


def films_among(finder: Finder, found: Found) -> tuple[list[Dataset], LeftOut]:
    """Ask for a study's series; give those that are probably chest films, and why there is none where there is none."""
    films: list[Dataset] = []
    reason = LeftOut.OTHER_MODALITY
    for number, answer in enumerate(finder.find(Level.SERIES, series_keys(found.study_uid))):
        if number == _SERIES:
            raise PeerRefused(f"{found.peer} names more than {_SERIES} series in one study; this is no study of films.")
        if answer is None or not uid_in(answer, "SeriesInstanceUID"):
            continue
        modality = code(answer, "Modality")
        if not modality or not found.wanted or modality in found.wanted:
            reason = LeftOut.NOT_CHEST
            if names_chest(answer) is not False:
                films.append(answer)
    return films, reason


def _only_films(found: Found) -> bool:
    """Whether the study says that it has only modalities that are wanted; else its series are looked at."""
    return bool(found.modalities) and set(found.modalities) <= set(found.wanted)


def _is_prior(found: Found, of: Identified) -> bool:
    """Whether it is an earlier study of exactly this patient's; wildcards and a lax archive may answer more."""
    if found.patient_id != of.patient_id or found.study_uid == of.study_uid:
        return False
    return not (found.acquired and of.acquired) or found.acquired[:10] <= of.acquired[:10]


def archive_for(peer: Peer, config: NetworkConfig, *, moves_arrive_at: str = "") -> Archive:
    """Make the archive of a peer, by DICOMweb where the peer has it, else by DIMSE.

    Parameters
    ----------
    peer
        The peer; nothing is sent to it yet.
    config
        Whose receiver's title this program calls itself by, and whose quotas bound an object.
    moves_arrive_at
        AE title of the running receiver, which C-MOVE sends to; empty where none runs.

    Raises
    ------
    MissingExtra
        The network's packages are not installed.
    """
    object_bytes = int(config.receive.quotas.object_megabytes * 1e6)
    origin = peer.dimse.ae_title if peer.dimse else peer.name
    return Archive(peer.name, _link(peer, config, moves_arrive_at), origin=origin, object_bytes=object_bytes)


def _link(peer: Peer, config: NetworkConfig, moves_arrive_at: str) -> Link:
    if peer.web is not None:
        from cxr_desktop.pacs.query.web import WebLink

        return WebLink(peer.web, peer.name)
    assert peer.dimse is not None
    from cxr_desktop.pacs.query.dimse import DimseLink

    return DimseLink(peer.dimse, peer.name, config.receive.ae_title, moves_arrive_at)
