"""Counts and gauges of the service, as Prometheus reads them. None of them names a patient, a film or an address."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from cxr_desktop.inference.lanes import Lane, TriagePolicy, lane_of
from cxr_desktop.inference.verdict import Provenance, Refused, Verdict
from cxr_shared import __version__

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)


class Metrics:
    """Everything that is counted; may be used from any thread.

    Parameters
    ----------
    policy
        What lanes follow.
    """

    def __init__(self, policy: TriagePolicy) -> None:
        self._policy = policy
        self._registry = registry = CollectorRegistry()
        self._info = Info("cxr_service", "What runs", registry=registry)
        self.received = Counter("cxr_films_received", "Films kept from the network", registry=registry)
        self.received_again = Counter("cxr_films_received_again", "Films that were kept already", registry=registry)
        self.received_bytes = Counter("cxr_received_bytes", "Bytes of films kept from the network", registry=registry)
        self.objects_refused = Counter("cxr_objects_refused", "Objects not kept", ["reason"], registry=registry)
        self.associations_refused = Counter(
            "cxr_associations_refused", "Associations not accepted, or ended", ["reason"], registry=registry
        )
        self.scored = Counter("cxr_films_scored", "Films scored", ["lane"], registry=registry)
        self.refused = Counter("cxr_films_refused", "Films that could not be scored", ["kind"], registry=registry)
        self.faults = Counter("cxr_faults", "Faults of this program; see its log", registry=registry)
        self.results = Counter("cxr_results", "Results on their way to the archive", ["outcome"], registry=registry)
        self.seconds = Histogram(
            "cxr_film_seconds", "From a film's arrival to its verdict", buckets=_SECONDS, registry=registry
        )

    def describe(self, provenance: Provenance) -> None:
        """Say what scores."""
        self._info.info(
            {
                "version": __version__,
                "bundle_sha256": provenance.bundle_sha256,
                "provider": provenance.provider,
                "plan": provenance.plan,
            }
        )

    def watch(self, name: str, words: str, value: Callable[[], float]) -> None:
        """Add a gauge whose value is asked for whenever the metrics are."""
        Gauge(name, words, registry=self._registry).set_function(value)

    def watch_each(
        self, name: str, words: str, label: str, *, values: Iterable[str], of: Callable[[str], float]
    ) -> None:
        """Add a gauge for each value of a label, asked for whenever the metrics are."""
        gauge = Gauge(name, words, [label], registry=self._registry)
        for value in values:
            gauge.labels(value).set_function(partial(of, value))

    def judged(self, verdict: Verdict, seconds: float | None) -> None:
        """Count a verdict, and how long the film waited for it where that is known."""
        if isinstance(verdict, Refused):
            self.refused.labels(verdict.kind).inc()
        else:
            self.scored.labels(_label(lane_of(verdict, self._policy))).inc()
        if seconds is not None:
            self.seconds.observe(seconds)

    def text(self) -> bytes:
        """Give everything in Prometheus' text format."""
        return generate_latest(self._registry)


def _label(lane: Lane) -> str:
    return lane.words.replace(" ", "_")
