"""Putting what is said of a film into the outbox, for the peer that the network file names."""

from __future__ import annotations

from dataclasses import dataclass

from cxr_desktop.inference.verdict import Scored
from cxr_desktop.intake.pool import Pool
from cxr_desktop.pacs.config import SOURCE, NetworkConfig
from cxr_desktop.pacs.errors import PeerUnknown
from cxr_desktop.pacs.send.outbox import Outbox
from cxr_desktop.pacs.spool import origin_of
from cxr_shared.bundle import Manifest

_FILM = "The film"
"""What it is called in a sentence: its name may say whom it shows."""


@dataclass(frozen=True, slots=True)
class Queued:
    """What came of queueing a film's results.

    Attributes
    ----------
    peer
        Where they go; empty where they go nowhere.
    added
        Objects that are new in the outbox.
    reason
        Why nothing was queued, a sentence; empty where something was, now or before.
    warnings
        Why a picture was left out, a sentence each.
    """

    peer: str = ""
    added: int = 0
    reason: str = ""
    warnings: tuple[str, ...] = ()


def queue_results(outbox: Outbox, config: NetworkConfig, verdict: Scored, manifest: Manifest, pool: Pool) -> Queued:
    """Make the objects about a film that `config.returns` names, and put them into the outbox.

    Parameters
    ----------
    outbox
        Takes them; its `Sender` is to be woken afterwards.
    config
        Says which objects go where.
    verdict
        The film's; its file is read again.
    manifest
        The bundle that scored it.
    pool
        Decodes the film for its captures.

    Raises
    ------
    OutboxError
        They could not be kept; nothing was queued.
    OutputError
        One could not be encoded; nothing was queued.
    """
    from cxr_desktop.report.dicom.export import NoObjectsError, context_of, film_objects, now
    from cxr_desktop.report.dicom.source import NoStudyError

    warnings: list[str] = []
    try:
        peer = _peer(config, verdict)
        context = context_of(verdict, manifest, label=_FILM, made=now())
        objects = film_objects(context, pool, config.returns.objects, label=_FILM, warn=warnings.append)
        added = outbox.add(objects, to=peer, film=verdict.sha256)
    except (NoStudyError, NoObjectsError, PeerUnknown) as error:
        return Queued(reason=str(error))
    return Queued(peer, added, warnings=tuple(warnings))


def _peer(config: NetworkConfig, verdict: Scored) -> str:
    to = config.returns.to
    if not to:
        raise PeerUnknown("Results are returned nowhere: the network file has no `to` in [return].")
    if to != SOURCE:
        return config.peer(to).name
    origin = origin_of(verdict.source)
    if not origin:
        raise PeerUnknown("The film does not say where it came from. Name a peer as `to` in [return].")
    return config.peer_of(origin).name
