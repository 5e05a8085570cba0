"""Receive, score, return: everything of the service, put together and taken apart again."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

from cxr_desktop.inference.lanes import DEFAULT_POLICY, TriagePolicy, lane_of
from cxr_desktop.inference.loading import Loaded
from cxr_desktop.inference.verdict import Scored, Verdict
from cxr_desktop.intake.decoding import DecodePool
from cxr_desktop.pacs.config import NetworkConfig
from cxr_desktop.pacs.receive import Receiver
from cxr_desktop.pacs.send.entries import State
from cxr_desktop.pacs.send.outbox import Outbox
from cxr_desktop.pacs.send.results import queue_results
from cxr_desktop.pacs.send.sender import Sender
from cxr_desktop.pacs.serve.counting import count_received, count_sent
from cxr_desktop.pacs.serve.http import Checks, HealthServer
from cxr_desktop.pacs.serve.metrics import CONTENT_TYPE, Metrics
from cxr_desktop.pacs.serve.missed import return_missed
from cxr_desktop.pacs.serve.notify import notify, watchdog_seconds
from cxr_desktop.pacs.serve.pipeline import Pipeline
from cxr_desktop.pacs.spool import Spool
from cxr_desktop.store import Store
from cxr_shared.errors import CxrError

_log = logging.getLogger(__name__)
_BEAT_S: Final = 5.0
_TIDY_S: Final = 600.0
_SHOWN: Final = 8


class Service:
    """The service over a folder of its own; `start` it, `run` it until it is asked to stop, `close` it.

    Parameters
    ----------
    config
        The network file.
    loaded
        The bundle that scores.
    state
        Folder for the store, the received films and the outbox; one service at a time.
    policy
        What lanes follow.
    missed
        Whether to return the results, too, of films that are kept and about which nothing was ever queued.

    Raises
    ------
    NetworkError, StoreError
        The folder cannot be used.
    """

    def __init__(
        self,
        config: NetworkConfig,
        loaded: Loaded,
        state: Path,
        *,
        policy: TriagePolicy = DEFAULT_POLICY,
        missed: bool = False,
    ) -> None:
        self._missed = threading.Thread(target=self._return_missed, name="cxr-missed") if missed else None
        self._stopping = threading.Event()
        self._config = config
        self._loaded = loaded
        self._policy = policy
        self._open = contextlib.ExitStack()
        self._metrics = Metrics(policy)
        with contextlib.ExitStack() as opened:
            self._store = opened.enter_context(contextlib.closing(Store(state / "store.sqlite")))
            self._spool = Spool(state / "received", config.receive.quotas)
            self._outbox = opened.enter_context(contextlib.closing(Outbox(state / "outbox")))
            self._pool = opened.enter_context(DecodePool(workers=1))
            self._open = opened.pop_all()
        self._pipeline = Pipeline(loaded, self._deliver, on_fault=self._metrics.faults.inc)
        self._receiver = Receiver(
            config.receive,
            self._spool,
            on_film=self._pipeline.submit,
            on_event=lambda event: count_received(self._metrics, event),
        )
        self._sender = Sender(self._outbox, config, on_event=lambda event: count_sent(self._metrics, event))
        checks = Checks(lambda: self._pipeline.live, self._faults, lambda: (self._metrics.text(), CONTENT_TYPE))
        self._checks = checks
        self._health: HealthServer | None = None
        self._gauges()

    @property
    def port(self) -> int:
        """Port of the receiver."""
        return self._receiver.port

    @property
    def health_port(self) -> int:
        """Port of health and metrics."""
        assert self._health is not None, "the service was started"
        return self._health.port

    def start(self) -> Self:
        """Go on with what was not done, then begin to receive.

        Raises
        ------
        PortInUse
            A port cannot be had.
        NetworkError, StoreError
            Something else does not work.
        """
        self._health = HealthServer(self._config.serve.host, self._config.serve.port, self._checks)
        self._open.callback(self._health.close)
        waiting = [film for film in self._spool.films() if not self._store.has_judged(film.stem)]
        self._metrics.describe(self._loaded.provenance)
        self._start(self._pipeline)
        for film in waiting:
            self._pipeline.submit(film)
        self._start(self._sender)
        if self._config.receive.enabled:
            self._start(self._receiver)
        if self._missed is not None:
            self._missed.start()
            self._open.callback(self._missed.join)
        self._health.start()
        self._store.audit("service started", bundle=self._loaded.bundle.sha256, waiting=str(len(waiting)))
        _log.info("%s; %d films wait from before", self._words(), len(waiting))
        return self

    def run(self, stop: threading.Event) -> None:
        """Watch over the service until `stop` is set, and tell systemd of it."""
        notify(READY="1", STATUS=self._words())
        tidied = time.monotonic()
        while not stop.wait(min(_BEAT_S, watchdog_seconds() or _BEAT_S)):
            if self._pipeline.live:
                notify(WATCHDOG="1", STATUS=f"{self._words()}; {self._pipeline.waiting} films wait")
            if time.monotonic() - tidied > _TIDY_S:
                self.tidy()
                tidied = time.monotonic()
        notify(STOPPING="1")

    def tidy(self) -> int:
        """Delete the films that were triaged and returned longer ago than `serve.keep_hours`; returns how many."""
        old = time.time() - 3600 * self._config.serve.keep_hours
        gone = 0
        try:
            for film in list(self._spool.films()):
                if film.stat().st_mtime < old and self._done(film.stem):
                    self._store.remove_films([film])
                    self._spool.remove(film)
                    gone += 1
        except (CxrError, OSError) as error:
            _log.error("old films could not be deleted: %s", error)
        if gone:
            _log.info("%d films were deleted, kept for %g hours", gone, self._config.serve.keep_hours)
        return gone

    def close(self) -> None:
        """Receive no more, finish the film in hand, and put everything away."""
        self._stopping.set()
        self._open.close()

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self, part: Pipeline | Sender | Receiver) -> None:
        part.start()
        self._open.callback(part.close)

    def _done(self, film: str) -> bool:
        """Whether a film was judged, and nothing about it is on its way."""
        return self._store.has_judged(film) and not self._outbox.unfinished(film)

    def _deliver(self, verdict: Verdict) -> None:
        """Queue a film's results, then keep its verdict, which marks the film as done."""
        said = self._queue(verdict)
        self._store.add_films([verdict.source], at=time.time())
        self._store.save_verdicts([verdict])
        self._sender.wake()
        self._metrics.judged(verdict, _age(verdict.source))
        _log.info("film %s: %s; %s", verdict.sha256[:_SHOWN], lane_of(verdict, self._policy).words, said)

    def _queue(self, verdict: Verdict) -> str:
        """Put a film's results into the outbox, and say what came of it."""
        if not isinstance(verdict, Scored):
            return f"not scored ({verdict.kind}), so nothing is returned"
        if not (self._config.returns.automatic and self._config.returns.to):
            return "nothing is returned"
        queued = queue_results(self._outbox, self._config, verdict, self._loaded.bundle.manifest, self._pool)
        if queued.reason:
            self._metrics.results.labels("none").inc()
            _log.warning("film %s: no results, since: %s", verdict.sha256[:_SHOWN], queued.reason)
            return "nothing is returned"
        self._metrics.results.labels("queued").inc(queued.added)
        return f"{queued.added} objects for {queued.peer}"

    def _return_missed(self) -> None:
        return_missed(
            self._spool,
            self._store,
            self._outbox,
            bundle_sha256=self._loaded.bundle.sha256,
            queue=self._queue,
            stopped=self._stopping.is_set,
        )
        self._sender.wake()

    def _faults(self) -> Mapping[str, str]:
        """For each part, why it cannot do its work now."""
        room = ""
        try:
            self._spool.check_room()
        except CxrError as error:
            room = str(error)
        return {
            "pipeline": self._pipeline.trouble or ("" if self._pipeline.live else "it does not move"),
            "spool": room,
            "receiver": "" if self._receiver.running or not self._config.receive.enabled else "it does not listen",
            "sender": "" if self._sender.running else "it does not run",
        }

    def _gauges(self) -> None:
        watch = self._metrics.watch
        watch("cxr_films_waiting", "Films received and not scored yet", lambda: self._pipeline.waiting)
        watch("cxr_spool_bytes", "Bytes of films kept", lambda: self._spool.bytes)
        watch("cxr_associations", "Associations open now", lambda: self._receiver.associations)
        self._metrics.watch_each(
            "cxr_outbox_objects",
            "Objects in the outbox",
            "state",
            values=[state.value for state in State],
            of=lambda state: self._outbox.counts().get(State(state), 0),
        )

    def _words(self) -> str:
        receive, returns = self._config.receive, self._config.returns
        hears = f"receiving as {receive.ae_title} on {receive.host} port {self.port}" if receive.enabled else "deaf"
        to = f"returning to {returns.to}" if returns.to and returns.automatic else "returning nothing"
        return f"{hears}, scoring with {self._loaded.bundle.manifest.name} on {self._loaded.provider.name}, {to}"


def _age(film: Path) -> float | None:
    """Seconds since a film was kept; None where that is not known."""
    try:
        return max(0.0, time.time() - film.stat().st_mtime)
    except OSError:
        return None
