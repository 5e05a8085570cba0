"""Films whose results went nowhere, such as while the network file did not name their archive."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable

from cxr_desktop.inference.verdict import Scored
from cxr_desktop.pacs.send.outbox import Outbox
from cxr_desktop.pacs.spool import Spool
from cxr_desktop.store import RecordDamaged, Store
from cxr_shared.errors import CxrError

_log = logging.getLogger(__name__)


def return_missed(
    spool: Spool,
    store: Store,
    outbox: Outbox,
    *,
    bundle_sha256: str,
    queue: Callable[[Scored], object],
    stopped: Callable[[], bool],
) -> int:
    """Queue the results of the films that are still kept and about which nothing was ever queued; returns how many.

    Parameters
    ----------
    spool, store, outbox
        The service's.
    bundle_sha256
        Only this bundle's verdicts: its manifest says what their results mean.
    queue
        Puts a film's results into the outbox.
    stopped
        Asked between films.
    """
    films = 0
    try:
        for film in list(spool.films()):
            if stopped():
                break
            verdict = None if outbox.knows(film.stem) else _last(store, film.stem)
            if isinstance(verdict, Scored) and verdict.provenance.bundle_sha256 == bundle_sha256:
                queue(dataclasses.replace(verdict, source=film))
                films += outbox.knows(film.stem)
    except CxrError as error:
        _log.error("results that were missed could not all be queued: %s", error)
    _log.info("results that were missed are on their way, of films: %d", films)
    return films


def _last(store: Store, sha256: str) -> object:
    """Return the last verdict on a content; None where there is none, or it is damaged."""
    try:
        history = store.history(sha256)
    except RecordDamaged:
        return None
    return history[-1] if history else None
