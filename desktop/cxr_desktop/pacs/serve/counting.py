"""What the receiver and the sender tell, counted and, where a person may have to act, logged."""

from __future__ import annotations

import logging
from typing import Final

from cxr_desktop.pacs.receive.events import (
    AssociationEnded,
    AssociationRefused,
    Ending,
    FilmKept,
    ObjectRefused,
    ReceiverEvent,
)
from cxr_desktop.pacs.send.sender import Deferred, Refused, SendEvent, Sent, Troubled, Unconfirmed
from cxr_desktop.pacs.serve.metrics import Metrics

_log = logging.getLogger(__name__)
_OUTCOMES: Final = {
    Sent: ("sent", logging.INFO),
    Deferred: ("deferred", logging.WARNING),
    Refused: ("refused", logging.ERROR),
    Unconfirmed: ("unconfirmed", logging.WARNING),
    Troubled: ("troubled", logging.ERROR),
}
_ORDERLY: Final = (Ending.RELEASED, Ending.STOPPED)


def count_received(metrics: Metrics, event: ReceiverEvent) -> None:
    """Count what the receiver tells; it logs its refusals itself."""
    match event:
        case FilmKept(duplicate=True):
            metrics.received_again.inc()
        case FilmKept(bytes=size):
            metrics.received.inc()
            metrics.received_bytes.inc(size)
        case ObjectRefused(reason=reason):
            metrics.objects_refused.labels(reason.value).inc()
        case AssociationRefused(reason=refusal):
            metrics.associations_refused.labels(refusal.value).inc()
        case AssociationEnded(how=how) if how not in _ORDERLY:
            metrics.associations_refused.labels(how.value).inc()


def count_sent(metrics: Metrics, event: SendEvent) -> None:
    """Count and log what the sender tells."""
    outcome, level = _OUTCOMES[type(event)]
    metrics.results.labels(outcome).inc()
    what = f"{event.kind} {event.number}" if event.number else "results"
    _log.log(level, "%s for %s: %s%s", what, event.peer, outcome, f" ({event.reason})" if event.reason else "")
